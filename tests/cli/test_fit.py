"""``symdl fit``: the numbers of `sd.fit`, from a file and a line of text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd

from .running import ran, refused

X = np.linspace(0, 5, 30).round(3)
Y = (2.5 * np.exp(-1.3 * X) + 0.5 + np.random.default_rng(1).normal(0, 0.02, 30)).round(4)
DY = np.linspace(0.01, 0.03, 30).round(3)
F = "a*exp(-b*x) + c"
START = {"a": 1.0, "b": 1.0, "c": 1.0}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [f"{x},{y},{dy}" for x, y, dy in zip(X, Y, DY, strict=True)]
    Path("d.csv").write_text("\n".join(["x,y,dy", *rows]), "utf-8")
    return tmp_path


def test_the_report_is_that_of_the_library() -> None:
    own = sd.fit({"y": F}, data={"x": X, "y": Y}, start=START)
    assert ran("fit", "d.csv", f"y = {F}").out == f"{own}\n"
    own = sd.fit({"y": F}, data={"x": X, "y": Y}, sigma=DY, absolute_sigma=True, start={**START, "a": 2.0})
    assert ran("fit", "d.csv", F, "--sigma", "dy", "--absolute-sigma", "--start", "a=2").out == f"{own}\n"


def test_options_reach_the_fit() -> None:
    held = ran(
        "fit",
        "d.csv",
        "y = A*exp(-k*t) + c",
        "--columns",
        "t=x",
        "--fixed",
        "A=2.5",
        "--bounds",
        "k=0:2,c=:1",
    )
    between: dict[str, Any] = {"k": (0, 2), "c": (None, 1)}
    data = {"t": X, "y": Y}
    model = {"y": "A*exp(-k*t) + c"}
    own = sd.fit(model, data=data, start={"c": 1.0, "k": 1.0}, fixed={"A": 2.5}, bounds=between)
    assert held.out == f"{own}\n"
    tied = ran(
        "fit", "d.csv", f"y = {F}", "--tied", "a=5*c", "--loss", "huber", "--tries", "2", "--seed", "3"
    )
    two = {"b": 1.0, "c": 1.0}
    own = sd.fit({"y": F}, data={"x": X, "y": Y}, start=two, tied={"a": "5*c"}, loss="huber", tries=2, seed=3)
    assert tied.out == f"{own}\n"
    through = ran("fit", "d.csv", "k = log(2)/half; y = a*exp(-k*x) + c", "--sigma", "0.02")
    assert through.code == 0 and "half" in through.out


def test_reports_are_written_whole(folder: Path) -> None:
    found = ran(
        "fit",
        "d.csv",
        f"y = {F}",
        *(part for e in ("json", "html", "tex", "txt") for part in ("--to", f"r.{e}")),
    )
    assert found.code == 0 and found.err.splitlines() == [
        f"written: r.{e}" for e in ("json", "html", "tex", "txt")
    ]
    numbers = json.loads((folder / "r.json").read_text())
    assert numbers["values"]["a"] == pytest.approx(2.5, abs=0.1) and numbers["converged"] is True
    assert np.shape(numbers["covariance"]) == (3, 3)
    assert (folder / "r.html").read_text().startswith("<!doctype html>") and "\\begin" in (
        folder / "r.tex"
    ).read_text()
    open_ended = ran("fit", "d.csv", "y = a*b*x", "--to", "o.json")
    assert "warning" in open_ended.out
    assert json.loads((folder / "o.json").read_text())["errors"]["a"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["e.csv", F], "there is no file e.csv"),
        (["d.csv", F], "what was measured? the formula reads none of y, dy"),
        (["d.csv", f"z = {F}"], "has no column 'z'"),
        (["d.csv", f"y = {F}", "--start", "q=1"], "start has 'q'"),
        (["d.csv", f"y = {F}", "--start", "a"], "'a' is not name=value\n  cure: write --start a=2,b=0.5"),
        (["d.csv", f"y = {F}", "--bounds", "a=3"], "a=3 is no range"),
        (["d.csv", f"y = {F}", "--bounds", "a=3:4"], "start"),
        (["d.csv", f"y = {F}", "--sigma", "error"], "has no column 'error'"),
        (["d.csv", f"y = {F}", "--columns", "t=time"], "has no column 'time'"),
        (["d.csv", f"y = {F}", "--tied", "a=__import__('os')"], "no known function"),
        (["d.csv", f"y = {F}", "--loss", "wild"], "--loss"),
        (["d.csv", f"y = {F}", "--to", "r.doc"], "use .txt, .tex, .html, .json"),
        (["d.csv", "y = a +"], "cannot be read"),
        (["d.csv", "y = 3*x"], "fit"),
    ],
)
def test_what_is_wrong_is_named(arguments: list[str], said: str, folder: Path) -> None:
    assert said in refused("fit", *arguments)
    assert [p.name for p in folder.iterdir()] == ["d.csv"]


def test_a_column_that_is_code_elsewhere_stays_a_name(folder: Path) -> None:
    name = "y</title><script>alert(1)</script>\\input{x}$\x1b[31m"
    rows = [f"{x},{y}" for x, y in zip(X, Y, strict=True)]
    Path("d.csv").write_text("\n".join([f'x,"{name}"', *rows]), "utf-8")
    found = ran(
        "fit", "d.csv", F, *(part for e in ("html", "tex", "txt", "json") for part in ("--to", f"r.{e}"))
    )
    assert found.code == 0 and "\x1b" not in found.both
    texts = {e: (folder / f"r.{e}").read_text("utf-8") for e in ("html", "tex", "txt", "json")}
    assert not any("\x1b" in text for text in texts.values())
    assert "<script" not in texts["html"] and "\\input" not in texts["tex"]
