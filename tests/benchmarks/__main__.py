"""``python -m tests.benchmarks``: time workloads against all installed peers and write the results.

Enters: options. Leaves: a table on the terminal; ``bench.json``, ``bench.md`` and ``bench.png`` in the folder
of ``--out``.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import subprocess
import sys
from pathlib import Path

from .load import quiet_cores
from .peers import ON_PROCESSORS, OURS, PEERS, SLOW_START
from .report import Row, Run, machine, show, table, write
from .session import ROOT, measure
from .workloads import ALL


def options() -> argparse.Namespace:
    """Return the command line's options."""
    names, peers = [w.name for w in ALL], list(ON_PROCESSORS)
    ask = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    ask.add_argument("--workload", action="append", choices=names, help="may be repeated; default all")
    ask.add_argument(
        "--peer",
        action="append",
        choices=peers,
        help="may be repeated; default all",
    )
    ask.add_argument("--rounds", type=int, default=7)
    ask.add_argument("--seconds", type=float, default=0.2, help="of one sample")
    ask.add_argument(
        "--quick", action="store_true", help=f"3 rounds of 0.1 s, without {', '.join(SLOW_START)}"
    )
    ask.add_argument("--list", action="store_true", help="name the workloads, and end")
    ask.add_argument("--cores", help="such as 0,1; default the two that are least used now")
    ask.add_argument("--python", default=sys.executable, help="the Python that the other peers run in")
    ask.add_argument("--latency", action="store_true", help="starts and calls instead of steps")
    ask.add_argument("--out", type=Path, default=ROOT / "out")
    return ask.parse_args()


def installed(peers: list[str], pythons: dict[str, str]) -> list[str]:
    """Return the peers whose library can be imported; name the others."""
    found = []
    answers: dict[tuple[str, str], bool] = {}
    for peer in peers:
        key = (pythons[peer], PEERS[peer][1])
        if key not in answers:
            code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({key[1]!r}) is None)"
            answers[key] = not subprocess.run([key[0], "-c", code], cwd=ROOT, check=False).returncode
        if answers[key]:
            found.append(peer)
        else:
            print(f"{peer} is skipped: {key[1]} is not installed")
    return found


def command(asked: argparse.Namespace) -> str:
    """Return how anybody makes the same run: without paths of this machine."""
    words = ["--quick"] if asked.quick else [f"--rounds {asked.rounds} --seconds {asked.seconds:g}"]
    words += [f"--workload {name}" for name in asked.workload or ()]
    words += [f"--peer {shlex.quote(name)}" for name in asked.peer or ()]
    return f"make bench BENCH={shlex.quote(' '.join(words))}"


def main() -> None:
    """Time and write."""
    asked = options()
    if asked.list:
        print("\n".join(f"{w.name:20} {w.title}" for w in ALL))
        return
    rounds, seconds = (3, 0.1) if asked.quick else (asked.rounds, asked.seconds)
    cores = tuple(map(int, asked.cores.split(","))) if asked.cores else quiet_cores(2)
    if asked.latency:
        from .latency import report as latency_report

        latency_report(asked.out, cores)
        return
    chosen = asked.peer or [p for p in ON_PROCESSORS if not (asked.quick and p in SLOW_START)]
    if asked.quick and not asked.peer:
        print(f"left out, because they start slowly: {', '.join(SLOW_START)}; figures for the docs need them")
    pythons = {peer: sys.executable if peer in OURS else asked.python for peer in chosen}
    chosen = installed(chosen, pythons)
    if not os.environ.get("SYMDL_DATA"):
        print("SYMDL_DATA is not set: the digits are noise of MNIST's shape")
    run = Run(machine(cores), datetime.date.today().isoformat(), command(asked))
    print(run.machine)
    rows: list[Row] = []
    for workload in ALL:
        if asked.workload and workload.name not in asked.workload:
            continue
        found = measure(workload, chosen, rounds=rounds, seconds=seconds, cores=cores, pythons=pythons)
        rows.append(Row(workload, tuple(found)))
        print(show(rows[-1]), flush=True)
        write(rows, asked.out, run)  # after each, since all of them take hours
    print(table(rows))
    print(f"\nwritten to {asked.out}: bench.json, bench.md, bench.png")


if __name__ == "__main__":
    main()
