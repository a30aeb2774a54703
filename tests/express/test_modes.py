"""Training and inference forms: what is replaced, what is rebuilt, what is shared."""

from __future__ import annotations

import numpy as np
import pytest

from symdl.errors import ShapeError
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim
from symdl.express.modes import inference, training_updates, with_modes
from symdl.express.operators import elementwise
from symdl.express.program import collect
from symdl.express.recurrent import recurrence
from symdl.express.selecting import take
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import outputs

N = Dim("n")


def noisy(x: Tensor, name: str) -> Tensor:
    """Times 2 while training, and it counts its uses; unchanged at inference."""
    count = Tensor(f"{name}.count", (), role="state")
    loud = elementwise(lambda a: 2 * a, x, name=name)
    return with_modes(loud, updates=[(count, count + 1)], inference=elementwise(lambda a: a, x))


def test_layers_are_replaced_wherever_they_stand() -> None:
    x = tensor("x", (N, 2))
    y = noisy(noisy(x, "a") + 1, "b") * 3
    (fixed,) = inference(y)
    values = {"x": np.array([[1.0, 2.0]])}
    np.testing.assert_array_equal(outputs(collect([y]), values)[0], [[18, 30]])
    np.testing.assert_array_equal(outputs(collect([fixed]), values)[0], [[6, 9]])
    assert [old.name for old, _ in training_updates(y)] == ["a.count", "b.count"]
    assert training_updates(fixed) == ()


def test_what_does_not_change_is_shared() -> None:
    x = tensor("x", (N, 2))
    before, other = x**2, x + 1
    y, z = noisy(before, "a") * 2, other * 2
    fixed, same = inference(y, z)
    assert same is z
    assert before in collect([fixed]).definitions
    assert inference(x) == (x,)


def test_a_recurrence_is_rebuilt_as_one() -> None:
    x, u = tensor("x", (4, 2)), parameter("u")
    start = noisy(x, "a")
    (h,) = recurrence(["h"], [(4, 2)], lambda previous: u * previous + start)
    (fixed,) = inference(h)
    values = {"x": np.ones((4, 2)), "u": 0.5}
    expected = np.array([1, 1.5, 1.75, 1.875])
    np.testing.assert_allclose(outputs(collect([h]), values)[0], 2 * np.stack([expected] * 2, 1))
    np.testing.assert_allclose(outputs(collect([fixed]), values)[0], np.stack([expected] * 2, 1))


def test_positions_inside_accesses_are_followed() -> None:
    table, ids = tensor("table", (3,)), tensor("ids", (2,), dtype="int64")
    moved = with_modes(ids + 1, inference=elementwise(lambda i: i, ids, dtype="int64"))
    y = take(table, moved)
    values = {"table": np.array([5.0, 6.0, 7.0]), "ids": np.array([0, 1])}
    np.testing.assert_array_equal(outputs(collect([y]), values)[0], [6, 7])
    np.testing.assert_array_equal(outputs(collect(inference(y)), values)[0], [5, 6])


def test_both_forms_need_one_shape() -> None:
    x = tensor("x", (2, 3))
    with pytest.raises(ShapeError):
        with_modes(x + 1, inference=x.sum(0))
    with pytest.raises(ShapeError):
        with_modes(x + 1, updates=[(Tensor("s", (), role="state"), x)], inference=x)
