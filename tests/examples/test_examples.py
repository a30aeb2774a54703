"""Every example runs, small, and does what it says."""

from __future__ import annotations

import gzip
import importlib.util
import re
import struct
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from symdl.train.mnist import SUMS

FOLDER = Path(__file__).resolve().parents[2] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_digits(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    history = example("01_digits").main(["--epochs", "8", "--out", str(out)])
    assert history.test_accuracy > 0.93
    shown = capfd.readouterr()
    assert "accuracy" in shown.out and shown.err == ""
    names = ["first_gradient.tex", "first_gradient.txt", "kernel.py", "loss.png"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert "first" in (out / "first_gradient.txt").read_text(encoding="utf-8")
    assert "\\documentclass" in (out / "first_gradient.tex").read_text(encoding="utf-8")
    compile((out / "kernel.py").read_text(encoding="utf-8"), "kernel.py", "exec")
    assert (out / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_iris(capsys: pytest.CaptureFixture[str]) -> None:
    accuracies = example("02_iris").main(["--seeds", "4"])
    assert len(accuracies) == 4
    assert np.mean(accuracies) >= 0.95 and min(accuracies) >= 0.85
    assert "mean" in capsys.readouterr().out


def test_index_notation(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("03_index_notation").main()
    shown = capsys.readouterr().out
    assert "W" in shown and "compiled" in shown


def test_slides(tmp_path: Path) -> None:
    pytest.importorskip("quickjax")
    tex, page = example("04_slides").main(["--out", str(tmp_path)])
    document = tex.read_text("utf-8")
    for line in (
        r"\cos(v_5) v_4",
        r"\sigma(x) (1 - \sigma(x))",
        r"\underbrace",
        r"w_{12}".replace("w", "W"),
        r"V x + d",
        r"\theta_{1_{p+1}}",
        r"\frac{1}{n} (P - Y)",
    ):
        assert line in document
    shown = page.read_text("utf-8")
    assert shown.count("<h2>") == 12 and "data-mjx-error" not in shown and "<script src" not in shown


def test_fitting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fits = example("17_fitting").main(["--out", str(tmp_path)])
    shown = capsys.readouterr().out
    assert "half-life: 1.1" in shown and shown.count("converged") == 3
    assert [fit.warnings for fit in fits] == [()] * 3
    off = re.findall(r"true value: ([\d.]+) standard", shown)
    assert max(map(float, off)) < 3.5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["spectrum.html", "spectrum.png"]


def test_mnist_on_made_up_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A class is a bright row of its own, so a small part of the samples is enough."""
    rng = np.random.default_rng(0)
    for images, labels, count in zip(list(SUMS)[::2], list(SUMS)[1::2], (500, 200), strict=True):
        t = rng.integers(0, 10, count).astype(np.uint8)
        pixels = rng.integers(0, 60, (count, 28, 28)).astype(np.uint8)
        pixels[np.arange(count), 2 * t + 4] += 150
        _write(tmp_path / images, 3, pixels)
        _write(tmp_path / labels, 1, t)
    monkeypatch.setenv("SYMDL_DATA", str(tmp_path))
    histories = example("mnist").main(["--epochs", "4", "--samples", "400"])
    assert [len(history.epochs) for history in histories] == [3, 1]
    assert histories[-1].test_accuracy > 0.9
    assert "test: loss" in capsys.readouterr().out


def _write(path: Path, rank: int, array: np.ndarray) -> None:
    header = struct.pack(f">BBBB{rank}I", 0, 0, 8, rank, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes(), 1))
