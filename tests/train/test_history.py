"""The record of a training run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from symdl.errors import DataError
from symdl.train.history import Epoch, History


def history(*, validated: bool, tested: bool = True) -> History:
    epochs = [
        Epoch(
            number=number,
            loss=loss,
            validation_loss=loss + 0.5 if validated else None,
            accuracy=0.9 if validated else None,
            seconds=0.1,
            samples_per_second=12345.0,
        )
        for number, loss in enumerate([1.0, 0.25, 0.5], start=1)
    ]
    test = (0.3, 0.975) if tested else (None, None)
    return History(tuple(epochs), 2, "all epochs are done", validated, *test)


def test_table() -> None:
    lines = str(history(validated=True)).splitlines()
    assert lines[0].split() == ["epoch", "loss", "validation", "loss", "accuracy", "seconds", "samples/s"]
    assert lines[2].split() == ["*2", "0.2500", "0.7500", "90.00%", "0.1", "12,345"]
    assert lines[4:] == [
        "best epoch: 2 (*), its weights restored",
        "stopped: all epochs are done",
        "test: loss 0.3000, accuracy 97.50%",
    ]


def test_table_has_no_empty_columns() -> None:
    text = str(history(validated=False, tested=False))
    assert "validation" not in text and "accuracy" not in text and "test" not in text


def test_to_dict_is_ready_for_json() -> None:
    found = json.loads(json.dumps(history(validated=True).to_dict()))
    assert found["epochs"][1]["validation_loss"] == 0.75
    assert (found["best_epoch"], found["test_accuracy"]) == (2, 0.975)
    assert history(validated=True).best.loss == 0.25


@pytest.mark.parametrize("validated", [False, True])
def test_plot_writes_a_picture(validated: bool, tmp_path: Path) -> None:
    figure = history(validated=validated).plot(tmp_path / "loss.png")
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in tmp_path.iterdir()] == ["loss.png"]
    assert len(figure.axes) == 1 + validated
    assert list(figure.axes[0].lines[0].get_ydata()) == [1.0, 0.25, 0.5]


def test_plot_without_a_path_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    history(validated=False).plot()
    assert not list(tmp_path.iterdir())


def test_plot_into_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written"):
        history(validated=False).plot(tmp_path / "nowhere" / "loss.png")
