"""The embedded dataset: a small social network made by the project, with a known model of popularity."""
