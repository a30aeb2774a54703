"""A program as files in C99 that stand alone.

Enters: `Lowered`, a name, values that are part of the files. Leaves: `Files`: the text of a ``.c`` file and
of its header. Nothing in them allocates memory, and nothing is kept between two calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from symdl.emit.alone import Alone, bringing, literals, uniform
from symdl.emit.c99.syntax import LIBRARY, C, inspect
from symdl.emit.driver import Driver, Passed, driver
from symdl.emit.source import module_source
from symdl.emit.statements import comment
from symdl.lower.lowered import Lowered
from symdl.templating import template


@dataclass(frozen=True, slots=True)
class Files:
    """The source and the header of a program, and what its function is called."""

    name: str
    source: str
    header: str


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A stretch of the workspace, from one place to the next: the largest of some numbers of elements."""

    begin: int
    end: int
    type: str
    counts: tuple[str, ...]


def files(lowered: Lowered, wanted: Alone) -> Files:
    """Return a program as C99; its function is called like the file, as far as that is an identifier.

    Raises:
        EmitError: an operation that C does not have.
    """
    name, dtype, values = wanted.name, wanted.dtype, wanted.values
    syntax = bringing(C, wanted.brought, "real_", LIBRARY)
    made = driver(lowered, name, syntax=syntax, constants=values)
    function = made.name
    real = "float" if dtype == "float32" else "double"
    sizes = [f"int64_t {size}" for size, _ in made.dims]
    module = module_source(lowered, syntax=syntax, dtype=dtype)
    pairs = zip(made.constants, sorted(values), strict=True)
    numbers = [(passed, literals(values[at], C.spelling) or ["0"]) for passed, at in pairs]
    inputs = [p for at, p in enumerate(_inputs(made, values)) if at in wanted.start]
    start = [_first(p, array) for p, array in zip(inputs, wanted.start.values(), strict=True)]
    stretches = _stretches(made)
    source = template("c99/export.jinja").render(
        d=made,
        name=function,
        file=name,
        module=module,
        constants=numbers,
        start=start,
        state=_state(inputs, "real"),
        signature=_signature(made, sizes, "real"),
        sizes=", ".join(sizes) or "void",
        stretches=stretches,
        scratch=stretches[-1].begin,
        end=stretches[-1].end,
        places=stretches[-1].end + 1,
    )
    about = [f"cmake: add_library({function} STATIC {name}.c)", f"       target_link_libraries({function} m)"]
    header = template("c99/header.jinja").render(
        name=function,
        guard=f"SYMDL_{function.upper()}_H",
        about=about,
        sizes=", ".join(sizes),
        arrays=[*(f"{n}: {comment(t)}" for n, t in made.dims if n != t), *map(_said, made.passed)],
        signature=_signature(made, sizes, real),
        state=_state(inputs, real),
        brought=[(each.label, ", ".join(["double"] * each.arguments)) for each in wanted.brought],
    )
    return Files(function, inspect(source, syntax), f"{header.rstrip()}\n")


def _inputs(made: Driver, values: Mapping[int, Any]) -> list[Passed]:
    """Return all inputs in their order, constants where they were."""
    found = list(made.inputs)
    for at, passed in zip(sorted(values), made.constants, strict=True):
        found.insert(at, passed)
    return found


def _first(passed: Passed, array: Any) -> tuple[Passed, list[str], bool]:
    """Return an array of the state with its first values; only one if all are the same."""
    same = uniform(array)
    return passed, literals(array.reshape(-1)[:1] if same else array, C.spelling), same


def _state(inputs: Sequence[Passed], real: str) -> str:
    return ", ".join(f"{'int64_t' if p.integer else real} *{p.name}" for p in inputs)


def _stretches(made: Driver) -> list[_Stretch]:
    """Return the stretches of the workspace; functions of matrices have the last one."""
    kinds = [("int64_t" if integer else "real", counts) for integer, counts in made.stretches]
    kinds.append(("double", made.scratch))
    return [_Stretch(at, at + 1, kind, counts) for at, (kind, counts) in enumerate(kinds)]


def _signature(made: Driver, sizes: list[str], real: str) -> str:
    arrays = [
        f"{'' if p.written else 'const '}{'int64_t' if p.integer else real} *{p.name}" for p in made.passed
    ]
    return ", ".join([*sizes, *arrays, "void *workspace"])


def _said(passed: Passed) -> str:
    """Return a line about an array."""
    title = "" if passed.title == passed.name else f"{comment(passed.title)} "
    return f"{passed.name}: {title}{passed.shape}{', written' if passed.written else ''}"
