"""What to test with: random functions, tensors, programs, networks, as strategies for Hypothesis.

Enters: limits. Leaves: strategies. They need the extra ``test``. A layer of yours is tested in three lines::

    @given(strategies.tensors((sd.Dim("n"), 4)))
    def test_my_layer(drawn):
        sd.check_gradients(my_layer(drawn.tensor), at=drawn.values, wrt=drawn.tensor).raise_if_failed()
"""

from symdl.check.strategies.arrays import Drawn, arrays, hard_arrays, shapes, tensors
from symdl.check.strategies.networks import Network, networks
from symdl.check.strategies.programs import Sample, losses, programs
from symdl.check.strategies.scalars import scalar_expressions

__all__ = [
    "Drawn",
    "Network",
    "Sample",
    "arrays",
    "hard_arrays",
    "losses",
    "networks",
    "programs",
    "scalar_expressions",
    "shapes",
    "tensors",
]
