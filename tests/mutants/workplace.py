"""Where a mutant is tried.

Enters: a mutant, test files. Leaves: the first test that fails. All of it happens in a copy of the checkout
and of the kernel cache.
"""

from __future__ import annotations

import difflib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutants.mutate import Mutant

ROOT = Path(__file__).parents[2]
COPIED = ("symdl", "templates", "tests", "docs", "examples", "pyproject.toml", "README.md", "Makefile")
TOO_SLOW = "the limit of time"
"""What killed a mutant whose tests do not end: they hang, or take many times what they took."""


_NOTHING_TO_RUN = 5
"""What pytest returns where all of a file's tests are for elsewhere."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A mutant of a file, which lies at a path relative to the checkout."""

    path: str
    mutant: Mutant

    @property
    def room(self) -> str:
        """The room of the package that the file is in."""
        return self.path.split("/")[1]

    @property
    def key(self) -> str:
        """What this mutant is called in a file of results: with another text around it, it is another one."""
        return f"{self.path}:{self.mutant.line}:{self.mutant.kind}\n{self.difference()}"

    def difference(self) -> str:
        """Return the lines that differ."""
        old = (ROOT / self.path).read_text(encoding="utf-8")
        new = self.mutant.applied(old)
        shown = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
        return "\n".join(line for line in shown if not line.startswith(("---", "+++", "@@")))


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

    def outcome(self, chosen: Chosen, files: Sequence[str], limit: float) -> str:
        """Return which test noticed a mutant, or nothing."""
        tree, cache = self.home / "tree", self.home / "cache"
        target = tree / chosen.path
        source = target.read_text(encoding="utf-8")
        shutil.rmtree(cache, ignore_errors=True)
        shutil.copytree(self.kernels, cache, copy_function=linked)
        target.write_text(chosen.mutant.applied(source), encoding="utf-8")
        try:
            return tested(tree, cache, files, limit)
        finally:
            target.write_text(source, encoding="utf-8")

    def unbroken(self, file: str, limit: float) -> str:
        """Return which test of a file fails in the copy as it is; what it compiles is kept."""
        return tested(self.home / "tree", self.kernels, [file], limit)


def linked(source: str, target: str) -> None:
    """Let a file have two names, for files of the cache are replaced and never changed; else copy it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def tested(tree: Path, cache: Path, files: Sequence[str], limit: float) -> str:
    """Run tests until one fails; return its name, nothing if none does, or `TOO_SLOW`."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "SYMDL_CACHE": str(cache), "CI": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(
        [*command, *files], cwd=tree, env=environment, start_new_session=True, **pipes
    ) as done:
        try:
            out, err = done.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(done.pid, signal.SIGKILL)  # with the processes that tests have started
            return TOO_SLOW
    if done.returncode in (0, _NOTHING_TO_RUN):
        return ""
    if done.returncode > 2:
        raise RuntimeError(f"pytest cannot run {files}:\n{out[-2000:]}{err[-2000:]}")
    named = [line for line in out.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return named[0].split(" - ")[0] if named else f"pytest ended with {done.returncode}"
