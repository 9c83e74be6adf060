"""The stages of the pipeline, one module each, and the contracts between them."""

import os

# Read by NumPy and SciPy as they are imported: threads of OpenBLAS that have nothing to do sleep at once. They would
# spin, a tenth of a second in each of forty stages.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
