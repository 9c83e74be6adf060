"""The local page: trained systems asked in a browser, and what the pipeline wrote to read."""
