"""Pages of Jacobians and Hessians: golden files, names, and the value of every line."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ExplainError
from symdl.explain.documents.derivation import Derivation
from symdl.explain.documents.formulas import draw
from symdl.explain.notation import tree as t
from symdl.explain.printers.latex import latex
from symdl.explain.printers.text import text
from symdl.explain.sections import Lines
from symdl.express.program import collect
from symdl.run.reference.interpreter import evaluate

from .audit import undefined
from .derivatives import DERIVATIVES, DIFFERENTIALS
from .matrices import Matrices
from .shown import dims_of
from .test_golden_pages import accepted
from .test_letters import clashes
from .test_lines import agree, world_of

SIZES = {"n": 4, "d": 3, "k": 2}


def told(name: str) -> Derivation:
    if name in DIFFERENTIALS:
        return sd.derive(*DIFFERENTIALS[name](), form="differential")
    f, wrt, options = DERIVATIVES[name]()
    return sd.derive(f, wrt, **options)


def values_of(*tensors: sd.Tensor) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    shapes = {str(s.name): [SIZES.get(str(e)) or int(e) for e in s.shape] for s in collect(tensors).inputs}
    values: dict[str, Any] = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    if "t" in values:
        values["t"] = rng.integers(0, SIZES["k"], SIZES["n"])
    if "A" in values:
        values["A"] = values["A"] @ values["A"].T + np.eye(3)
    return values


@pytest.mark.parametrize("name", [*DERIVATIVES, *DIFFERENTIALS])
def test_page(name: str, request: pytest.FixtureRequest) -> None:
    accepted(name, told(name), request)


@pytest.mark.parametrize("name", DERIVATIVES)
def test_names_are_defined_and_mean_one_thing(name: str) -> None:
    page = told(name)
    for depth in ("key", "all"):
        assert not undefined(page.at(depth))
    assert not clashes(page)


@pytest.mark.parametrize("name", DERIVATIVES)
def test_lines_have_the_values_of_their_left_sides(name: str) -> None:
    f, wrt, options = DERIVATIVES[name]()
    page = sd.derive(f, wrt, **options)
    assert agree(page, world_of(page, f, values_of(f))) > 2


@pytest.mark.parametrize("name", DERIVATIVES)
def test_the_result_is_the_derivative_that_is_shown(name: str) -> None:
    """The tensor that can be compiled has the values of the last line of the page."""
    f, wrt, options = DERIVATIVES[name]()
    page = sd.derive(f, wrt, **options)
    results = [page.result]
    while isinstance(results[0], tuple):
        results = [inner for one in results for inner in one]
    values = values_of(f)
    arrays = [evaluate(collect([f, one]), values)[one] for one in results]
    world = world_of(page, f, values)
    shown = {text(s.left): s.left for s in page.at("result").steps if s.left is not None}
    found = []
    for left in shown.values():
        assert isinstance(left, t.Partial | t.Grid)  # or the blocks that stand above
        if isinstance(left, t.Partial) and isinstance(left.value, t.Item):
            found.append(world.arrays[left.value.tensor])
    for array in found:
        alike = [a for a in arrays if np.shape(a) == np.shape(array) and np.allclose(a, array, rtol=1e-9)]
        assert alike
    assert found or "linear" in name


@pytest.mark.parametrize("name", [*DERIVATIVES, *DIFFERENTIALS])
def test_latex_is_drawn(name: str) -> None:
    pytest.importorskip("quickjax")
    for step in told(name).at("all").steps:
        left = latex(step.left) if step.left is not None else ""
        assert "svg" in draw(f"{left} = {latex(step.right)}", "")


def over_all(world: Matrices, step: Any) -> np.ndarray:
    """The array that a line defines, entry by entry."""
    names = [index.expr for index in step.left.indices]
    places = itertools.product(*(range(world.size(size)) for size in step.left.tensor.shape))
    entries = [world.value(step.right, dict(zip(names, place, strict=True))) for place in places]
    return np.reshape(entries, [world.size(size) for size in step.left.tensor.shape])


@pytest.mark.parametrize("name", DIFFERENTIALS)
def test_every_line_is_one_number(name: str) -> None:
    """Each line, at a random point along a random direction, has the change of the function."""
    f, wrt = DIFFERENTIALS[name]()
    page = sd.derive(f, wrt, form="differential")
    values = values_of(f)
    arrays = evaluate(collect([f]), values)
    inputs = {one: arrays[one] for one in collect([f]).inputs}
    move = np.random.default_rng(3).normal(size=np.shape(inputs[wrt]))
    program, step = collect([f]), 1e-5
    ends = [evaluate(program, {**values, str(wrt.name): inputs[wrt] + s * step * move}) for s in (1, -1)]
    named = [e.lhs for e in program.equations if e.lhs.name]
    moves = {one: (ends[0][one] - ends[1][one]) / (2 * step) for one in named}
    known_arrays = {one: arrays[one] for one in (*inputs, *named, f)}
    world = Matrices(known_arrays, dims_of(inputs), {wrt: move, **moves})
    gradient = sd.grad(f, wrt)
    known = {t.name: values[t.name] for t in collect([f, gradient]).inputs}
    wanted = float((evaluate(collect([f, gradient]), known)[gradient] * move).sum())
    for one in page.steps:
        if one.rule == "one-hot rows" and isinstance(one.left, t.Item):
            world.arrays = {**world.arrays, one.left.tensor: over_all(world, one)}
    (lines,) = [x for x in page.sections if isinstance(x, Lines) and x.title == "Differentials"]
    assert len(lines.steps) > 2
    for line in lines.steps:
        np.testing.assert_allclose(np.squeeze(world.value(line.right)), wanted, rtol=1e-6, err_msg=line.rule)


@pytest.mark.parametrize("name", [*DERIVATIVES, *DIFFERENTIALS])
def test_ascii(name: str) -> None:
    page = told(name).at("all").text(ascii=True)
    assert page.isascii(), {c for c in page if not c.isascii()}


def test_two_layouts_are_transposes() -> None:
    f, wrt, _ = DERIVATIVES["Jacobian of a transposed factor"]()
    ends = {}
    for layout in ("numerator", "denominator"):
        page = sd.derive(f, wrt, layout=layout)
        world = world_of(page, f, values_of(f))
        ends[layout] = world.value(page.at("result").steps[-1].right)
    np.testing.assert_allclose(ends["numerator"], ends["denominator"].T)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"order": 3}, "order 3"),
        ({"order": 2}, "no Hessian"),
        ({"layout": "rows"}, "no layout"),
        ({"form": "differential"}, "for gradients"),
    ],
)
def test_what_a_vector_has_not(options: dict[str, Any], said: str) -> None:
    f, wrt, _ = DERIVATIVES["Jacobian of a softmax"]()
    with pytest.raises(ExplainError, match=said) as caught:
        sd.derive(f, wrt, **options)
    assert caught.value.cure


def test_what_does_not_depend_is_refused() -> None:
    f, _, _ = DERIVATIVES["Jacobian of a softmax"]()
    with pytest.raises(sd.SymdlError, match="depend"):
        sd.derive(f, sd.tensor("other", (3,)))
    with pytest.raises(ExplainError, match="layout is for Jacobians"):
        sd.derive(f.sum(), "z", layout="denominator")


def test_deep_networks_in_linear_time() -> None:
    """A Jacobian has one line for each layer, whatever the depth."""

    def seconds(depth: int) -> float:
        h = sd.tensor("x", (3,))
        x, a = h, sd.tensor("A", (3, 3))
        for count in range(depth):
            h = sd.define(f"h_{count}", (i := sd.indices("i")[0],), sd.tanh(a @ h)[i])
        begin = time.perf_counter()
        page = sd.derive(h, x)
        assert len(page.steps) >= 2 * depth
        return time.perf_counter() - begin

    seconds(4)
    assert seconds(32) < 16 * seconds(8) + 0.5
