"""What is shown, and where nothing is."""

from __future__ import annotations

import importlib
import io
import sys

import pytest

from symdl.train.progress import Bar, Quiet, Summary, progress_for


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def use(shown: bool | None) -> type:
    with progress_for(shown, epochs=2, samples=10) as bar:
        for number in (1, 2):
            bar.epoch(number)
            bar.advance(6, 0.75)
            bar.advance(4, 0.5)
            bar.note(valid=0.25, accuracy=None)
    return type(bar)


def test_quiet_unless_it_is_a_terminal(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert use(None) is Quiet
    assert use(False) is Quiet
    monkeypatch.setattr(sys, "stderr", None)
    assert use(None) is Quiet
    assert capfd.readouterr() == ("", "")


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    assert use(None) is Bar
    last = stream.getvalue().split("\r")[-1]
    assert "epoch 2/2" in last and "20.0/20.0" in last and "loss=0.5000" in last
    assert "valid=0.2500" in last and "samples/s" in last and "accuracy" not in last


def test_one_line_without_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(importlib, "import_module", missing)
    assert use(None) is Summary
    monkeypatch.undo()
    assert importlib.import_module("tqdm")
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.startswith("2 epochs in ") and "samples/s, loss 0.5000" in text
