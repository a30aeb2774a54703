"""The page of figures: what is measured is what is written, and runs are read as they were written."""

from __future__ import annotations

from pathlib import Path

import pytest

from .page import END, PARTS, Part, figures, merged, replaced
from .report import Row, Run, read, write
from .session import Outcome
from .workloads import ALL, FAMILIES

NETWORKS, OTHERS = PARTS
DAY = Run("two cores; Python 3, symdl 0", "2026-01-02", "python -m tests.benchmarks --quick")


def outcome(peer: str, seconds: float, start: float = 1.0) -> Outcome:
    return Outcome(peer, [seconds, seconds], [seconds] * 20, start=start)


def rows(ours: float) -> list[Row]:
    return [
        Row(ALL[0], (outcome("symdl", ours, 2.0), outcome("jax scan", 1e-3), Outcome("torch", error="off"))),
        Row(ALL[1], (outcome("symdl", 1e-3), outcome("jax scan", 1e-3))),
    ]


def written(part: Part, *found: tuple[Run, list[Row]]) -> str:
    return figures(merged(found, part), part)


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(rows(5e-4), tmp_path, DAY)
    assert read(tmp_path / "bench.json") == (DAY, rows(5e-4))


def test_the_page_says_what_was_measured() -> None:
    text = written(NETWORKS, (DAY, rows(5e-4)))
    assert f"| {ALL[0].title} | 0.50 | 500 µs | 1 ms, jax scan | 1.00; 1.00 | 2 s; 1 s |" in text
    assert "Of 2 rows symdl is ahead in 1" in text
    assert f"Level: {ALL[1].title} (1.00)." in text
    assert "Behind: none." in text
    assert "Without torch compile" in text
    assert f"`{DAY.command}`, 2026-01-02" in text


def test_of_a_row_measured_twice_the_last_counts() -> None:
    later = Run(DAY.machine, "2026-01-03", DAY.command)
    runs = (DAY, rows(5e-4)), (later, rows(2e-3)[:1])
    found = merged(runs, NETWORKS)
    assert [(run.day, row.ratio) for run, row in found] == [("2026-01-03", 2.0), ("2026-01-02", 1.0)]
    assert f"Behind: {ALL[0].title} (2.00)." in written(NETWORKS, *runs)


def test_only_what_is_between_the_marks_is_replaced() -> None:
    begin, other = NETWORKS.begin, OTHERS.begin
    page = f"a\n{begin}\nold\n{END}\nb\n{other}\nstays\n{END}\nc"
    text = f"a\n{begin}\n\nnew\n\n{END}\nb\n{other}\nstays\n{END}\nc"
    assert replaced(page, "new", NETWORKS) == text
    assert replaced(page, "new", OTHERS).startswith(f"a\n{begin}\nold\n{END}\nb\n{other}\n\nnew\n")
    with pytest.raises(ValueError, match="marks"):
        replaced("a page without marks", "new", NETWORKS)


def test_each_row_is_in_one_part() -> None:
    family = Row(FAMILIES[0], (outcome("symdl", 1e-3), outcome("jax step", 2e-3)))
    runs = [(DAY, [*rows(5e-4), family])]
    assert [[row.workload for _, row in merged(runs, part)] for part in PARTS] == [
        [ALL[0], ALL[1]],
        [FAMILIES[0]],
    ]
    assert "Every library on them" in written(OTHERS, *runs)
