"""What is written besides the equations into files that stand alone.

Enters: nothing. Leaves: `Alone`, the record that writers of such files read: names, values, how results are
arranged, and a call with its results by which a file tests itself; and arrays as text.
"""

from __future__ import annotations

import keyword
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from symdl.emit.spelling import Spelling
from symdl.emit.syntax import Brought, Syntax
from symdl.errors import EmitError


@dataclass(frozen=True, slots=True)
class Answer:
    """How results are arranged, where a language can.

    Attributes:
        form: the only one; all of them in a row; the first one and the others by name, as of gradients; as
            many for each name as before the first one, as of Jacobians of several; or all by name.
        names: of those that have one.
        points: whether arguments broadcast, and every result has a value for each point.
        shape: then how the values of several functions are arranged, in rows; None for one function.
    """

    form: Literal["one", "several", "gradients", "Jacobians", "named"] = "several"
    names: tuple[str, ...] = ()
    points: bool = False
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """An argument of a trial: its values, or the numbers that its place among the arguments stands for.

    Attributes:
        shape: of the array.
        array: its values, if they are given.
        below: of integers, which then are ``0 .. below - 1``; 0 of reals.
        shift: of reals, which then lie within a half of it.
    """

    shape: tuple[int, ...]
    array: Any = None
    below: int = 0
    shift: float = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """What a trial must give: the shape of a result, and values at some places of it."""

    name: str
    shape: tuple[int, ...]
    places: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """A call and its results, to test a file with.

    Attributes:
        samples: the arguments.
        results: of the call.
        changed: of a training step, what becomes of the state.
    """

    samples: tuple[Sample, ...]
    results: tuple[Result, ...]
    changed: tuple[Result, ...] = ()


@dataclass(frozen=True, slots=True)
class Alone:
    """What a file holds besides equations.

    Attributes:
        dtype: of reals.
        name: of the file.
        values: arrays of inputs that are constants, by their places among the inputs.
        start: of a training step the arrays of its state as they are at first, by the same.
        answer: how results are arranged.
        trial: what the file tests itself with; None where it does not.
        brought: functions of users that it calls.
    """

    dtype: str
    name: str = ""
    values: Mapping[int, Any] = field(default_factory=dict)
    start: Mapping[int, Any] = field(default_factory=dict)
    answer: Answer = Answer()
    trial: Trial | None = None
    brought: tuple[Brought, ...] = ()


def bringing(
    syntax: Syntax, brought: Sequence[Brought], prefix: str, library: frozenset[str] = frozenset()
) -> Syntax:
    """Return a syntax whose kernels call functions of users, by their labels with a prefix.

    `library` has the names of functions that its language has.

    Raises:
        EmitError: a label has a meaning in such a file, or two functions have one.
    """
    labels = [each.label for each in brought]
    for label in labels:
        if label in syntax.own | library or keyword.iskeyword(label) or labels.count(label) > 1:
            twice = f"two functions are called {label}"
            raise EmitError(
                twice if labels.count(label) > 1 else f"{label} has a meaning of its own in {syntax.name}",
                cure="give the function another name: sd.function('my_" + label + "', ...)",
            )
    names = {each.routine: f"{prefix}{each.label}" for each in brought}
    return replace(
        syntax,
        functions={**syntax.functions, **names},
        own=syntax.own.union(labels, names.values()),
        brought=tuple(brought),
    )


def literals(array: Any, spelling: Spelling) -> list[str]:
    """Return the values of an array as lines of a list."""
    if array.dtype.kind == "i":
        found = list(map(str, array.reshape(-1).tolist()))
    else:
        found = [_real(value, spelling) for value in array.reshape(-1)]
    return textwrap.wrap(", ".join(found), 100, break_on_hyphens=False, break_long_words=False)


def uniform(array: Any) -> bool:
    """Say whether all values of an array are the same."""
    return bool(array.size and (array == array.reshape(-1)[0]).all())


def _real(value: Any, spelling: Spelling) -> str:
    """Return the shortest text of a number that reads as it is."""
    number = float(value)
    if number != number:
        return spelling.nan
    if number in (float("inf"), -float("inf")):
        return f"{'' if number > 0 else '-'}{spelling.infinity}"
    short = str(value)
    return spelling.constant.format(short if type(value)(float(short)) == value else repr(number))
