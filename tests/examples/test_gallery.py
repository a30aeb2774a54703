"""The gallery: each script runs, small and without a compiler, derives, and comes near its number.

With full settings, as the table in examples/gallery/README.md has them, each takes 10 to 20 seconds.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "gallery"
Found = dict[str, float]

SMALL: dict[str, tuple[str, Callable[[Found], bool]]] = {
    "attention": ("--epochs 4 --tasks 400", lambda f: 0.9 * f["known"] < f["found"] < 3.5),
    "vae": ("--epochs 25", lambda f: f["known"] - 0.05 < f["found"] < f["known"] + 1e-9),
    "gan": ("--epochs 2 --samples 1000", lambda f: f["loss"] < np.log(4) and f["spread"] > 1),
    "maml": ("--epochs 30 --tasks 10", lambda f: f["off"] < 1e-3),
    "graph_network": ("--epochs 50", lambda f: f["right"] == 33),
    "neural_ode": ("--epochs 6 --pieces 6", lambda f: f["off"] < 1.5),
    "diffusion": ("--epochs 2 --samples 250 --units 4", lambda f: f["found"] > f["known"] > 0.2),
    "kalman": ("--epochs 7", lambda f: abs(f["noise"] / 15099 - 1) < 0.1),
    "flow": ("--epochs 4 --samples 250 --units 4", lambda f: f["found"] > f["known"] - 0.2),
    "physics_informed": ("--epochs 4 --units 2", lambda f: abs(f["top"] - 0.1405392) < 0.05),
}
"""For each script settings that take a moment, and what must be true of what it returns."""


def test_every_script_is_run_and_in_the_table() -> None:
    scripts = {path.stem for path in FOLDER.glob("*.py")}
    page = (FOLDER / "README.md").read_text("utf-8")
    assert scripts == SMALL.keys() == set(re.findall(r"^\| \[`(\w+)\.py`\]", page, re.MULTILINE))


@pytest.mark.parametrize("name", SMALL)
def test_a_script(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location(f"gallery_{name}", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    settings, right = SMALL[name]
    found = module.main([*settings.split(), "--target", "python"])
    assert right(found), found
    assert "Gradient of" in capsys.readouterr().out
    assert len((FOLDER / f"{name}.py").read_text("utf-8").splitlines()) <= 120
