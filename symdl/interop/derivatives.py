"""Functions of arrays with derivatives of every order, each derived and compiled when first asked for.

Enters: outputs as tensors. Leaves: `Differentiable`, whose kernels another library calls, and its pullbacks
and tangents: functions of the same kind, of the inputs and of cotangents or directions; and the function of
many entries at once. So the library's own rules for higher derivatives and for batches end in equations, as
those for the first derivative do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdl.differentiate.gradients import grad
from symdl.differentiate.seeds import unused_name
from symdl.differentiate.tangent import jvp
from symdl.express.batching import of_many, vmap
from symdl.express.dims import Dim
from symdl.express.operators import axis_indices
from symdl.express.ordering import depending, real_reads
from symdl.express.program import Fact, collect
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.lower.ir.integers import evaluate
from symdl.run.arguments import expected, sizes
from symdl.run.compile import compile
from symdl.run.compiled import Compiled
from symdl.run.rebuilt import Rebuilt


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """A derivative of a function.

    Attributes:
        function: computes it, of the function's own inputs and then one cotangent for each output, or one
            direction for each input, that was named; None if all of it is zero.
        places: for each result that was asked for its place among the outputs of `function`, None where the
            result is zero whatever the arguments are.
    """

    function: Differentiable | None
    places: tuple[int | None, ...]


class Differentiable(Rebuilt):
    """Outputs as a function of arrays, and its derivatives.

    Args:
        outputs: what it computes.
        inputs: its arguments in order, which need not all be read; by default those that are.
        facts: declared knowledge, as in `symdl.compile`.
        entries: the sizes of axes of many entries, of which there may be none. Outputs without such an axis
            are sums over it, as derivatives are.

    Attributes:
        outputs, inputs, facts, entries: the same.
    """

    def __init__(
        self,
        outputs: Sequence[Tensor],
        inputs: Sequence[Tensor] | None = None,
        facts: Sequence[Fact] = (),
        entries: Sequence[Dim] = (),
    ) -> None:
        self.made_of = (tuple(outputs), inputs, tuple(facts), tuple(entries)), {}
        self.outputs, self.facts, self.entries = tuple(outputs), tuple(facts), tuple(entries)
        if inputs is None:
            inputs = [t for t in collect(self.outputs).inputs if t.value is None]
        self.inputs = tuple(inputs)
        self._kernels: dict[tuple[str, str | None], tuple[Compiled[Any], tuple[tuple[int, str], ...]]] = {}
        self._pullbacks: dict[tuple[tuple[int, ...], tuple[int, ...]], Derived] = {}
        self._tangents: dict[tuple[int, ...], Derived] = {}
        self._mapped: dict[tuple[int, ...], Differentiable | None] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the arguments."""
        return tuple(str(t.name) for t in self.inputs)

    def __call__(self, values: Sequence[Any], *, dtype: str, target: str | None = None) -> tuple[Any, ...]:
        """Compute the outputs.

        Args:
            values: one for each of `inputs`.
            dtype: of all real arrays.
            target: where to compute, as in `symdl.compile`; None for its default.

        Raises:
            ArgumentError: shapes, types or labels that do not fit.
        """
        if self.entries and any(0 in v.shape for v in values):
            return _of_no_entries(self, [tuple(v.shape) for v in values], dtype, target)
        kernel, read = self._kernel(dtype, target)
        results: tuple[Any, ...] = kernel(**{name: values[at] for at, name in read})
        return results

    def shapes(
        self, shapes: Sequence[tuple[int, ...]], *, dtype: str, target: str | None = None
    ) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of the results for arguments of these shapes; nothing is computed.

        Raises:
            ArgumentError: shapes that do not fit.
        """
        kernel, read = self._kernel(dtype, target)
        given = {name: tuple(shapes[at]) for at, name in read}
        dims = sizes([e for e in expected(kernel.built.inputs, dtype) if e.name in given], given)
        program = kernel.built.lowered.program
        found = [program.tensors[t].shape for t in program.outputs]
        return tuple(tuple(evaluate(size, dims) for size in shape) for shape in found)

    def _kernel(self, dtype: str, target: str | None) -> tuple[Compiled[Any], tuple[tuple[int, str], ...]]:
        """Return what computes the outputs, and the places and names of the arguments that it reads."""
        if (dtype, target) not in self._kernels:
            options: dict[str, Any] = {"dtype": dtype} | ({} if target is None else {"target": target})
            kernel = compile(list(self.outputs), facts=self.facts, **options)
            names = {t.name for t in kernel.program.inputs if t.value is None}
            read = tuple((at, name) for at, name in enumerate(self.names) if name in names)
            self._kernels[dtype, target] = kernel, read
        return self._kernels[dtype, target]

    def pullback(self, wrt: tuple[int, ...], along: tuple[int, ...]) -> Derived:
        """Return what takes cotangents of outputs to those of inputs.

        Args:
            wrt: places of these inputs, which hold real numbers.
            along: places of the outputs, all real, that have a cotangent; that of the others is zero.
        """
        if (wrt, along) not in self._pullbacks:
            self._pullbacks[wrt, along] = self._pulled_back(wrt, along)
        return self._pullbacks[wrt, along]

    def tangents(self, moving: tuple[int, ...]) -> Derived:
        """Return what takes directions of inputs to the tangents of all outputs.

        Args:
            moving: places of these inputs, which hold real numbers.
        """
        if moving not in self._tangents:
            self._tangents[moving] = self._pushed_forward(moving)
        return self._tangents[moving]

    def mapped(self, places: tuple[int, ...]) -> Differentiable | None:
        """Return the function of many entries at once, along an axis in front.

        Args:
            places: of the inputs that have this axis; the others are the same for all entries.

        Returns:
            A function whose outputs all have this axis; None if no output depends on these inputs.
        """
        if places not in self._mapped:
            self._mapped[places] = _over_entries(self, places)
        return self._mapped[places]

    def _pulled_back(self, wrt: tuple[int, ...], along: tuple[int, ...]) -> Derived:
        outputs, inputs = [self.outputs[at] for at in along], [self.inputs[at] for at in wrt]
        cotangents = _beside(self.names, outputs, "bar")
        reached = [t for t in inputs if not self._reached_from(t).isdisjoint(outputs)]
        if not reached:
            return Derived(None, (None,) * len(wrt))
        total = sum((_inner(y, bar) for y, bar in zip(outputs, cotangents, strict=True)), start=0)
        gradients = grad(define(None, (), total), reached, facts=self.facts)
        return self._derived(
            gradients, cotangents, [reached.index(t) if t in reached else None for t in inputs]
        )

    def _pushed_forward(self, moving: tuple[int, ...]) -> Derived:
        inputs = [self.inputs[at] for at in moving]
        directions = _beside(self.names, inputs, "dot")
        reached = [y for y in self.outputs if y in set().union(*map(self._reached_from, inputs))]
        if not reached:
            return Derived(None, (None,) * len(self.outputs))
        tangents = jvp(reached, dict(zip(inputs, directions, strict=True)))
        places = [reached.index(y) if y in reached else None for y in self.outputs]
        return self._derived(tangents, directions, places)

    def _derived(
        self, results: Sequence[Tensor], beside: Sequence[Tensor], places: Sequence[int | None]
    ) -> Derived:
        function = Differentiable(results, (*self.inputs, *beside), self.facts, self.entries)
        return Derived(function, tuple(places))

    def _reached_from(self, tensor: Tensor) -> set[Tensor]:
        """Return the outputs that may change with an input."""
        found = depending(collect(self.outputs).groups, [tensor], real_reads)
        return {y for y in self.outputs if y.dtype == "real" and y in found}


def _of_no_entries(
    function: Differentiable, shapes: Sequence[tuple[int, ...]], dtype: str, target: str | None
) -> tuple[Any, ...]:
    """Return empty outputs, and zeros for those that are sums over entries."""
    pairs = [
        list(zip(t.shape, shape, strict=False)) for t, shape in zip(function.inputs, shapes, strict=True)
    ]
    none = {size for axes in pairs for size, count in axes if count == 0 and size in function.entries}
    one = [tuple(1 if size in none else count for size, count in axes) for axes in pairs]
    found = []
    for output, shape in zip(function.outputs, function.shapes(one, dtype=dtype, target=target), strict=True):
        counts = [0 if size in none else count for size, count in zip(output.shape, shape, strict=True)]
        found.append(np.zeros(counts, dtype if output.dtype == "real" else output.dtype))
    return tuple(found)


def _over_entries(function: Differentiable, places: tuple[int, ...]) -> Differentiable | None:
    taken = {
        str(symbol)
        for t in function.inputs
        for size in t.shape
        for symbol in sp.sympify(size, strict=True).free_symbols
    }
    size = Dim(unused_name("entries", taken))
    wide = {t: of_many(t, size) for t in (function.inputs[at] for at in places)}
    program = collect(function.outputs)
    read = {t: many for t, many in wide.items() if t in program.inputs}
    if not read:
        return None
    outputs = vmap(function.outputs, read)
    entries = (*function.entries, size)
    return Differentiable(outputs, [wide.get(t, t) for t in function.inputs], entries=entries)


def _beside(names: Sequence[str], tensors: Sequence[Tensor], word: str) -> list[Tensor]:
    """Return new inputs like `tensors`, one each."""
    taken = set(names)
    found = []
    for tensor in tensors:
        name = unused_name(f"{tensor.name or 'output'}_{word}", taken)
        taken.add(name)
        found.append(Tensor(name, tensor.shape, role="input"))
    return found


def _inner(output: Tensor, cotangent: Tensor) -> Any:
    """Return the sum over all elements of an output times its cotangent."""
    where = output.equation.indices if output.equation is not None else axis_indices(output.rank)
    total = cotangent.at(*where) * output.at(*where)
    return Sum(total, *zip(where, output.shape, strict=True)) if where else total
