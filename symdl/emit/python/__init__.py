"""emit.python: how plain Python is written."""
