"""Compiled scalar functions.

Enters: a program over rank-0 tensors. Leaves: `ScalarFunction`, whose arguments broadcast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic

import numpy as np

from symdl.express.dims import Dim
from symdl.express.program import Program
from symdl.express.scalar import batched
from symdl.express.values import fitting
from symdl.run.compiled import Compiled, Result
from symdl.run.points import given


class ScalarFunction(Generic[Result]):
    """A compiled scalar function: keyword arguments broadcast, results have their shape.

    Attributes:
        program: the equations for one point.
    """

    def __init__(
        self,
        program: Program,
        names: list[str] | None,
        present: list[str],
        options: dict[str, Any],
    ) -> None:
        self.program = program
        self._names, self._present = names, present
        self._dtype = np.dtype(options["dtype"])
        self._compiled: Compiled[Any] = Compiled(batched(program, Dim("points")), **options)
        self.inputs = tuple(str(t.name) for t in program.inputs)
        self._required = frozenset(self.inputs)
        self._allowed = self._required.union(names or ())
        # What is asked for besides the results: slopes by symbols that do not occur, which are 0.
        self._others = any(name not in present for name in names or ())
        runtime, built = options["target"].runtime, self._compiled.built
        self._point, self._row = runtime.point(built, self.inputs), runtime.row(built, self.inputs)

    @property
    def source(self) -> str:
        """The generated module and the listing of its calls."""
        return self._compiled.source

    @property
    def signature(self) -> str:
        """The inputs and outputs."""
        return self._compiled.signature

    def __call__(self, /, **values: Any) -> Result:
        """Return the value, and with `wrt` also a dictionary of derivatives, at all points.

        Raises:
            ArgumentError: names that do not fit, values that are no real numbers or do not broadcast.
        """
        fast = self._row if np.ndarray in map(type, values.values()) else self._point
        results = fast(values) if fast is not None else None
        if results is None:
            results = self._at_arrays(values)
        found: Any = results[0]
        if self._names is not None:
            slopes = dict(zip(self._present, results[1:], strict=True))
            found = found, (self._with_zeros(slopes, np.shape(found)) if self._others else slopes)
        answer: Result = found
        return answer

    def _taken(self, name: str, value: Any) -> Any:
        """Return the array of an argument, where it lies."""
        there = self._compiled.built.runtime.accept(value, name, self._dtype)
        return fitting(value, name, integer=False, dtype=self._dtype) if there is None else there

    def _with_zeros(self, slopes: dict[str, Any], shape: tuple[int, ...]) -> dict[str, Any]:
        """Return all slopes in the order in which they were asked for; those that are 0 were not computed."""
        return {n: slopes[n] if n in slopes else np.zeros(shape, self._dtype)[()] for n in self._names or ()}

    def _at_arrays(self, values: Mapping[str, Any]) -> Sequence[Any]:
        """Return the results at arrays of points, which broadcast."""
        if values.keys() != self._required and not self._required <= values.keys() <= self._allowed:
            raise self._compiled.wrong_names(values)
        compiled = self._compiled
        found = given(values, self.inputs, dtype=self._dtype, block=compiled.block, taken=self._taken)
        if not found.count:
            return [np.empty(found.shape, self._dtype) for _ in self.program.outputs]
        results = compiled.at_points(found.count, found.arrays, found.numbers)
        if len(found.shape) == 1:
            return results
        return [r.reshape(found.shape) if found.shape else r.reshape(())[()] for r in results]
