"""``symdl bench``: this machine, and the libraries that are installed on it.

Enters: which libraries, and how long to measure. Leaves: a table of times; exit code 1 if results disagree.
"""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Annotated, Any

import typer

from symdl.cli.config.settings import meant
from symdl.cli.failures import FAILED
from symdl.cli.peers.worker import LIBRARIES
from symdl.cli.peers.workloads import WORKLOADS
from symdl.cli.screen import say, show_table
from symdl.errors import CommandError

HELP = """Time symdl on this machine beside PyTorch and JAX, those that are installed.

Three workloads: a formula with its gradient at a million points, a training step of a network for digits and
of a small one. Every library has a process of its own, all cores, the same numbers and its best form: for
PyTorch the faster of eager and compiled, for JAX one compiled call an epoch. Times are those of the fastest
of many runs; compiling is not counted, but takes a minute with PyTorch. The exit code is 1 if the results of
two libraries disagree.

Examples:

\b
  symdl bench
  symdl bench --quick
  symdl bench --libraries torch --seconds 2
"""
_AGREE = 1e-3
"""The largest relative difference between float32 results of a whole epoch."""
_LONGEST = 900
Times = list[dict[str, Any]]


def run(
    *,
    libraries: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Such as torch,jax; by default all that are installed."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.01, max=60.0, help="How long each is measured.")] = 1.0,
    quick: Annotated[bool, typer.Option("--quick", help="Without what takes long to compile.")] = False,
) -> None:
    """Print the table.

    Raises:
        CommandError: there is no such library, or it is not installed.
    """
    chosen = ("symdl", *_chosen(libraries))
    found = {name: _asked(name, seconds, "quick" if quick else "full") for name in chosen}
    say(_machine(chosen))
    show_table(("", *chosen, "symdl takes"), rows(found))
    told = [one for name in chosen for one in notes(found[name])]
    wrong = disagreements(found)
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing and libraries is None:
        told.append(f"not installed, so not timed: {', '.join(missing)}")
    for line in (*told, *wrong):
        say(line)
    if wrong:
        raise typer.Exit(FAILED)


def _chosen(names: str | None) -> list[str]:
    others = [name for name in LIBRARIES if name != "symdl"]
    if names is None:
        return [name for name in others if find_spec(name) is not None]
    found = list(dict.fromkeys(name.strip() for name in names.split(",")))
    for name in found:
        if name not in others:
            raise CommandError(f"there is no library {name!r} to compare with", cure=meant(name, others))
        if find_spec(name) is None:
            raise CommandError(f"{name} is not installed", cure=f"pip install {name}")
    return found


def _asked(library: str, seconds: float, speed: str) -> Times:
    """Return the times of a library, from a process of its own."""
    command = [sys.executable, "-m", "symdl.cli.peers.worker", library, str(seconds), speed]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST)
    except subprocess.TimeoutExpired:
        return [{"way": library, "error": f"gave up after {_LONGEST} s"}]
    try:
        found: Times = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = done.stderr.strip().splitlines()[-1:] or [f"ended with code {done.returncode}"]
        return [{"way": library, "error": last[0][:200]}]
    return found


def rows(found: Mapping[str, Times]) -> list[tuple[str, ...]]:
    """Return the table: each library's best time for each workload, and symdl's over the best other's."""
    table = []
    for workload in WORKLOADS:
        best = {name: _best(times, workload.name) for name, times in found.items()}
        shown = (_duration(seconds) for seconds in best.values())
        ours, others = best["symdl"], [seconds for name, seconds in best.items() if name != "symdl"]
        least = min((s for s in others if s is not None), default=None)
        ratio = "" if ours is None or least is None else f"{ours / least:.2g} of the best other"
        table.append((workload.title, *shown, ratio))
    return table


def _of(times: Iterable[dict[str, Any]], workload: str) -> Times:
    return [one for one in times if one.get("workload") == workload and "seconds" in one]


def _best(times: Times, workload: str) -> float | None:
    return min((one["seconds"] for one in _of(times, workload)), default=None)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 0.9995:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def notes(times: Times) -> list[str]:
    """Return what else there is to know of a library: ways that failed, and which way was the best."""
    told = []
    for one in times:
        if "error" in one:
            what = f" ({one['workload']})" if "workload" in one else ""
            told.append(f"{one['way']}{what} failed: {one['error']}")
    for workload in WORKLOADS:
        ways = sorted(_of(times, workload.name), key=lambda one: one["seconds"])
        if len(ways) > 1:
            each = ", ".join(f"{one['way']} {_duration(one['seconds'])}" for one in ways)
            told.append(f"{workload.name}: {each}")
    return told


def disagreements(found: Mapping[str, Times]) -> list[str]:
    """Return a line for each way whose numbers are not symdl's."""
    told = []
    for workload in WORKLOADS:
        ours = [one["figure"] for one in _of(found["symdl"], workload.name)]
        for name, times in found.items():
            for one in _of(times, workload.name):
                if name != "symdl" and ours and not math.isclose(one["figure"], ours[0], rel_tol=_AGREE):
                    told.append(
                        f"{one['way']} ({workload.name}) found {one['figure']:.6g}, symdl {ours[0]:.6g}"
                    )
    return told


def _machine(libraries: Iterable[str]) -> str:
    """Return what was measured on, in a line."""
    names = [f"{name} {_version(name)}".rstrip() for name in libraries]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    where = f"{platform.system()} {platform.machine()}, {cores} cores, Python {platform.python_version()}"
    return f"{where}, {', '.join(names)}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
