"""symdl: the mathematics of a network becomes its derivation and its kernels."""
