"""Systems: one module each (or a family in one), discovered by name; see `models.base`."""
