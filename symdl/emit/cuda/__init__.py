"""emit.cuda: kernels for threads of a graphics processor."""
