"""express: what a model is. Tensors, equations in index notation, programs; array syntax for them.

Enters: what a user writes. Leaves: `Program`, in normal form and checked.
"""

from symdl.express import methods  # gives tensors their operators and methods

__all__ = ["methods"]
