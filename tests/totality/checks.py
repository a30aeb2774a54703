"""What is checked of one case, or of a group of cases compiled together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ArgumentError, ExplainError
from symdl.explain.notation.tree import Array, Item, Symbol
from symdl.explain.sections import Lines
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.run.compile import compile
from symdl.run.reference.interpreter import evaluate

from ..explain.audit import idle, undefined
from ..explain.comments import check_comments
from ..explain.matrices import Matrices, as_columns
from ..explain.shown import dims_of
from ..explain.test_letters import clashes
from ..explain.test_lines import agree, world_of
from .case import Built, Case, Size

Values = Mapping[str, np.ndarray]
WAYS = ("central", "complex", "tape")
"""Forward mode has its turn with second derivatives."""


def bent(y: Any) -> Any:
    """Makes a loss curved, so that what is linear has a second derivative too."""
    return y + y * y / 2


def computed(tensors: Sequence[Tensor], values: Values) -> list[np.ndarray]:
    """The values of tensors by the reference interpreter."""
    program = collect(list(tensors))
    found = evaluate(program, {str(t.name): values[str(t.name)] for t in program.inputs if t.value is None})
    return [found[t] for t in tensors]


def close(actual: Any, expected: Any, what: object, tolerance: float = 1e-9) -> None:
    """Compare shapes, and values relative to the largest; what is not finite must be so in both."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, what
    finite = np.abs(expected[np.isfinite(expected)])
    scale = max(1.0, float(finite.max(initial=0)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale, err_msg=str(what))


def gradients(built: Built, bend: Callable[[Any], Any] = lambda y: y) -> tuple[Tensor, ...]:
    return sd.grad(built.loss(bend), list(built.moving))


def sizes(case: Case) -> None:
    """A symbolic size gives what the number gives."""
    symbolic = case.build()
    for n in filter(None, case.sizes):
        fixed = case.build(n)
        values = fixed.values(n)
        found = computed(symbolic.outputs, values)
        for t, ours, expected in zip(fixed.outputs, found, computed(fixed.outputs, values), strict=True):
            assert expected.shape == t.shape
            close(ours, expected, t)


def first_order(case: Case) -> None:
    """The derivation against central differences, the complex step and a tape."""
    built = case.build()
    n = case.sizes[0]
    loss = built.loss()
    values = built.values(n)
    used = {str(t.name): values[str(t.name)] for t in collect([loss]).inputs if t.value is None}
    report = sd.check_gradients(loss, at=used, wrt=built.moving, entries=6, methods=WAYS, compiled=False)
    report.raise_if_failed()


def second_order(case: Case) -> None:
    """Forward over reverse against reverse over reverse, and both against differences of the gradient."""
    built = case.build()
    along = built.directions()
    n = case.sizes[0]
    values = built.values(n, *along.values())
    slopes = gradients(built, bent)
    products = sd.hvp(built.loss(bent), list(built.moving), along)
    found = computed(products, values)
    step = 1e-5
    moved = [
        computed(slopes, values | {str(t.name): values[str(t.name)] + sign * step * values[str(v.name)]
                                   for t, v in along.items()})
        for sign in (1, -1)
    ]  # fmt: skip
    for t, product, up, down in zip(built.moving, found, *moved, strict=True):
        close(product, (up - down) / (2 * step), f"Hessian of {t.name}", 1e-6)
    inner: Any = sum(((g * along[t]).sum() if g.rank else g * along[t]
                      for t, g in zip(built.moving, slopes, strict=True)), 0)  # fmt: skip
    for t, ours, theirs in zip(
        built.moving, computed(sd.grad(inner, list(built.moving)), values), found, strict=True
    ):
        close(ours, theirs, f"gradient of the gradient by {t.name}")
    tangents = sd.jvp([built.loss()], along)
    (pushed,) = computed(tangents, values)
    pulled = computed(gradients(built), values)
    total = sum((g * values[str(along[t].name)]).sum() for t, g in zip(built.moving, pulled, strict=True))
    close(pushed, total, "forward mode")


def derivation(case: Case) -> None:
    """Every line has the value of its neighbours, and everything can be printed."""
    built = case.build()
    n = 2
    loss = built.loss()
    values = built.values(n)
    used = {str(t.name): values[str(t.name)] for t in collect([loss]).inputs if t.value is None}
    learned = [t for t in built.moving if t.role == "parameter"] or built.moving[1:]
    for by in (built.moving[0], *learned[:1]):
        told = sd.derive(loss, by)
        for depth in ("result", "all"):
            assert told.at(depth).text()
            assert told.at(depth).latex()
            assert depth == "result" or not undefined(told.at(depth)), told.at(depth).text()
            assert not clashes(told.at(depth)), told.at(depth).text()
        assert not undefined(told.at("key")) | idle(told.at("key")), told.text()
        with np.errstate(all="ignore"):  # where nothing counts, the logarithm of 0 is meant
            assert agree(told, world_of(told, loss, used)) > 0


def differentials(case: Case) -> None:
    """Where there is a derivation by differentials, every line is one number, and the result the gradient."""
    built = case.build()
    loss, by = built.loss(), built.moving[0]
    try:
        told = sd.derive(loss, by, form="differential")
    except ExplainError:
        return
    assert told.text()
    assert told.at("all").latex()
    used = built.values(2, *built.directions().values())
    along = used[str(built.directions()[by].name)]
    program = collect([loss])
    at = {str(t.name): used[str(t.name)] for t in program.inputs if t.value is None}
    arrays, up, down = (
        evaluate(program, {**at, str(by.name): at[str(by.name)] + step * along}) for step in (0, 1e-5, -1e-5)
    )
    moves = {t: (up[t] - down[t]) / 2e-5 for t in arrays if t.dtype == "real"}
    (gradient,) = computed([sd.grad(loss, by)], used)
    world = Matrices(arrays, dims_of(arrays), {**moves, by: along})
    function, lines, result = (s for s in told.sections if isinstance(s, Lines))
    *named, last = function.steps
    for step in named:
        assert isinstance(step.left, Array | Item)
        one = step.left.tensor
        if isinstance(step.left, Array):
            found = world.value(step.right)
        else:  # entry by entry, as computed labels and their one-hot rows, which exist on paper only
            places = np.ndindex(*map(world.size, one.shape))
            names = [i.expr for i in step.left.indices if isinstance(i, Symbol)]
            entries = [world.value(step.right, dict(zip(names, place, strict=True))) for place in places]
            found = as_columns(np.reshape(entries, [*map(world.size, one.shape)]))
        close(found, as_columns(arrays.setdefault(one, found)), step)
    close(np.squeeze(world.value(last.right)), arrays[loss], "the function")
    for step in lines.steps:
        close(np.squeeze(world.value(step.right)), np.sum(gradient * along), step, 1e-6)
    found = world.value(result.steps[0].right)
    close(np.broadcast_to(found, as_columns(gradient).shape), as_columns(gradient), "the result")


def refusals(case: Case) -> None:
    """A position beyond the end or before the beginning is an error, before anything is computed."""
    built = case.build()
    n = case.sizes[0]
    program = collect(list(built.outputs))
    for key, given in case.given.items():
        if given.kind != "whole" or not given.checked:
            continue
        for wrong in (-1, int(given.high)):
            values = {str(t.name): built.values(n)[str(t.name)] for t in program.inputs if t.value is None}
            values[f"{case.prefix}.{key}"].flat[-1] = wrong
            with pytest.raises(ArgumentError):
                evaluate(program, values)
            with pytest.raises(ArgumentError):
                compile(list(built.outputs), target="python")(**values)


@dataclass(frozen=True, slots=True)
class Kernels:
    """Cases compiled together: what each computes, and the function that computes everything."""

    wanted: Sequence[tuple[Built, Sequence[Tensor]]]
    kernel: Any
    dtype: str = "float64"

    @classmethod
    def of(
        cls,
        cases: Sequence[Case],
        wanted: Callable[[Built], Sequence[Tensor]],
        *,
        n: Size = "n",
        dtype: Any = "float64",
        target: Any = "cpu",
    ) -> Kernels:
        pairs = [(built, wanted(built)) for built in (case.build(n) for case in cases)]
        tensors = [t for _, each in pairs for t in each]
        return cls(pairs, compile(tensors, dtype=dtype, target=target), dtype)

    def failures(
        self, n: int, arrange: Callable[[np.ndarray], np.ndarray] = np.asarray, *, comments: bool = False
    ) -> list[str]:
        """Run once; compare each case for which this size means something with the interpreter."""
        values: dict[str, Any] = {}
        for built, _ in self.wanted:
            values |= built.values(n, *built.directions().values())
        used = {str(t.name): values[str(t.name)] for t in self.kernel.program.inputs if t.value is None}
        typed = {k: arrange(v if v.dtype.kind == "i" else v.astype(self.dtype)) for k, v in used.items()}
        results = iter(self.kernel(**typed))
        failed = []
        if comments:
            try:
                assert check_comments(self.kernel.source, self.kernel.program, used) > 0
            except AssertionError as error:
                failed.append(f"a comment, n = {n}: {error}")
        for built, each in self.wanted:
            found = [next(results) for _ in each]
            if n not in built.case.sizes:
                continue
            try:
                for t, ours, expected in zip(each, found, computed(each, values), strict=True):
                    close(ours, expected, t, 1e-10 if self.dtype == "float64" else 1e-4)
            except AssertionError as error:
                failed.append(f"{built.case.id}, n = {n}, {self.dtype}: {error}")
        return failed


def first(built: Built) -> Sequence[Tensor]:
    """The outputs and the gradients."""
    return (*built.outputs, *(gradients(built) if built.case.order else ()))


def second(built: Built) -> Sequence[Tensor]:
    """The Hessian times a vector."""
    if built.case.order < 2:
        return ()
    return sd.hvp(built.loss(bent), list(built.moving), built.directions())


def strided(array: np.ndarray) -> np.ndarray:
    """The same values at every second place of a larger array, in Fortran's order and backwards."""
    wide = np.zeros([2 * size + 1 for size in array.shape], array.dtype, order="F")
    if not array.ndim:
        return array
    view = wide[(slice(1, None, 2),) * array.ndim][(slice(None, None, -1),) * array.ndim]
    view[...] = array
    return view
