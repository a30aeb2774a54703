"""A sample of mutants, each against the tests of its room: ``make mutants SAMPLE=100``.

Enters: how many, a seed, and how many at a time. Leaves: the mutants that no test notices, with their places
and differences, and an exit code of 1 if fewer than 95 % are noticed. All of it happens in copies of the
checkout and of the kernel cache in a temporary folder, which is gone afterwards.
"""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from symdl.run.modules import folder
from tests.mutants.mutate import Mutant, mutants
from tests.mutants.rooms import CUDA, ROOMS, files_for

ROOT = Path(__file__).parents[2]
COPIED = ("symdl", "templates", "tests", "docs", "examples", "pyproject.toml", "README.md", "Makefile")
LIMIT = 900
"""Seconds until nobody waits for the tests of a mutant any longer."""
UNDECIDED = "too slow"
ENOUGH = 0.95


@dataclass(frozen=True, slots=True)
class Chosen:
    """A mutant of a file, which lies at a path relative to the checkout."""

    path: str
    mutant: Mutant

    def difference(self) -> str:
        """Return the lines that differ."""
        old = (ROOT / self.path).read_text(encoding="utf-8")
        new = self.mutant.applied(old)
        shown = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
        return "\n".join(line for line in shown if not line.startswith(("---", "+++", "@@")))


def every() -> Iterator[Chosen]:
    """Yield all mutants of the rooms that have tests here."""
    for room in ROOMS:
        for path in sorted((ROOT / "symdl" / room).rglob("*.py")):
            if "cuda" in path.parts and importlib.util.find_spec(CUDA) is None:
                continue
            for mutant in mutants(path.read_text(encoding="utf-8")):
                yield Chosen(path.relative_to(ROOT).as_posix(), mutant)


@dataclass(frozen=True, slots=True)
class Workplace:
    """A copy of the checkout, in which one mutant at a time is tried."""

    home: Path
    kernels: Path

    @classmethod
    def make(cls, home: Path, kernels: Path) -> Workplace:
        """Copy the checkout; `kernels` is the cache that each mutant begins with."""
        (home / "tree").mkdir(parents=True)
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, home / "tree" / name)
        return cls(home, kernels)

    def outcome(self, chosen: Chosen) -> str:
        """Return which test noticed a mutant, or nothing."""
        tree, cache = self.home / "tree", self.home / "cache"
        target = tree / chosen.path
        source = target.read_text(encoding="utf-8")
        shutil.rmtree(cache, ignore_errors=True)
        shutil.copytree(self.kernels, cache, copy_function=linked)
        target.write_text(chosen.mutant.applied(source), encoding="utf-8")
        try:
            return tested(tree, cache, files_for(chosen.path))
        finally:
            target.write_text(source, encoding="utf-8")


def linked(source: str, target: str) -> None:
    """Let a file have two names, for files of the cache are replaced and never changed; else copy it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def tested(tree: Path, cache: Path, files: Sequence[str]) -> str:
    """Run tests until one fails; return its name, nothing if none does, or `UNDECIDED`."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "SYMDL_CACHE": str(cache), "CI": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [*command, *files], cwd=tree, env=environment, capture_output=True, text=True, timeout=LIMIT
        )
    except subprocess.TimeoutExpired:
        return UNDECIDED
    if not done.returncode:
        return ""
    if done.returncode > 2:
        raise RuntimeError(f"pytest found no tests in {files}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    named = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return named[0].split(" - ")[0] if named else f"pytest ended with {done.returncode}"


def main() -> int:
    """Try a sample; print what happens as it happens."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    asked = parser.parse_args()
    found = list(every())
    sample = random.Random(asked.seed).sample(found, min(asked.sample, len(found)))
    print(f"{len(sample)} of {len(found)} mutants, seed {asked.seed}", flush=True)
    survivors, killed = [], 0
    with tempfile.TemporaryDirectory(prefix="symdl-mutants-") as home:
        free: SimpleQueue[Workplace] = SimpleQueue()
        for number in range(asked.workers):
            free.put(Workplace.make(Path(home) / str(number), folder()))

        def tried(chosen: Chosen) -> tuple[Chosen, str, float]:
            place, start = free.get(), time.perf_counter()
            try:
                return chosen, place.outcome(chosen), time.perf_counter() - start
            finally:
                free.put(place)

        with ThreadPoolExecutor(asked.workers) as pool:
            for done in as_completed([pool.submit(tried, chosen) for chosen in sample]):
                chosen, by, seconds = done.result()
                where = f"{chosen.path}:{chosen.mutant.line}"
                told = (
                    by if by == UNDECIDED else f"killed by {by}" if by else f"SURVIVED: {chosen.mutant.kind}"
                )
                print(f"{where}  {told}  ({seconds:.0f} s)", flush=True)
                survivors += [] if by else [chosen]
                killed += by not in ("", UNDECIDED)
    for chosen in survivors:
        print(f"\n{chosen.path}:{chosen.mutant.line}\n{chosen.difference()}")
    decided = killed + len(survivors)
    share = killed / max(1, decided)
    print(f"\n{killed} of {decided} killed ({share:.0%}), {len(sample) - decided} undecided")
    return int(share < ENOUGH)


if __name__ == "__main__":
    sys.exit(main())
