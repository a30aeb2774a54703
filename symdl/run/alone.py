"""Programs as files that stand alone.

Enters: a program, a path, what writes files with its ending. Leaves: the files, which need no symdl.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from symdl.emit.alone import Alone
from symdl.emit.syntax import Brought
from symdl.errors import ArgumentError
from symdl.express.program import Program
from symdl.express.special.own import Own, number_and_count
from symdl.express.values import fitting
from symdl.express.walks import kinds_of
from symdl.files import replacing


@dataclass(frozen=True, slots=True)
class Exporter:
    """What writes files with an ending.

    Attributes:
        texts: returns the texts of files by their endings.
        tested: whether they test themselves.
    """

    texts: Callable[[Program, Alone], Mapping[str, str]]
    tested: bool = False


def write(
    program: Program, path: str | os.PathLike[str], exporter: Exporter, wanted: Alone
) -> tuple[Path, ...]:
    """Write the files of a program beside each other, in the name of `path`; return their paths.

    Raises:
        DataError: a file cannot be written.
        EmitError: something has no code in files that stand alone.
    """
    given = Path(path)
    texts = exporter.texts(program, replace(wanted, name=given.stem, brought=_brought(program)))
    found = []
    for ending, text in texts.items():
        found.append(given.with_suffix(ending))
        with replacing(found[-1]) as file:
            file.write(text.encode())
    return tuple(found)


def _brought(program: Program) -> tuple[Brought, ...]:
    """Return the functions of users that a program calls."""
    kinds = {type(call) for equation in program.equations for call in kinds_of(equation.body, Own)}
    return tuple(_described(kind) for kind in sorted(kinds, key=lambda kind: kind.calls))


def _described(kind: type[Own]) -> Brought:
    arguments = number_and_count(kind.calls)[1]
    module, name = str(getattr(kind.c, "__module__", "")), str(getattr(kind.c, "__qualname__", ""))
    there = getattr(sys.modules.get(module), name, None) if module != "__main__" else None
    if there is not kind.c or not _IMPORTABLE.fullmatch(f"{module}.{name}"):
        return Brought(kind.calls, kind.label, arguments)
    return Brought(kind.calls, kind.label, arguments, module, name, hasattr(kind.c, "py_func"))


_IMPORTABLE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)


def constants(program: Program, dtype: str, values: Mapping[str, Any]) -> dict[int, Any]:
    """Return the arrays of the inputs that are constants already, or become that, by their places.

    Raises:
        ArgumentError: `values` has a name that is no input, or a value that does not fit.
    """
    inputs = {str(t.name): t for t in program.inputs if t.value is None}
    unknown = [name for name in values if name not in inputs]
    if unknown:
        raise ArgumentError(f"{unknown[0]} is no input", cure=f"choose from {', '.join(inputs)}")
    found: dict[int, Any] = {}
    for at, tensor in enumerate(program.inputs):
        name = str(tensor.name)
        value = values[name] if name in values and tensor.value is None else tensor.value
        if value is None:
            continue
        integer = tensor.dtype == "int64"
        kind = np.dtype("int64" if integer else dtype)
        array = fitting(value, name, integer=integer, dtype=kind)
        known = all(isinstance(size, int) for size in tensor.shape)
        if array.shape != tuple(tensor.shape) or not known:
            shapes = {name: array.shape, "expected": tensor.shape}
            raise ArgumentError(f"the value of {name} has the wrong shape", shapes=shapes)
        found[at] = np.ascontiguousarray(array).reshape(array.shape)
    return found
