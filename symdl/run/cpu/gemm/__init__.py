"""run.cpu.gemm: matrix products: micro-kernel, dispatch, BLAS."""
