"""emit.njit: Python files that stand alone, whose loops Numba compiles."""
