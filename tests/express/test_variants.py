"""Public functions of one body: each has its own name, words, signature and errors."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

from symdl.express.build import tensor
from symdl.express.tensors import Tensor
from symdl.express.variants import variant


def _times(factor: int, x: Tensor, more: int = 0, *, name: str | None = None) -> Tensor:
    return (factor * x + more).reshape(6)


@variant(_times, 2)
def twice() -> None:
    """Twice as much."""


@variant(_times, 3)
def thrice() -> None:
    """Three times as much."""


@pytest.mark.parametrize(
    ("made", "name", "doc"), [(twice, "twice", "Twice"), (thrice, "thrice", "Three times")]
)
def test_names_and_words(made: Callable[..., Tensor], name: str, doc: str) -> None:
    assert (made.__name__, made.__qualname__, made.__module__) == (name, name, __name__)
    assert (made.__doc__ or "") == f"{doc} as much."
    assert list(inspect.signature(made).parameters) == ["x", "more", "name"]
    with pytest.raises(TypeError, match=rf"^{name}\(\) missing 1 required positional argument: 'x'$"):
        made()
    with pytest.raises(TypeError, match=rf"^{name}\(\) got an unexpected keyword argument 'less'$"):
        made([1.0], less=1)


def test_each_has_its_choice_and_takes_what_stands_for_a_tensor() -> None:
    x = tensor("x", (2, 3))
    bodies = [str(made(x, more=1).equation) for made in (twice, thrice)]
    assert bodies[0] != bodies[1]
    assert twice([[1.0, 2.0, 3.0]] * 2).shape == (6,)  # type: ignore[arg-type]
    assert str(_times.__defaults__) == "(0,)" and _times.__name__ == "_times"
