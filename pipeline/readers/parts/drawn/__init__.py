"""The embedded dataset: a small social network drawn from a known model of popularity."""
