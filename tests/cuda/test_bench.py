"""``make bench-gpu`` on the simulated device: every row and every step of the script, at small sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.gpu.__main__ import main
from tests.benchmarks.gpu.rates import rates
from tests.benchmarks.peers import Place, runner
from tests.benchmarks.problem import Workload, deviation
from tests.benchmarks.workloads import ON_DEVICES
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
