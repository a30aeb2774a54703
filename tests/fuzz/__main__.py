"""Random programs and networks for as long as one likes: ``make fuzz FUZZ_SECONDS=3600``.

Enters: the environment variables ``FUZZ_SECONDS`` (600), ``FUZZ_ONLY`` (names of properties, all by default)
and ``FUZZ_DATABASE`` (a folder, ``.hypothesis/fuzz``, which keeps what failed of each property, so that it is
tried first next time). Leaves: for each property how many examples held, what failed, and the exit code 1 if
anything did.
"""

from __future__ import annotations

import math
import os
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Verbosity, given, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from .properties import PROPERTIES, Property


def turn(prop: Property, settled: settings, counts: Counter[str], until: float) -> None:
    """Try a property on some examples; after the time is up the rest of them is empty."""

    wrong: list[BaseException] = []

    def check(drawn: Any) -> None:
        if time.monotonic() > until and not wrong:  # what failed is still made smaller
            return
        try:
            prop.check(drawn)
        except BaseException as error:
            wrong.append(error)
            raise
        counts[prop.check.__name__] += 1

    check.__name__ = check.__qualname__ = prop.check.__name__
    settings(settled, max_examples=prop.examples)(given(prop.strategy)(check))()


def run(seconds: float, only: str = "", database: str = ".hypothesis/fuzz") -> bool:
    """Take turns among the properties until the time is up; say whether all held."""
    settled = settings(
        deadline=None,
        derandomize=False,
        print_blob=True,
        report_multiple_bugs=True,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.normal,
    )
    # A database knows examples by the text of a function, which is the same for all properties here.
    kept = {
        p.check.__name__: DirectoryBasedExampleDatabase(Path(database) / p.check.__name__) for p in PROPERTIES
    }
    chosen = [p for p in PROPERTIES if not only or p.check.__name__ in only.replace(",", " ").split()]
    counts: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    end = time.monotonic() + seconds
    until = math.inf  # each property has one turn, whatever the time is
    while time.monotonic() < until:
        for prop in chosen:
            name = prop.check.__name__
            if failed[name] or time.monotonic() > until:  # what fails is told once; the others go on
                continue
            try:
                turn(prop, settings(settled, database=kept[name]), counts, until)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt | SystemExit):
                    raise
                failed[name] += 1
                traceback.print_exc()
        until = end
        if len(failed) == len(chosen):
            break
        print(", ".join(f"{name} {count}" for name, count in counts.items()), flush=True)
    print(f"{sum(counts.values())} examples held:", ", ".join(f"{n} {c}" for n, c in sorted(counts.items())))
    print("failed:", ", ".join(failed) or "none")
    return not failed


if __name__ == "__main__":
    spent = float(os.environ.get("FUZZ_SECONDS", "600"))
    folder = os.environ.get("FUZZ_DATABASE", ".hypothesis/fuzz")
    sys.exit(not run(spent, os.environ.get("FUZZ_ONLY", ""), folder))
