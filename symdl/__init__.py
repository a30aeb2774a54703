"""symdl: networks as equations, their gradients derived, and kernels made from the derivation."""
