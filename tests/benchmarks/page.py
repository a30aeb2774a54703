"""``python -m tests.benchmarks.page out/bench.json …``: put measured figures into docs/performance.md.

Enters: files of `report.write`; of a row that several have, the last counts. Leaves: the page, with all that
stands between the two marks of a part written again, and the plot beside it, for each part that has measured
rows; the others stay. No figure there is typed by hand.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .peers import PEERS, SLOW_START
from .report import Row, Run, duration, number, plot, read
from .session import ROOT, Outcome
from .workloads import ALL, FAMILIES

PAGE = ROOT / "docs" / "performance.md"
END = "<!-- to here -->"


@dataclass(frozen=True, slots=True)
class Part:
    """A table of the page, with the rows of some workloads.

    Attributes:
        begin: the mark before it; `END` is that behind it.
        detail: the heading of the table of every library.
        plot: the file beside the page.
        names: of the workloads.
    """

    begin: str
    detail: str
    plot: str
    names: frozenset[str]


_FAMILIES = frozenset(w.name for w in FAMILIES)
PARTS = (
    Part(
        "<!-- written by python -m tests.benchmarks.page, from here -->",
        "Every library",
        "performance.png",
        frozenset(w.name for w in ALL) - _FAMILIES,
    ),
    Part(
        "<!-- families, written by python -m tests.benchmarks.page, from here -->",
        "Every library on them",
        "performance-families.png",
        _FAMILIES,
    ),
)
LEVEL = 0.15
"""A smaller distance of the ratio from 1 is no difference."""

_EXPLAINED = """\
Times are medians of a step, or of a call for the value and gradient at many points. Below 1 symdl
is ahead; ratios of least samples stand after a semicolon where they differ. In the last two columns
symdl stands first, the best other library second."""


def merged(found: Sequence[tuple[Run, list[Row]]], part: Part) -> list[tuple[Run, Row]]:
    """Return a part's rows that have a ratio, in the order of the workloads, with the run each comes from."""
    last = {row.workload.name: (run, row) for run, rows in found for row in rows if row.ratio == row.ratio}
    return [last[w.name] for w in ALL if w.name in part.names & last.keys()]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    return [_line(head), "|" + "---|" * len(head), *map(_line, body)]


def _said(outcome: Outcome | None) -> str:
    if outcome is None:
        return "–"
    noise = f" ({outcome.disturbed} disturbed)" if outcome.disturbed else ""
    return f"{duration(outcome.median)}{noise}"


def _ratios(row: Row) -> str:
    both = number(row.ratio), number(row.least_ratio)
    return both[0] if both[0] == both[1] else "; ".join(both)


def _pair(row: Row, of: str) -> str:
    """One property of symdl and of the best other library."""
    values = [getattr(o, of) for o in (row.ours, row.best) if o]
    return "; ".join(duration(v) if of == "start" else number(v) for v in values)


def _against_best(rows: Sequence[Row]) -> list[str]:
    head = ["workload", "symdl / best", "symdl", "best", "p90 / median", "first gradient"]
    return _table(
        head,
        [
            [
                row.workload.title,
                _ratios(row),
                duration(row.ours.median),
                f"{duration(row.best.median)}, {row.best.peer}",
                _pair(row, "spread"),
                _pair(row, "start"),
            ]
            for row in rows
            if row.ours and row.best
        ],
    )


def _all_peers(rows: Sequence[Row]) -> list[str]:
    peers = [p for p in PEERS if any(r.of(p) for r in rows)]
    return _table(["workload", *peers], [[r.workload.title, *(_said(r.of(p)) for p in peers)] for r in rows])


def _names(rows: Sequence[Row]) -> str:
    return "; ".join(f"{r.workload.title} ({number(r.ratio)})" for r in rows) or "none"


def _summary(rows: Sequence[Row]) -> list[str]:
    ahead = [r for r in rows if r.ratio < 1 - LEVEL]
    behind = [r for r in rows if r.ratio > 1 + LEVEL]
    level = [r for r in rows if r not in ahead and r not in behind]
    met = [r for r in rows if r.ratio <= r.workload.goal]
    first = [r for r in rows if r.ours and r.best and r.ours.start > r.best.start]
    steady = [r for r in rows if r.ours and r.ours.spread <= 1.3]
    return [
        f"- Of {len(rows)} rows symdl is ahead in {len(ahead)}, by more than {LEVEL:.0%}.",
        f"- Level: {_names(level)}.",
        f"- Behind: {_names(behind)}.",
        f"- The goal that each row has is met in {len(met)}.",
        f"- In {len(first)} rows symdl's first gradient comes later than the best library's, caches empty.",
        f"- Of symdl's steps, nine in ten take less than 1.3 medians in {len(steady)} rows.",
    ]


def _left_out(rows: Sequence[tuple[Run, Row]]) -> list[str]:
    """Say which rows were measured without the libraries that start slowly."""
    whole = [r for _, r in rows if r.of("torch compile")]
    if len(whole) == len(rows):
        return []
    names = ", ".join(SLOW_START)
    with_all = f"; {len(whole)} rows were measured with them" if whole else ""
    return [f"Without {names}, as `--quick` leaves them out{with_all}.", ""]


def figures(chosen: Sequence[tuple[Run, Row]], part: Part) -> str:
    """Return the text between the marks of a part."""
    rows = [row for _, row in chosen]
    runs = list(dict.fromkeys(run for run, _ in chosen))
    lines = [f"`{run.command}`, {run.day}: {run.machine}.  " for run in runs]
    lines += ["", *_left_out(chosen)]
    lines += [_EXPLAINED, ""]
    lines += [*_against_best(rows), "", *_summary(rows), "", f"### {part.detail}", ""]
    lines += [*_all_peers(rows), "", f"![Time of a step, each library]({part.plot})"]
    return "\n".join(lines)


def replaced(page: str, text: str, part: Part) -> str:
    """Return the page with another text between the marks of a part.

    Raises:
        ValueError: a mark is missing.
    """
    before, begin, rest = page.partition(part.begin)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"docs/performance.md lacks one of its marks: {part.begin}, {END}")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def main() -> None:
    """Read, and write the page and its plots."""
    ask = argparse.ArgumentParser(prog="python -m tests.benchmarks.page", description=__doc__)
    ask.add_argument("files", type=Path, nargs="+", help="bench.json of one or more runs")
    found = [read(path) for path in ask.parse_args().files]
    for part in PARTS:
        chosen = merged(found, part)
        if chosen:
            PAGE.write_text(replaced(PAGE.read_text("utf-8"), figures(chosen, part), part), "utf-8")
            plot([row for _, row in chosen], PAGE.with_name(part.plot))


if __name__ == "__main__":
    main()
