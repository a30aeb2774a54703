"""run.cpu.intrinsics: what Numba cannot say, as instructions of LLVM."""
