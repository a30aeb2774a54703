"""report: a model as one page."""
