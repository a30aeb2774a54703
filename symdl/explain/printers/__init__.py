"""explain.printers: formula trees as LaTeX and as text."""
