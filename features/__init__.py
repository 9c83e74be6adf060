"""Features: one module each, discovered by name; see `features.base`."""
