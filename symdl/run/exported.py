"""What is compiled, as files that stand alone.

Enters: a program that was built. Leaves: `Exported`, the method that writes files in another language.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from symdl.emit.alone import Alone, Answer
from symdl.errors import CompileError
from symdl.express.program import Program
from symdl.run.alone import constants, write
from symdl.run.build import Built
from symdl.run.complexes import Complexes
from symdl.run.packing import answer_of, in_row
from symdl.run.trial import Call, trial
from symdl.targets import exporter


class Exported:
    """Can be written as files that need no symdl.

    Attributes:
        program: the equations it computes.
    """

    program: Program
    pack: Any
    _built: Built

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        values: Mapping[str, Any] | None = None,
        example: Mapping[str, Any] | None = None,
    ) -> tuple[Path, ...]:
        """Write files that compute the same where there is no symdl.

        A path that ends with ``.py`` gets one Python file, which needs NumPy and Numba: a function of arrays
        that returns what this one does. Run as a program, the file tests itself. One that ends with ``.c``
        gets a source file in C99 and beside it a header, which says how to call it and how to build it.
        Nothing in it allocates memory: a workspace is passed, and a second function says how long it is.
        Sizes that are symbols are arguments.

        Args:
            path: of the file; its name becomes that of the function.
            values: arrays of inputs, such as trained weights, that become part of the file.
            example: arrays for all other inputs, with which a Python file tests itself; some numbers
                by default.

        Returns:
            The paths of the files.

        Raises:
            ArgumentError: a value or the example is of no input, or does not fit it.
            CompileError: there are no files with such an ending, or inputs have narrow `storage`.
            DataError: a file cannot be written.
            EmitError: something has no code without symdl, such as SciPy's special functions.
        """
        answer, run, program = answer_of(self.pack), cast(Any, self), self._built.lowered.program
        known = dict(values or {})

        def call(arrays: Mapping[str, Any]) -> tuple[list[Any], Mapping[str, Any]]:
            found = run(**arrays, **known)
            apart = isinstance(self.pack, Complexes)
            return self.pack.taken_apart(found) if apart else in_row(found, answer), {}

        names = [program.tensors[t].name for t in program.outputs]
        return export(path, self.program, self._built, Asked(answer, names, call, known, example=example))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a file has besides equations.

    Attributes:
        answer: how results are arranged.
        names: what they are called.
        call: computes them in a row from arrays by name, and what becomes of the state.
        values: arrays of inputs that become part of the file.
        start: of a training step the arrays of its state by name, as they are at first.
        example: arrays for all other inputs.
    """

    answer: Answer
    names: Sequence[str]
    call: Call
    values: Mapping[str, Any] = field(default_factory=dict)
    start: Mapping[str, Any] = field(default_factory=dict)
    example: Mapping[str, Any] | None = None


def export(path: str | os.PathLike[str], program: Program, built: Built, asked: Asked) -> tuple[Path, ...]:
    """Write the files of a program; see `Exported.export`.

    Args:
        built: a program that was built of the same inputs.
    """
    found, inputs = exporter(path), built.inputs
    narrow = next((info for info in inputs if info.storage), None)
    if narrow is not None:
        raise CompileError(
            f"files that stand alone read reals and int64, and {narrow.name} is stored as {narrow.storage}",
            cure="compile without storage, and export that",
        )
    fixed = constants(program, built.dtype, asked.values)
    start = {at: asked.start[info.name] for at, info in enumerate(inputs) if info.name in asked.start}
    wanted = Alone(built.dtype, values=fixed, start=start, answer=asked.answer)
    if found.tested:
        taken = [info for at, info in enumerate(inputs) if at not in fixed.keys() | start.keys()]
        tested = trial(
            *(built.lowered, taken, asked.call, asked.names), dtype=built.dtype, example=asked.example
        )
        wanted = replace(wanted, trial=tested)
    return write(program, path, found, wanted)
