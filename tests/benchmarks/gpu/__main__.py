"""``python -m tests.benchmarks.gpu``: symdl and other libraries on a graphics processor, in one run.

Enters: options. Leaves: what each library did, row by row, and a table, last; ``bench-gpu.md`` and
``bench-gpu.json`` in the folder of ``--out``. Without a device, what symdl's kernels cost on paper.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from symdl.run.cuda.data_sheets import LAUNCH, MACHINES
from symdl.schedule.cost import Machine

from ..__main__ import installed
from ..peers import ON_DEVICES as PEERS
from ..peers import OURS
from ..report import Row
from ..session import ROOT
from ..workloads import ON_DEVICES
from .paper import paper, predictions
from .rates import Rates
from .report import NOTE, device_rates, line, table
from .session import PREPARE, Session


def options(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    ask = argparse.ArgumentParser(prog="python -m tests.benchmarks.gpu", description=__doc__)
    ask.add_argument(
        "--workload", action="append", choices=[w.name for w in ON_DEVICES], help="may be repeated"
    )
    ask.add_argument("--peer", action="append", choices=PEERS, help="may be repeated")
    ask.add_argument("--budget", type=float, default=570, help="seconds for everything; rows are dropped")
    ask.add_argument("--rounds", type=int, default=11, help="samples of each row")
    ask.add_argument("--seconds", type=float, default=0.2, help="of one sample")
    ask.add_argument("--python", default=sys.executable, help="the Python that the other libraries run in")
    ask.add_argument("--paper", action="store_true", help="predict only")
    ask.add_argument("--simulated", action="store_true", help="tiny sizes on the tests' device: no times")
    ask.add_argument("--out", type=Path, default=ROOT / "out")
    return ask.parse_args(given)


def device_here() -> str:
    """Return the device's name, driver and memory, or nothing."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""
    query = [tool, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[0] if not done.returncode and done.stdout.strip() else ""


def measured(rates: Rates, device: str) -> Machine:
    """Return the machine with measured rates, or the data sheet of one where nothing was measured."""
    sheet = next((m for name, m in MACHINES.items() if name in device), MACHINES["H100"])
    if len(rates) < 2:
        return sheet
    return Machine(device or "the device", rates["copy"], rates["product"], LAUNCH, "measured in this run")


def main(given: Sequence[str] | None = None) -> None:
    """Time and write."""
    begin, asked = time.monotonic(), options(given)
    chosen = [w for w in ON_DEVICES if not asked.workload or w.name in asked.workload]
    device = device_here()
    if asked.paper or not (device or asked.simulated):
        print("Predictions from data sheets; nothing was measured." if asked.paper else "There is no device.")
        print(predictions(chosen, list(MACHINES.values())))
        return
    pythons = {p: sys.executable if p in OURS else asked.python for p in asked.peer or PEERS}
    pythons = {p: pythons[p] for p in installed(list(pythons), pythons)}
    where = f"{platform.platform()}, Python {platform.python_version()}"
    print(f"{device or 'simulated device, tiny sizes'}; {where}; float32 without TF32", flush=True)
    session = Session(
        place="simulated" if asked.simulated else "cuda",
        pythons=pythons,
        end=begin + asked.budget,
        ready=begin + PREPARE * asked.budget,
        rounds=asked.rounds,
        seconds=asked.seconds,
        tiny=asked.simulated,
    )
    rows, rates = session.run(chosen, lambda row: print(line(row), flush=True))
    machine = measured(rates, device)
    made = table(rows, [paper(w, tiny=asked.simulated) for w in chosen], machine)
    write(rows, rates, device, made, asked.out)
    print(f"{NOTE}\n{device_rates(machine)}\n\n{made}")


def write(rows: Sequence[Row], rates: Rates, device: str, made: str, folder: Path) -> None:
    """Write the table and all samples."""
    folder.mkdir(parents=True, exist_ok=True)
    found = [
        {
            "workload": row.workload.name,
            "ratio": row.ratio if not math.isnan(row.ratio) else None,
            "peers": {
                o.peer: {"samples": o.samples, "error": o.error, "start": o.start} for o in row.outcomes
            },
        }
        for row in rows
    ]
    (folder / "bench-gpu.json").write_text(
        json.dumps({"device": device, "rates": rates, "rows": found}, indent=1)
    )
    (folder / "bench-gpu.md").write_text(f"{device}\n{NOTE}\n\n{made}\n", "utf-8")


if __name__ == "__main__":
    main()
