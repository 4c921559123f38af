"""One module per exercise, each with an `EXERCISE`."""
