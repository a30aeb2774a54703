"""Functions of a formula that has shared parts read it by its name: they do not walk what is in it.

SymPy's own ``Max``, ``Abs`` and others ask for the sign of what they are given by going through it as through
a tree, which takes twice as long for each level that is used twice.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.express.tensors import Tensor
from symdl.express.walks import nodes
from symdl.lower.pipeline import ready

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "exp": sd.exp,
    "log": lambda t: sd.log(1 + t * t),
    "absolute": sd.absolute,
    "maximum": lambda t: sd.maximum(t, 0),
    "maximum of two": lambda t: sd.maximum(t, t * t),
    "clip": lambda t: sd.clip(t, -1, 1),
    "where": lambda t: sd.where(t > 0, t, 0),
    "sign": sd.sign,
    "relu": sd.relu,
    "sqrt": lambda t: sd.sqrt(t * t + 1),
}
x, y = sd.tensor("x", (5,)), sd.tensor("y", (5,))


def shared(depth: int) -> Tensor:
    """Return a polynomial of degree ``2**depth``, each level of which is used twice."""
    found = x
    for _ in range(depth):
        found = (found + y) * (found - 1)
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_reads_its_argument_by_name(name: str) -> None:
    seen = set()
    for depth in (1, 10, 40):
        made = FUNCTIONS[name](shared(depth))
        assert made.equation is not None
        seen.add(len(list(nodes(made.equation.body))))
    assert len(seen) == 1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nodes_of_value_and_gradient_grow_with_the_depth(name: str) -> None:
    def count(depth: int) -> int:
        program = ready(differentiate(FUNCTIONS[name](shared(depth)).sum(), [x, y]).program)
        return sum(len(list(nodes(equation.body))) for equation in program.equations)

    few, some, many = map(count, (8, 16, 24))
    assert many - some <= 1.2 * (some - few)
