"""The callbacks that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from symdl.errors import ArgumentError
from symdl.train.callbacks import print_epochs, save_epochs, stop_at
from symdl.train.history import Epoch


class Saving:
    def __init__(self) -> None:
        self.paths: list[str] = []

    def save(self, path: str) -> None:
        self.paths.append(path)


def epoch(number: int, loss: float, validated: float | None = None) -> Epoch:
    accuracy = None if validated is None else 0.8
    return Epoch(number, loss, validated, accuracy, 0.1, 10.0)


def test_print_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    callback = print_epochs(every=2)
    for number in (1, 2, 3, 4):
        assert callback(epoch(number, 1.0, 0.5 if number > 2 else None), cast(Any, None)) is None
    assert capsys.readouterr().out.splitlines() == [
        "epoch 2: loss 1.0000",
        "epoch 4: loss 1.0000, validation loss 0.5000, accuracy 80.00%",
    ]
    with pytest.raises(ArgumentError, match="every=0"):
        print_epochs(every=0)


def test_save_epochs() -> None:
    model = Saving()
    for path in ("last.npz", Path("epoch-{}.npz")):
        save_epochs(path)(epoch(3, 1.0), cast(Any, model))
    assert model.paths == ["last.npz", "epoch-3.npz"]


def test_stop_at() -> None:
    model = cast(Any, None)
    assert stop_at(loss=0.5)(epoch(1, 0.5), model) is True
    assert stop_at(loss=0.5)(epoch(1, 0.4, 0.6), model) is False
    assert stop_at(accuracy=0.8)(epoch(1, 0.4, 0.6), model) is True
    assert stop_at(accuracy=0.8)(epoch(1, 0.4), model) is False
