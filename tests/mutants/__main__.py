"""A sample of mutants, each against the tests that look at it: ``make mutants SAMPLE=100``.

Enters: how many, a seed, and how many at a time. Leaves: the share that tests notice, in all and by room, the
mutants that no test notices, with their places and differences, and an exit code of 1 if fewer than 95 % are
noticed. An unbroken copy has to pass first. What is found is written to a file, and not tried again when
the same command goes on; all else happens in a temporary folder, which is gone afterwards.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue

from symdl.run.modules import folder
from tests.mutants.mutate import mutants
from tests.mutants.results import Results
from tests.mutants.rooms import CUDA, ROOMS, files_for
from tests.mutants.workplace import ROOT, TOO_SLOW, Chosen, Workplace, linked

ENOUGH = 0.95
LONGEST = 900.0
"""Seconds that a test file of an unbroken copy may take."""


def every(room: str) -> Iterator[Chosen]:
    """Yield all mutants of a room that have tests here."""
    for path in sorted((ROOT / "symdl" / room).rglob("*.py")):
        if "cuda" in path.parts and importlib.util.find_spec(CUDA) is None:
            continue
        for mutant in mutants(path.read_text(encoding="utf-8")):
            yield Chosen(path.relative_to(ROOT).as_posix(), mutant)


def sample(size: int, seed: int) -> list[Chosen]:
    """Return mutants of all rooms in turn; a larger sample of the same seed begins with the smaller one."""
    chance = random.Random(seed)
    rooms = [list(every(room)) for room in ROOMS]
    for room in rooms:
        chance.shuffle(room)
    found: list[Chosen] = []
    for turn in range(max(map(len, rooms))):
        found += [room[turn] for room in rooms if turn < len(room)]
    return found[:size]


def limit(files: Sequence[str], seconds: dict[str, float]) -> float:
    """Return how long tests of a mutant may take: all kernels may have to be compiled anew."""
    return 120 + 6 * sum(seconds[file] for file in files)


def passing(place: Workplace, chosen: Sequence[Chosen], results: Results) -> list[str]:
    """Run in the unbroken copy what will be run of it, file by file; return what fails."""
    files = dict.fromkeys(file for each in chosen for file in files_for(each.path))
    failing = []
    for file in files:
        if file in results.seconds:
            continue
        start = time.perf_counter()
        if found := place.unbroken(file, LONGEST):
            failing.append(found if found != TOO_SLOW else f"{file}: longer than {LONGEST:.0f} s")
            continue
        results.seconds[file] = time.perf_counter() - start
        results.write()
        print(f"unbroken: {file} passes  ({results.seconds[file]:.0f} s)", flush=True)
    return failing


def tried(chosen: Sequence[Chosen], free: SimpleQueue[Workplace], workers: int, results: Results) -> None:
    """Try mutants, so many at a time; note what comes out."""

    def outcome(each: Chosen) -> tuple[Chosen, str, float]:
        place, start = free.get(), time.perf_counter()
        try:
            files = files_for(each.path, results.seconds)
            found = place.outcome(each, files, limit(files, results.seconds))
            return each, found, time.perf_counter() - start
        finally:
            free.put(place)

    with ThreadPoolExecutor(workers) as pool:
        for number, done in enumerate(as_completed([pool.submit(outcome, each) for each in chosen]), 1):
            each, by, seconds = done.result()
            results.outcomes[each.key] = by
            results.write()
            told = f"killed by {by}" if by else f"SURVIVED: {each.mutant.kind}"
            print(
                f"{number}/{len(chosen)} {each.path}:{each.mutant.line}  {told}  ({seconds:.0f} s)",
                flush=True,
            )


def told(chosen: Sequence[Chosen], results: Results) -> float:
    """Print what is known of a sample; return the share that was killed."""
    outcomes = {each.key: results.outcomes[each.key] for each in chosen}
    for title, wanted in (("Survivors", ""), (f"Killed by {TOO_SLOW}", TOO_SLOW)):
        found = [each for each in chosen if outcomes[each.key] == wanted]
        print(f"\n{title}: {len(found)}")
        for each in found:
            print(f"\n{each.path}:{each.mutant.line}\n{each.difference()}")
    print()
    for room in ROOMS:
        own = [bool(outcomes[each.key]) for each in chosen if each.room == room]
        print(f"{room:15} {sum(own):4} of {len(own):4} killed")
    killed = sum(map(bool, outcomes.values()))
    share = killed / max(1, len(outcomes))
    print(f"{'all':15} {killed:4} of {len(outcomes):4} killed, {share:.0%}")
    return share


def main() -> int:
    """Try a sample; print what happens as it happens."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    parser.add_argument("--state", type=Path, default=ROOT / "out" / "mutants.json")
    asked = parser.parse_args()
    chosen, results = sample(asked.sample, asked.seed), Results.read(asked.state)
    left = [each for each in chosen if each.key not in results.outcomes]
    print(f"{len(chosen)} mutants, seed {asked.seed}, {len(left)} to be tried", flush=True)
    with tempfile.TemporaryDirectory(prefix="symdl-mutants-") as home:
        kernels = Path(home) / "kernels"
        shutil.copytree(folder(), kernels, copy_function=linked)
        places = [Workplace.make(Path(home) / str(number), kernels) for number in range(asked.workers)]
        if failing := passing(places[0], left, results):
            print("\nan unbroken copy does not pass:", *failing, sep="\n")
            return 2
        free: SimpleQueue[Workplace] = SimpleQueue()
        for place in places:
            free.put(place)
        tried(left, free, asked.workers, results)
    return int(told(chosen, results) < ENOUGH)


if __name__ == "__main__":
    sys.exit(main())
