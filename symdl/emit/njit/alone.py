"""A program as one Python file that stands alone.

Enters: `Lowered`, and what is written besides equations. Leaves: the text of a file that needs NumPy and
Numba only: a function of arrays, the loops that it calls, a test. Matrix products are NumPy's.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from symdl.emit.alone import Alone, Answer, Result, Sample, bringing, literals, uniform
from symdl.emit.driver import Driver, Passed, driver
from symdl.emit.inspect import inspect_source
from symdl.emit.njit.syntax import CALLED, NJIT
from symdl.emit.source import module_source
from symdl.emit.statements import comment
from symdl.emit.syntax import Brought, Syntax
from symdl.errors import EmitError
from symdl.lower.ir.integers import Size, factor_of, of
from symdl.lower.lowered import Lowered
from symdl.templating import template

_WORD = re.compile(r"\w+")
_TOLERANCE = {"float32": "1e-4", "float64": "1e-9"}


@dataclass(frozen=True, slots=True)
class _Argument:
    """An array that is passed: how it is called, what is said of it, and the call that takes it."""

    name: str
    about: str
    taken: str


@dataclass(frozen=True, slots=True)
class _Array:
    """An array of the file: what it is called, its shape, and its values as lines; `fill` if all are one."""

    name: str
    shape: str
    kind: str
    lines: list[str]
    fill: str


def file(lowered: Lowered, wanted: Alone) -> str:
    """Return a program as a Python file; its function is called like the file, if that is an identifier.

    Raises:
        EmitError: an operation that is not there without symdl, or a size that no argument shows.
    """
    syntax = _importing(wanted.brought)
    made = driver(lowered, wanted.name, syntax=syntax, constants=wanted.values)
    module = module_source(lowered, syntax=syntax, dtype=wanted.dtype)
    macros: Any = template("njit/calls.jinja").module
    body = macros.body(made.body)
    kept = [p for p in made.inputs if wanted.start and p.role != "input"]
    passed = [p for p in made.inputs if p not in kept]
    points = wanted.answer.points
    pairs = zip(made.constants, sorted(wanted.values), strict=True)
    text = template("njit/export.jinja").render(
        d=made,
        name=made.name,
        letters=len(made.name),
        file=_quiet(wanted.name),
        dtype=wanted.dtype,
        module=module.rstrip(),
        body=body,
        sizes=[] if points else list(_sizes(lowered, made, frozenset(wanted.values))),
        points=made.dims[0][0] if points else "",
        arguments=[_argument(p, points=points) for p in passed],
        state=[_kept(p) for p in kept],
        memory=[(_kind(integer), _largest(counts)) for integer, counts in made.stretches],
        outputs=_said(made.outputs, points=points),
        returned=_returned(made.outputs, wanted.answer),
        constants=[_array(p.name, wanted.values[at], p.integer) for p, at in pairs],
        start=_start(lowered, wanted),
        functions=_used(module),
        brought=wanted.brought,
        multiplies="matrix" in _WORD.findall(body),
        checks="check" in _WORD.findall(body),
        tested=wanted.trial is not None,
        **_trial(wanted),
    )
    return inspect_source(f"{text.rstrip()}\n", syntax)


def _importing(brought: Sequence[Brought]) -> Syntax:
    """Return the syntax of a file that imports functions of users.

    Raises:
        EmitError: one cannot be imported.
    """
    for each in brought:
        if not each.module:
            raise EmitError(
                f"a Python file cannot import the function {each.label}",
                cure="pass c=, a Python function of floats at the top of a module, such as a file beside it",
            )
    imports = dict(NJIT.imports)
    for each in brought:
        imports[each.module] = imports.get(each.module, frozenset()) | {each.name}
    return replace(bringing(NJIT, brought, ""), imports=imports)


def _used(module: str) -> list[str]:
    """Return the functions that kernels call, and those that these call, in their order."""
    found = set(_WORD.findall(module))
    for name, needs in reversed(CALLED.items()):
        found |= {*needs} if name in found else set()
    return [name for name in CALLED if name in found]


def _largest(counts: Sequence[str]) -> str:
    return counts[0] if len(counts) == 1 else f"max({', '.join(counts)})"


def _quiet(text: str) -> str:
    """Return text of a user that ends no docstring and escapes nothing in it."""
    return comment(text).replace("\\", "\\\\").replace('"', "'")


def _said(outputs: Sequence[Passed], *, points: bool) -> list[str]:
    """Return lines that say what is returned."""
    found = ", ".join(f"{_quiet(p.title)}{f' {_quiet(p.shape)}' if p.sizes else ''}" for p in outputs)
    return textwrap.wrap(f"Return {found}{' at all points: arguments broadcast' if points else ''}.", 100)


def _tuple(items: Sequence[object]) -> str:
    return f"({', '.join(map(str, items))}{',' if len(items) == 1 else ''})"


def _text(name: str) -> str:
    """Return a name as text in the file: in double quotes, of characters that all can read."""
    found = ascii(name)
    return found if '"' in found else f'"{found[1:-1]}"'


def _kind(integer: bool) -> str:
    return "np.int64" if integer else "real"


def _argument(passed: Passed, *, points: bool) -> _Argument:
    """Return an argument of the function."""
    if points:
        return _Argument(passed.name, _about(passed), f"at_points({passed.name}, shape)")
    given = ", ".join([passed.name, _tuple(passed.sizes), _kind(passed.integer), _text(passed.name)])
    return _Argument(passed.name, _about(passed), f"given({given})")


def _kept(passed: Passed) -> _Argument:
    """Return an array of a training step's state."""
    given = ", ".join(["state", _text(passed.title), _tuple(passed.sizes), _kind(passed.integer)])
    return _Argument(
        passed.name, f"{_quiet(_text(passed.title))} {_quiet(passed.shape)}", f"of_state({given})"
    )


def _about(passed: Passed) -> str:
    title = "" if passed.title == passed.name else f"{_quiet(passed.title)} "
    return f"{passed.name}: {title}{_quiet(passed.shape)}{' of integers' if passed.integer else ''}"


def _sizes(lowered: Lowered, made: Driver, constants: frozenset[int]) -> Iterator[tuple[str, str]]:
    """Yield each symbolic size, and what it is by the shapes of arguments."""
    program = lowered.program
    inputs = [t for at, t in enumerate(program.inputs) if at not in constants]
    for name, title in made.dims:
        size, found = of(Size(title)), []
        for tensor, passed in zip(inputs, made.inputs, strict=True):
            for axis, extent in enumerate(program.tensors[tensor].shape):
                slope, length = factor_of(extent, Size(title)), f"np.shape({passed.name})[{axis}]"
                factor, rest = slope.number, (extent - slope * size).number
                if factor and rest is not None:
                    less = f"({length} - {rest})" if rest else length
                    found.append((abs(factor), rest, less if factor == 1 else f"{less} // {factor}"))
        if not found:
            raise EmitError(
                f"no argument of a file has the size {title} as an axis",
                cure="read an input that has it as an axis, or use an integer",
            )
        yield name, min(found)[-1]


def _returned(outputs: Sequence[Passed], answer: Answer) -> list[str]:
    """Return the lines that return the results."""
    values = _at_points(outputs, answer) if answer.points else [_shaped(p) for p in outputs]
    if answer.form == "one":
        return [f"return {values[0]}"]
    if answer.form == "several":
        return ["return (", *(f"    {value}," for value in values), ")"]
    if answer.form == "Jacobians":
        count = len(values) // (1 + len(answer.names))
        first, *columns = (f"({', '.join(values[at : at + count])},)" for at in range(0, len(values), count))
        named = zip(answer.names, columns, strict=True)
        return [f"return {first}, {{", *(f"    {_text(name)}: {column}," for name, column in named), "}"]
    before = [f"{values[0]}, "] if answer.form == "gradients" else []
    named = zip(answer.names, values[len(before) :], strict=True)
    return [f"return {''.join(before)}{{", *(f"    {_text(name)}: {value}," for name, value in named), "}"]


def _at_points(outputs: Sequence[Passed], answer: Answer) -> list[str]:
    """Return results at all points; those of several functions are one array."""
    if answer.shape is None:
        return [f"{p.name}.reshape(shape)[()]" for p in outputs]
    count, rows = math.prod(answer.shape), ", ".join(map(str, answer.shape))
    parts = [outputs[at : at + count] for at in range(0, len(outputs), count)]
    each = (", ".join(p.name for p in part) for part in parts)
    return [f"np.concatenate([{names}]).reshape(({rows}, *shape))" for names in each]


def _shaped(passed: Passed) -> str:
    """Return a result as an array of its shape; a number is no array."""
    return f"{passed.name}.reshape({', '.join(passed.sizes)})" if passed.sizes else f"{passed.name}[0]"


def _array(name: str, array: Any, integer: bool) -> _Array:
    fill = literals(array.reshape(-1)[:1], NJIT.spelling)[0] if uniform(array) else ""
    lines = [] if fill else literals(array, NJIT.spelling)
    return _Array(name, _tuple(array.shape), _kind(integer), lines, fill)


def _start(lowered: Lowered, wanted: Alone) -> list[_Array]:
    """Return the state that training begins with."""
    infos = [lowered.program.tensors[t] for t in lowered.program.inputs]
    return [_array(_text(infos[at].name), array, infos[at].integer) for at, array in wanted.start.items()]


def _trial(wanted: Alone) -> dict[str, Any]:
    """Return what a file tests itself with."""
    found = wanted.trial
    flat = {
        "one": "[found]",
        "several": "found",
        "gradients": "[found[0], *found[1].values()]",
        "Jacobians": "[*found[0], *(each for column in found[1].values() for each in column)]",
        "named": "list(found.values())",
    }
    return {
        "tolerance": _TOLERANCE[wanted.dtype],
        "samples": [_sample(at, sample) for at, sample in enumerate(found.samples)] if found else [],
        "results": [
            _result(f"results[{at}]", result) for at, result in enumerate(found.results)
        ] if found else [],
        "changed": [_result(f"state[{_text(r.name)}]", r) for r in found.changed] if found else [],
        "flat": flat[wanted.answer.form],
    }  # fmt: skip


def _sample(at: int, sample: Sample) -> str:
    """Return an argument of a trial as a call."""
    shape = _tuple(sample.shape)
    if sample.array is not None:
        values = ", ".join(literals(sample.array, NJIT.spelling)).replace("\n", " ")
        return f"np.array([{values}]).reshape({shape})"
    if sample.below:
        return f"integers({shape}, {at}, {sample.below})"
    return f"numbers({shape}, {at}, {sample.shift!r})"


def _result(found: str, result: Result) -> str:
    """Return the comparison of a result."""
    places = _tuple(result.places)
    values = ", ".join(repr(value) if math.isfinite(value) else f"np.{value}" for value in result.values)
    return f"agree({_text(result.name)}, {found}, {_tuple(result.shape)}, {places}, [{values}])"
