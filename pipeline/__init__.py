"""The stages of the pipeline, one module each, and the contracts between them."""
