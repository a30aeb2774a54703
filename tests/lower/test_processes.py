"""Text does not depend on the process: sets have another order in each, and keys of caches are text."""

from __future__ import annotations

import os
import subprocess
import sys

SEEDS = ("1", "4711", "90210")


def derived(seed: str) -> str:
    """Return what `tests.lower.derived` prints where hashes begin with a seed."""
    command = [sys.executable, "-m", "tests.lower.derived"]
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.getcwd()}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_programs_and_sources_are_those_of_every_process() -> None:
    """Derivations, kernels and names of varied losses are the same text, whatever order sets have."""
    first, *others = ([f"## {part}" for part in derived(seed).split("\n## ")] for seed in SEEDS)
    assert len(first) > 20
    for other in others:
        different = [a.partition("\n")[0] for a, b in zip(first, other, strict=True) if a != b]
        assert not different
