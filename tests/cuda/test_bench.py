"""``make bench-gpu`` on the simulated device: every row and every step of the script, at small sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.gpu.__main__ import main
from tests.benchmarks.gpu.paper import paper
from tests.benchmarks.gpu.rates import rates
from tests.benchmarks.peers import Place, runner
from tests.benchmarks.peers.on_symdl import Training
from tests.benchmarks.problem import Workload, deviation
from tests.benchmarks.workloads import ON_DEVICES
from tests.cuda.conftest import on
from tests.cuda.device import SimulatedDevice
from tests.cuda.on_hardware import HARDWARE
from tests.cuda.toolchain import needs_compiler

pytestmark = needs_compiler
PLACE: Place = "cuda" if HARDWARE else "simulated"
ROWS = [w for w in ON_DEVICES if w.name in ("wide", "elementwise", "cnn", "lstm", "attention")]


@pytest.mark.parametrize("workload", ROWS, ids=lambda w: w.name)
def test_rows_agree_with_the_processor(workload: Workload) -> None:
    places: tuple[Place, ...] = (PLACE, "cpu")
    ours, right = (runner("symdl", workload, workload.make(True), place) for place in places)
    assert deviation(ours.check(), right.check()) < workload.tolerance
    assert ours.run(3) == 3


@pytest.mark.skipif(HARDWARE, reason="a driver does not tell what graphs launch")
@pytest.mark.parametrize("workload", ROWS[:2], ids=lambda w: w.name)
def test_a_step_launches_what_it_does_on_paper(workload: Workload) -> None:
    """And one kernel more, which moves the position of the batch on."""
    device = SimulatedDevice()
    made = Training(workload, workload.make(True), on(device))
    made.run(2)
    before = len(device.reports)
    made.run(5)
    assert len(device.reports) - before == 5 * (paper(workload, tiny=True).cost.launches + 1)
    device.settled()


def test_rates_by_kernels_of_our_own() -> None:
    found = rates("symdl", PLACE, tiny=True)
    assert set(found) == {"copy", "product"} and min(found.values()) > 0


@pytest.mark.skipif(HARDWARE, reason="make bench-gpu does it")
def test_the_script(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    peers = ("symdl", "torch fused", "torch graphs", "jax step", "jax scan")
    chosen = [part for peer in peers for part in ("--peer", peer)]
    main(
        [
            *("--simulated", "--workload", "mlp-sgd-64", "--rounds", "1", "--seconds", "0.01"),
            *("--out", str(tmp_path), *chosen),
        ]
    )
    said = capsys.readouterr().out
    assert "measured in this run" in said
    last = said.strip().splitlines()[-1]
    assert last.startswith("| 784-100-200-10, SGD, batch 64 |") and "% of" in last
