"""The results: on the terminal, as JSON and back, as a Markdown table, as a plot.

Enters: `Row`s. Leaves: text, and the files ``bench.json``, ``bench.md`` and ``bench.png``.
"""

from __future__ import annotations

import json
import math
import platform
from dataclasses import asdict, dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .peers import FLOORS, OURS, PEERS
from .problem import Workload
from .session import Outcome
from .workloads import ALL

LIBRARIES = ("symdl", "numpy", "scipy", "numba", "torch", "jax", "pytensor")


@dataclass(frozen=True, slots=True)
class Row:
    """A workload and what every peer did."""

    workload: Workload
    outcomes: tuple[Outcome, ...]

    def of(self, peer: str) -> Outcome | None:
        """Return what a peer did, if it has samples."""
        return next((o for o in self.outcomes if o.peer == peer and o.samples), None)

    @property
    def best(self) -> Outcome | None:
        """The fastest of the other libraries, by medians."""
        others = [o for o in self.outcomes if o.samples and o.peer not in (*OURS, *FLOORS)]
        return min(others, key=lambda o: o.median, default=None)

    @property
    def ours(self) -> Outcome | None:
        """symdl with all its threads, or with one if only that was asked for."""
        return self.of("symdl") or self.of("symdl 1t")

    @property
    def ratio(self) -> float:
        """The time of symdl over that of the best peer, medians."""
        return self.ours.median / self.best.median if self.ours and self.best else math.nan

    @property
    def least_ratio(self) -> float:
        """The same of the smallest samples."""
        return self.ours.least / self.best.least if self.ours and self.best else math.nan

    @property
    def floor_share(self) -> float:
        """The machine's own time (the better of one and two threads) over the time of symdl."""
        floors = [o.median for o in map(self.of, FLOORS) if o]
        return min(floors) / self.ours.median if floors and self.ours else math.nan


def duration(seconds: float) -> str:
    """Return a time with a unit."""
    if not seconds == seconds:
        return "–"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def number(value: float) -> str:
    """Return a ratio."""
    return f"{value:.2f}" if value == value else "–"


def show(row: Row) -> str:
    """Return all that is known of a row."""
    lines = [f"\n{row.workload.name}: {row.workload.title}"]
    for o in row.outcomes:
        if o.error:
            lines.append(f"  {o.peer:14} {o.error}")
            continue
        ratio = number(o.median / row.best.median) if row.best else "–"
        noise = f", {o.disturbed} of {len(o.samples)} disturbed" if o.disturbed else ""
        lines.append(
            f"  {o.peer:14} {duration(o.median):>9}  (least {duration(o.least):>9}{noise})  x{ratio}"
            f"  p90/median {number(o.spread)}  first {o.start:.1f} s  peak {o.peak / 2**20:.0f} MiB"
            f"  off by {o.deviation:.0e}"
        )
    return "\n".join(lines)


def table(rows: list[Row]) -> str:
    """Return the Markdown table."""
    peers = [p for p in PEERS if any(r.of(p) for r in rows)]
    head = ["workload", "symdl / best (medians; least)", "goal", "best", "floor / symdl"]
    head += ["p90 / median: symdl; best", "first gradient: symdl; best", *peers]
    lines = ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = [
            row.workload.title,
            f"{number(row.ratio)}; {number(row.least_ratio)}",
            number(row.workload.goal),
            row.best.peer if row.best else "–",
            number(row.floor_share),
            "; ".join(number(o.spread) if o else "–" for o in (row.ours, row.best)),
            "; ".join(duration(o.start) if o else "–" for o in (row.ours, row.best)),
        ]
        for peer in peers:
            outcome = row.of(peer)
            cells.append(duration(outcome.median) if outcome else "–")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def machine(cores: tuple[int, ...]) -> str:
    """Return a line about machine and libraries."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    versions = []
    for library in LIBRARIES:
        try:
            versions.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            continue
    used = ", ".join(map(str, cores))
    return f"{model}, cores {used}; Python {platform.python_version()}, {', '.join(versions)}"


@dataclass(frozen=True, slots=True)
class Run:
    """How rows were measured: `machine()`'s line, the day, and the command."""

    machine: str
    day: str
    command: str


def write(rows: list[Row], folder: Path, run: Run) -> None:
    """Write the files."""
    folder.mkdir(parents=True, exist_ok=True)
    found: list[dict[str, Any]] = [
        {
            "workload": r.workload.name,
            "title": r.workload.title,
            "goal": r.workload.goal,
            "ratio": r.ratio,
            "least_ratio": r.least_ratio,
            "floor_share": r.floor_share,
            "peers": {o.peer: asdict(o) | {"spread": o.spread} for o in r.outcomes},
        }
        for r in rows
    ]
    whole = json.dumps(asdict(run) | {"rows": found}, indent=1)
    (folder / "bench.json").write_text(whole.replace("NaN", "null"), "utf-8")
    (folder / "bench.md").write_text(f"{run.machine}\n{table(rows)}\n", "utf-8")
    plot(rows, folder / "bench.png")


def read(path: Path) -> tuple[Run, list[Row]]:
    """Return what `write` wrote to ``bench.json``; rows that are no longer there are left out."""
    known = {w.name: w for w in ALL}
    names = {f.name for f in fields(Outcome)}
    whole = json.loads(path.read_text("utf-8"))
    rows = [
        Row(known[row["workload"]], tuple(
            Outcome(**{name: value for name, value in peer.items() if name in names})
            for peer in row["peers"].values()
        ))
        for row in whole["rows"]
        if row["workload"] in known
    ]  # fmt: skip
    return Run(whole["machine"], whole["day"], whole["command"]), rows


_COLORS = {
    "symdl": "#1f4e9e",
    "torch": "#d9541e",
    "jax": "#7b3fa0",
    "pytensor": "#3b8f4d",
    "lambdify": "#888888",
}
_MARKERS = {"fused": "s", "compile": "^", "step": "v"}


def plot(rows: list[Row], path: Path) -> None:
    """Draw every peer's time over that of the best peer."""
    try:
        import matplotlib
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    shown = [r for r in rows if r.best]
    figure, axes = plt.subplots(figsize=(9, 1.3 + 0.42 * len(shown)), layout="constrained")
    for at in range(0, len(shown), 2):
        axes.axhspan(at - 0.5, at + 0.5, color="#f3f3f3", linewidth=0)
    axes.axvline(1.0, color="#555555", linewidth=0.8)
    goals = axes.scatter([r.workload.goal for r in shown], range(len(shown)), marker="|", c="k", s=240)
    goals.set_label("goal")
    for peer in reversed(list(PEERS)):  # ours above the others
        points = [(r.of(peer), r.best, at) for at, r in enumerate(shown)]
        found = [(o.median / b.median, at) for o, b, at in points if o and b]
        if found and peer not in FLOORS:
            ours, color = peer in OURS, _COLORS[peer.split()[0]]
            face = "none" if peer.endswith("1t") else color
            marker = "D" if ours else _MARKERS.get(peer.split()[-1], "o")
            style: dict[str, Any] = {"s": 75 if ours else 34, "marker": marker, "zorder": 4 if ours else 3}
            axes.scatter(*zip(*found, strict=True), label=peer, facecolor=face, edgecolor=color, **style)
    axes.set(xscale="log", ylim=(len(shown) - 0.5, -0.5))
    axes.set_xlim(left=min(0.09, axes.get_xlim()[0]))
    axes.set_xlabel("time over that of the fastest other library (less is better)")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(shown)), [r.workload.title for r in shown], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], fontsize=8, ncols=6, loc="outside lower center", frameon=False)
    figure.savefig(path, dpi=130)
    plt.close(figure)
