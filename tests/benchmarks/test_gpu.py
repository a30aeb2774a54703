"""The benchmark for graphics processors without one: costs, budget, failures, the table. No times."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symdl.schedule.cost import Machine

from .gpu import __main__ as command
from .gpu import session as sessions
from .gpu.paper import paper
from .gpu.rates import rates
from .gpu.report import table
from .gpu.session import NO_TIME, Peer, Session, agree
from .problem import Workload
from .report import Row
from .session import Outcome
from .workloads import ON_DEVICES

MACHINE = Machine("paper", 1e12, 1e13, 1e-6, "made up")
SLIDES, *OTHERS = ON_DEVICES


class Scripted:
    """A process that answers without any library; the rows of `broken` fail."""

    started = 0
    broken: tuple[str, ...] = ()
    closed = False

    def __init__(self, peer: str, python: str, cores: Any, place: str, **more: str) -> None:
        type(self).started += 1
        self.peer, self.open = peer, set[str]()

    def ask(self, asked: dict[str, Any], *, limit: float | None = None) -> dict[str, Any]:
        assert not self.closed
        if limit is not None and limit <= 0:
            return {"error": NO_TIME}
        if "rates" in asked:
            return {"rates": {"copy": 1e12, "product": 1e13}} if self.peer == "symdl" else {"error": "none"}
        if asked["open"] in self.broken:
            return {"error": "RuntimeError: the device is in error"}
        np.savez(asked["save"], np.ones(3))
        self.open.add(asked["open"])
        return {"start": 1.0}

    def sample(
        self, workload: Workload, seconds: float, outcome: Outcome, *, limit: float | None = None
    ) -> None:
        assert workload.name in self.open and not self.closed
        outcome.samples.append(1e-4 if self.peer == "symdl" else 2e-4)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Scripted]]:
    monkeypatch.setattr(sessions, "Process", Scripted)
    Scripted.started, Scripted.broken = 0, ()
    yield Scripted
    Scripted.broken = ()


def session(budget: float) -> Session:
    now, pythons = time.monotonic(), {"symdl": "", "torch fused": ""}
    return Session("simulated", pythons, now + budget, now + 0.6 * budget, rounds=3, seconds=0.0, tiny=True)


def test_all_rows_are_timed(scripted: type[Scripted]) -> None:
    shown: list[Row] = []
    rows, found = session(60).run(ON_DEVICES, shown.append)
    assert rows == shown and found == {"copy": 1e12, "product": 1e13}
    assert scripted.started == 2
    for row in rows:
        assert row.ratio == 0.5
        assert all(len(o.samples) == 3 and not o.error for o in row.outcomes)


def test_a_row_that_breaks_a_library_leaves_the_others(scripted: type[Scripted]) -> None:
    scripted.broken = (OTHERS[2].name,)
    rows, _ = session(60).run(ON_DEVICES, lambda row: None)
    assert scripted.started == 4
    for row in rows:
        assert bool(row.ours) == (row.workload != OTHERS[2])
    made = table(rows, [paper(w, tiny=True) for w in ON_DEVICES], MACHINE)
    assert made.count("RuntimeError: the device is in error") == 1


def test_what_there_is_no_time_for_is_named(scripted: type[Scripted]) -> None:
    rows, found = session(0).run(ON_DEVICES, lambda row: None)
    assert not found
    assert {o.error for row in rows for o in row.outcomes} == {NO_TIME}
    assert table(rows, [paper(w, tiny=True) for w in ON_DEVICES], MACHINE).count(NO_TIME) == len(rows)


def test_who_differs_is_named() -> None:
    process: Any = None
    found = {"symdl": np.ones(3), "torch fused": np.ones(3), "jax step": np.ones(3) * 1.1}
    peers = [Peer(name, lambda: process, process, {SLIDES.name: [value]}) for name, value in found.items()]
    outcomes = {name: Outcome(name) for name in found}
    agree(SLIDES, peers, outcomes)
    assert [bool(o.error) for o in outcomes.values()] == [False, False, True]
    assert "differs from torch fused" in outcomes["jax step"].error


@pytest.mark.parametrize("workload", ON_DEVICES, ids=lambda w: w.name)
def test_costs_hold_the_matrix_products(workload: Workload) -> None:
    """Those that the workload states for BLAS; what is beside them is little."""
    problem, found = workload.make(False), paper(workload)
    products = sum(2 * m * k * n for m, k, n in workload.gemms(problem))
    assert products <= found.cost.operations
    if products and workload.name not in ("lstm", "attention"):
        assert found.cost.operations < 1.03 * products
    gathered = sum(v[problem.order[0]].nbytes for v in problem.data.values())
    assert gathered < found.cost.written


def test_shares_of_the_device() -> None:
    found = paper(SLIDES)
    copy, product = found.cost.moved / MACHINE.bandwidth, found.cost.operations / MACHINE.rate
    assert found.share(max(copy, product), MACHINE)[0] == pytest.approx(1)
    share, kind = found.share(2 * max(copy, product), MACHINE)
    assert share == pytest.approx(0.5) and kind == ("copy" if copy > product else "product")
    assert found.predicted(MACHINE) > found.cost.launches * MACHINE.launch


def test_predictions_without_a_device(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(command, "device_here", lambda: "")
    command.main(["--workload", SLIDES.name])
    said = capsys.readouterr().out
    assert said.startswith("There is no device")
    assert SLIDES.title in said and "H100, predicted" in said


def test_the_whole_command(
    scripted: type[Scripted],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(command, "device_here", lambda: "NVIDIA H200, 580.1, 143771 MiB")
    monkeypatch.setattr(command, "installed", lambda peers, pythons: ["symdl", "torch graphs"])
    command.main(["--workload", SLIDES.name, "--rounds", "2", "--seconds", "0.001", "--out", str(tmp_path)])
    said = capsys.readouterr().out
    *_, last = said.strip().splitlines()
    assert last.startswith(f"| {SLIDES.title} | 0.50 | torch graphs |")
    assert "measured in this run" in said and (tmp_path / "bench-gpu.json").exists()
    assert last in (tmp_path / "bench-gpu.md").read_text("utf-8")


@pytest.mark.torch
def test_rates_of_a_processor() -> None:
    pytest.importorskip("torch")
    found = rates("torch fused", "cpu", tiny=True)
    assert set(found) == {"copy", "product"} and min(found.values()) > 0
    with pytest.raises(NotImplementedError):
        rates("jax scan", "cpu", tiny=True)
