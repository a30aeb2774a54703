"""express: what a model is. Tensors, equations in index notation, programs; array syntax for them.

Enters: what a user writes. Leaves: `Program`, in normal form and checked.
"""

from symdl.express import methods  # gives tensors their operators and methods
from symdl.express.portable import pickling  # tells `pickle` what tensors are made of

__all__ = ["methods", "pickling"]
