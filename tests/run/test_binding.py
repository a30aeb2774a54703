"""Values and symbolic sizes: what fits, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from symdl.errors import ArgumentError
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.operators import elementwise
from symdl.express.program import Program, collect
from symdl.lower.freeze.freeze import freeze
from symdl.run.arguments import Arguments, expected
from symdl.run.compiled import Compiled
from symdl.run.reference.binding import bind, bind_dims
from symdl.run.reference.interpreter import outputs

n, m = Dim("n"), Dim("m")


def program(*shapes: tuple[Any, ...]) -> Program:
    return Program(tuple(tensor(f"x{k}", shape) for k, shape in enumerate(shapes)), (), ())


def sizes(declared: list[tuple[Any, ...]], given: list[tuple[int, ...]]) -> dict[str, int]:
    made = program(*declared)
    arrays = {t: np.zeros(shape) for t, shape in zip(made.inputs, given, strict=True)}
    return {str(dim): size for dim, size in bind_dims(made, arrays).items()}


@pytest.mark.parametrize(
    ("declared", "given", "found"),
    [
        ([(n,)], [(3,)], {"n": 3}),
        ([(4 * n, m), (n - 1,)], [(8, 5), (1,)], {"n": 2, "m": 5}),
        ([(n + m,), (m,)], [(7,), (3,)], {"n": 4, "m": 3}),
        ([(n * m,), (n**2,)], [(6,), (4,)], {"n": 2, "m": 3}),
        ([(n * m,), (m + 1,), (n - 1,)], [(6,), (4,), (1,)], {"n": 2, "m": 3}),
        ([(9 - n,)], [(7,)], {"n": 2}),
        ([(2, 3)], [(2, 3)], {}),
        ([()], [()], {}),
    ],
)
def test_sizes_are_found(declared: Any, given: Any, found: dict[str, int]) -> None:
    assert sizes(declared, given) == found


@pytest.mark.parametrize(
    ("declared", "given", "words"),
    [
        ([(n,), (n,)], [(3,), (4,)], r"x1 has shape .*, expected"),
        ([(4 * n,)], [(6,)], r"x0 has shape .*, expected"),
        ([(n, 2)], [(3, 3)], r"x0 has shape .*, expected"),
        ([(n,)], [(3, 1)], r"x0 has shape .*, expected"),
        ([(n,)], [(0,)], "x0 has no elements along the axis n"),
        ([(n + m,)], [(4,)], "the sizes m, n cannot be told from x0"),
        ([(n // 2,)], [(3,)], r"x0 has shape .*, expected"),
    ],
)
def test_sizes_that_do_not_fit(declared: Any, given: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        sizes(declared, given)


def test_a_size_that_no_input_shows() -> None:
    X = tensor("X", (n,))
    wide = elementwise(lambda x: x, tensor("Y", (m,)))
    assert wide.equation is not None
    with pytest.raises(ArgumentError, match="the size m cannot be read off"):
        bind_dims(Program((X,), (wide.equation,), (wide,)), {X: np.zeros(2)})


def test_values_by_name_or_tensor() -> None:
    made = program((2,), (2,))
    arrays = bind(made, {"x0": [1, 2], made.inputs[1]: [3.0, 4.0]}, dtype="float32")
    assert [a.dtype for a in arrays.values()] == [np.float32, np.float32]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "missing: x0"),
        ({"x0": [1.0], "y": 2}, "unknown: y"),
        ({"x0": ["a"]}, "pass real numbers"),
        ({"x0": [1j]}, "pass real numbers"),
    ],
)
def test_values_that_do_not_fit(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        bind(program((1,)), values)


@pytest.mark.parametrize("value", [[0.5], [np.nan], [np.inf]])
def test_integers_are_integers(value: list[float]) -> None:
    made = Program((tensor("t", (1,), dtype="int64"),), (), ())
    with pytest.raises(ArgumentError, match="no integers"):
        bind(made, {"t": value})
    assert bind(made, {"t": [2.0]})[made.inputs[0]].dtype == np.int64


@pytest.mark.parametrize(
    "given",
    [{}, {"X": np.ones((3, 2)), "y": 1}, {"X": np.ones(3)}, {"X": np.ones((0, 2))}, {"X": np.ones((2, 3))}],
    ids=["missing", "unknown", "rank", "empty", "size"],
)
def test_compiled_functions_and_the_interpreter_say_the_same(given: dict[str, Any]) -> None:
    x = tensor("X", (n, 2))
    doubled = collect([x * 2])
    said = []
    for call in (
        lambda: bind_dims(doubled, bind(doubled, given)),
        lambda: Compiled(doubled, target="python")(**given),
    ):
        with pytest.raises(ArgumentError) as caught:
            call()
        said.append(str(caught.value))
    assert said[0] == said[1]


EXTENTS = (n, m, 2, 4 * n, n - 1, n + m, n * m, n**2, 9 - n, 2 * m + 1, n // 2)


@given(
    st.lists(st.lists(st.sampled_from(EXTENTS), max_size=2), min_size=1, max_size=4),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(0, 9),
)
def test_compiled_functions_and_the_interpreter_find_the_same_sizes(
    declared: list[list[Any]], first: int, second: int, wrong: int
) -> None:
    shapes = [[int(sp.sympify(e).subs({n: first, m: second})) for e in shape] for shape in declared]
    if wrong < len(shapes) and shapes[wrong]:
        shapes[wrong][0] += 1
    made = program(*map(tuple, declared))
    arrays = {t: np.zeros(shape) for t, shape in zip(made.inputs, shapes, strict=True)}
    frozen = freeze(made)
    arguments = Arguments(expected([frozen.tensors[t] for t in frozen.inputs], "float64"))

    def told(find: Callable[[], dict[Any, int]]) -> Any:
        try:
            return {str(dim): size for dim, size in find().items()}
        except ArgumentError as error:
            return error.message

    interpreted = told(lambda: bind_dims(made, arrays))
    compiled = told(lambda: arguments.take({str(t.name): a for t, a in arrays.items()})[1])
    assert type(interpreted) is type(compiled), (interpreted, compiled)
    assert interpreted == compiled or isinstance(interpreted, str)


@pytest.mark.parametrize("value", [[0.0, 1.0], [False, True], (0, 1), np.array([0, 1], "uint8")], ids=str)
def test_whole_numbers_are_integers_to_both(value: Any) -> None:
    t = tensor("t", (n,), dtype="int64")
    table = collect([t + 1])
    (wanted,) = outputs(table, {"t": value})
    for target in ("cpu", "python"):
        (found,) = Compiled(table, target=target)(t=value)
        np.testing.assert_array_equal(found, wanted)
