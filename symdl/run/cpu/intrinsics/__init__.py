"""run.cpu.intrinsics: what Numba cannot say, and elementary functions without branches."""
