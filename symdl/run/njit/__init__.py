"""run.njit: programs as Python files."""
