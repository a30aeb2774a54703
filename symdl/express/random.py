"""Random numbers as a function of where and when: the language stays free of hidden state.

Enters: a seed, a counter of steps and a position. Leaves: `RandomUniform`, a scalar function whose value is a
number in [0, 1) that looks random, and `uniform_numbers`, its values in NumPy. The same arguments give the
same number in the forward pass, in the derived backward pass and on every target.

The generator is SplitMix64 (Steele, Lea and Flood, 2014): a counter times an odd constant, then a mixing
function. Its top 24 bits are used, so that float32 and float64 hold the same number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy as sp

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

GOLDEN = 0x9E3779B97F4A7C15
MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
STRIDE = 0xD1342543DE82EF95
"""Multiplies the step, so that steps and positions do not run along the same sequence."""


class RandomUniform(sp.Function):
    """``RandomUniform(seed, step, position)``: a number in [0, 1); its derivative is 0.

    `seed` and `position` are integers, `step` a whole number.
    """

    nargs = 3

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The derivative with respect to any argument: random numbers do not move with it."""
        return sp.Integer(0)

    def _eval_is_extended_real(self) -> bool:
        return True

    def _eval_is_real(self) -> bool:
        return True


def uniform_numbers(seed: Any, step: Any, position: Any) -> npt.NDArray[np.float64]:
    """Return the values of `RandomUniform` for arrays of whole numbers, which broadcast."""
    import numpy as np

    with np.errstate(over="ignore"):
        state: Any = np.asarray(seed, "float64").astype("uint64") * np.uint64(GOLDEN)
        state = state + np.asarray(step, "float64").astype("uint64") * np.uint64(STRIDE)
        state = state + (np.asarray(position).astype("uint64") + np.uint64(1)) * np.uint64(GOLDEN)
        for shift, factor in MIX:
            state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
        state = state ^ (state >> np.uint64(31))
    numbers: npt.NDArray[np.float64] = (state >> np.uint64(40)).astype("float64") * 2.0**-24
    return numbers
