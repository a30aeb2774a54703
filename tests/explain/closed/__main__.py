"""Counts the closed forms."""

from __future__ import annotations

import sys

from .case import Case, is_closed, length, shown
from .collection import CASES


def row(case: Case) -> tuple[bool, bool, str]:
    """Return whether a case is closed, whether its line is no longer than the book's, and the line."""
    try:
        derivation = case.derived()
    except Exception as problem:
        return False, False, f"{type(problem).__name__}: {problem}"
    line = shown(derivation)
    closed = is_closed(derivation)
    return closed, closed and length(line) <= length(case.book), line


def main() -> None:
    """Print what falls short, all with ``-v``, and the counts."""
    rows = [(case, *row(case)) for case in CASES]
    for case, closed, short, line in rows:
        if "-v" in sys.argv or not short or line != case.expected:
            mark = "  " if short else " >" if closed else "--"
            same = "=" if line == case.book else " "
            print(f"{mark}{same} {case.name:36s} {line}\n{'':41s}{case.book}")
    print(f"{len(rows)} closed forms: {sum(c for _, c, *_ in rows)} closed, ", end="")
    print(f"{sum(s for *_, s, _ in rows)} at most as long as the textbook's, ", end="")
    print(f"{sum(line == case.book for case, *_, line in rows)} in its very words")


if __name__ == "__main__":
    main()
