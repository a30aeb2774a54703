"""A profile.

Enters: what was measured and counted. Leaves: `Profile`: a table for people, as text and in a notebook, and
the numbers behind it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from symdl.schedule.cost import Machine
from symdl.tables import html_table, text_lines

Limit = Literal["memory", "arithmetic", ""]
_SHOWN = 24
"""Parts in a table; the rest is told in one line."""
_LONGEST = 64
"""Characters of an equation in a table."""


@dataclass(frozen=True, slots=True)
class Share:
    """An equation, and the seconds of its share of a kernel.

    A kernel that computes several equations in one loop is measured as a whole; its time is divided among
    them as their operations, reads and writes are (`symdl.schedule.equation_shares`).
    """

    equation: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Part:
    """A kernel with its arguments, a matrix product, or what goes on between them, in one step.

    Attributes:
        name: ``kernel_0``, ``Z = X @ W``, ``gather X``.
        calls: how often it is called.
        seconds: all calls together.
        operations: on reals; an elementary function counts as 16.
        moved: the bytes that it reads and writes, each element once.
        bound: the seconds that these take at the full rates of the machine, if they are known: its bytes at
            full bandwidth, or its operations, whichever takes longer.
        limit: which of these.
        equations: what it computes.
    """

    name: str
    calls: int
    seconds: float
    operations: int
    moved: int
    bound: float | None
    limit: Limit
    equations: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the time of a step or of a call goes, on one core or on a device.

    Attributes:
        what: was measured.
        parts: the most costly first.
        seconds: of a step in one go, without a clock in between.
        rounds: how many steps were measured; the numbers are medians.
        machines: what the bounds are for, from few bytes a call to many; none if nothing is known of them.
        sizes: the values of all sizes.
    """

    what: str
    parts: tuple[Part, ...]
    seconds: float
    rounds: int
    machines: tuple[Machine, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def by_equation(self) -> dict[str, float]:
        """The seconds of each equation, the most costly first."""
        found: defaultdict[str, float] = defaultdict(float)
        for part in self.parts:
            for share in part.equations:
                found[share.equation] += share.seconds
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    @property
    def by_kernel(self) -> dict[str, float]:
        """The seconds of each kernel, whatever it is called with, and of what is no kernel; the most costly
        first."""
        found: defaultdict[str, float] = defaultdict(float)
        for part in self.parts:
            found[part.name] += part.seconds
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    @property
    def measured(self) -> float:
        """The seconds of all parts, measured one by one."""
        return math.fsum(part.seconds for part in self.parts)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as numbers, texts, lists and dictionaries, ready for JSON."""
        return asdict(self)

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table, its head first: a line for each part, and one for each of its equations."""
        bounds = ("of bound", "bound by") if self.machines else ()
        head = ("", "calls", "time", "share", "operations", "bytes", "GFLOP/s", "GB/s", *bounds)
        rows = [head]
        for part in self.parts[:_SHOWN]:
            rows.append(self._row(part))
            rows += self._equations(part, len(head))
        rest = self.parts[_SHOWN:]
        if rest:
            seconds = math.fsum(part.seconds for part in rest)
            told = (f"{len(rest)} more", "", _time(seconds), self._share(seconds))
            rows.append((*told, *([""] * (len(head) - len(told)))))
        return rows

    def _row(self, part: Part) -> tuple[str, ...]:
        rates = (_rate(part.operations, part.seconds), _rate(part.moved, part.seconds))
        told = (
            part.name,
            f"{part.calls}",
            _time(part.seconds),
            self._share(part.seconds),
            _count(part.operations),
            _count(part.moved),
            *rates,
        )
        if part.bound is None:
            return (*told, "", "") if self.machines else told
        return (*told, f"{part.bound / part.seconds:.0%}" if part.seconds else "", part.limit)

    def _equations(self, part: Part, width: int) -> list[tuple[str, ...]]:
        several = len(part.equations) > 1
        return [
            (
                f"    {_short(share.equation)}",
                "",
                _time(share.seconds) if several else "",
                self._share(share.seconds) if several else "",
                *([""] * (width - 4)),
            )
            for share in part.equations
        ]

    def _share(self, seconds: float) -> str:
        whole = self.measured
        return f"{seconds / whole:.1%}" if whole else ""

    def notes(self) -> list[str]:
        """Return what is said below the table."""
        apart = f"{_time(self.measured)} as the sum of its parts"
        lines = [f"{self.what}: {_time(self.seconds)} in one go, {apart}; medians of {self.rounds}"]
        if any(len(part.equations) > 1 for part in self.parts[:_SHOWN]):
            lines.append("equations in one loop have its time by what they compute, read and write")
        if self.machines:
            rate = max(machine.rate for machine in self.machines)
            known = sorted(machine.bandwidth for machine in self.machines)
            between = " to ".join(dict.fromkeys(f"{b / 1e9:.3g}" for b in (known[0], known[-1])))
            rates = f"{rate / 1e9:.3g} GFLOP/s, {between} GB/s"
            lines.append(f"bounds: {self.machines[0].name}, {rates}, {self.machines[0].source}")
        return lines

    def __str__(self) -> str:
        rows = self.rows()
        return "\n".join([*text_lines(rows, "<" + ">" * (len(rows[0]) - 1)), "", *self.notes()])

    def _repr_html_(self) -> str:
        return html_table(self.rows(), "; ".join(self.notes()))


def _time(seconds: float) -> str:
    """Return a time with three digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:#.3g}".rstrip(".") + f" {unit}"
    return f"{seconds / 1e-9:.0f} ns"


def _count(number: int) -> str:
    """Return a count with three digits."""
    if number < 1000:
        return f"{number}"
    for unit, size in (("k", 1e3), ("M", 1e6), ("G", 1e9)):
        if number < 999.5 * size:
            return f"{number / size:#.3g}".rstrip(".") + unit
    return f"{number / 1e12:#.3g}".rstrip(".") + "T"


def _rate(number: int, seconds: float) -> str:
    return f"{number / seconds / 1e9:.3g}" if seconds and number else ""


def _short(text: str) -> str:
    """Return text in one printable line, not too long."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return clean if len(clean) <= _LONGEST else clean[: _LONGEST - 1] + "…"
