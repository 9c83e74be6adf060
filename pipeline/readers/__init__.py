"""One module per raw format; a new dataset format is one file in this folder."""
