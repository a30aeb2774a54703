"""Compiled scalar functions.

Enters: a program over rank-0 tensors. Leaves: `ScalarFunction`, whose arguments broadcast.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, Never

import numpy as np

from symdl.emit.alone import Answer
from symdl.express.dims import Dim
from symdl.express.program import Program
from symdl.express.scalar import batched
from symdl.express.values import fitting
from symdl.run import misfits
from symdl.run.compiled import Compiled, Result
from symdl.run.exported import Asked, export
from symdl.run.packing import in_row
from symdl.run.points import given
from symdl.run.rebuilt import Rebuilt
from symdl.run.shown import Shown


class ScalarFunction(Rebuilt, Shown, Generic[Result]):
    """A compiled scalar function, or several: keyword arguments broadcast, results have their shape.

    Args:
        program: the values for one point, then their derivatives by the first name, by the second one, ….
        names: what is differentiated with respect to; None for values alone.
        shape: how several functions are arranged, in rows; None for one function.
        options: what `Compiled` is told.

    Attributes:
        program: the equations for one point.
        inputs: the names of its arguments.
    """

    def __init__(
        self,
        program: Program,
        names: Sequence[str] | None,
        shape: tuple[int, ...] | None,
        options: dict[str, Any],
    ) -> None:
        self.program, self.made_of = program, ((program, names, shape, options), {})
        self._names, self._shape = names, shape
        self._dtype = np.dtype(options["dtype"])
        self._compiled: Compiled[Any] = Compiled(batched(program, Dim("points")), **options)
        self.inputs = tuple(str(t.name) for t in program.inputs)
        self._required = frozenset(self.inputs)
        self._allowed = self._required.union(names or ())
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

    def __call__(self, /, *unnamed: Never, **values: Any) -> Result:
        """Return the values, and with `wrt` also a dictionary of derivatives, at all points.

        Raises:
            ArgumentError: names that do not fit, values that are no real numbers or do not broadcast.
        """
        if unnamed:
            raise misfits.unnamed("the function", unnamed, self.inputs)
        fast = self._row if np.ndarray in map(type, values.values()) else self._point
        results: Any = fast(values) if fast is not None else None
        if results is None:
            results = self._at_arrays(values)
        if self._shape is not None:
            results = self._arranged(results, self._shape)
        answer: Any = results[0]
        if self._names is not None:
            answer = answer, dict(zip(self._names, results[1:], strict=True))
        found: Result = answer
        return found

    def export(
        self, path: str | os.PathLike[str], *, example: Mapping[str, Any] | None = None
    ) -> tuple[Path, ...]:
        """Write files that compute the same where there is no symdl, as `Compiled.export` does.

        The function in a Python file takes numbers and arrays, which broadcast, and returns what this one
        does. That in a C file takes the number of points and an array of them for each argument, and writes
        an array for each value and derivative.

        Args:
            path: of the file, which ends with ``.py`` or ``.c``; its name becomes that of the function.
            example: a flat array for each argument, with which a Python file tests itself; some numbers
                by default.

        Returns:
            The paths of the files.

        Raises:
            ArgumentError: the example does not fit.
            CompileError: there are no files with such an ending.
            DataError: a file cannot be written.
            EmitError: something has no code without symdl, such as SciPy's special functions.
        """
        names = () if self._names is None else tuple(self._names)
        answer = Answer("one" if self._names is None else "gradients", names, True, self._shape)

        def call(arrays: Mapping[str, Any]) -> tuple[list[Any], Mapping[str, Any]]:
            return in_row(self(**arrays), answer), {}

        asked = Asked(answer, ["value", *names], call, example=example)
        return export(path, self._compiled.program, self._compiled.built, asked)

    def _arranged(self, results: Any, shape: tuple[int, ...]) -> list[Any]:
        """Return the values of all functions as one array, and so those of each derivative."""
        step = math.prod(shape)
        parts = [results[at : at + step] for at in range(0, len(results), step)]
        if isinstance(results, np.ndarray):
            return [part.reshape(*shape, *results.shape[1:]) for part in parts]
        if np.ndim(results[0]):  # arrays on a device
            return [tuple(part) for part in parts]
        return [np.array(part, self._dtype).reshape(shape) for part in parts]

    def _taken(self, name: str, value: Any) -> Any:
        """Return the array of an argument, where it lies."""
        there = self._compiled.built.runtime.accept(value, name, self._dtype)
        return fitting(value, name, integer=False, dtype=self._dtype) if there is None else there

    def _at_arrays(self, values: Mapping[str, Any]) -> Any:
        """Return the results at arrays of points, which broadcast."""
        if values.keys() != self._required and not self._required <= values.keys() <= self._allowed:
            raise self._compiled.wrong_names(values)
        compiled = self._compiled
        found = given(values, self.inputs, dtype=self._dtype, block=compiled.block, taken=self._taken)
        if not found.count:
            return np.empty((len(self.program.outputs), *found.shape), self._dtype)
        results: Any = compiled.at_points(found.count, found.arrays, found.numbers)
        if len(found.shape) == 1:
            return results
        if isinstance(results, np.ndarray):
            return results.reshape(len(results), *found.shape)
        return [r.reshape(found.shape) for r in results]
