"""run.python: what generated Python code is built on."""
