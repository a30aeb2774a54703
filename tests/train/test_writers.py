"""Tables and events that training leaves."""

from __future__ import annotations

import csv
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

import symdl as sd
from symdl import nn
from symdl.errors import DataError, MissingExtraError
from tests.train.conftest import Data, Network


@pytest.fixture
def small(network: Network) -> sd.Model:
    loss, logits = network
    return sd.Model(loss, output=logits, metrics={"twice": 2 * loss, "seconds": 3 * loss}, target="python")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_history_as_a_table(small: sd.Model, data: Data, tmp_path: Path) -> None:
    log = sd.train.write_csv(tmp_path / "log.csv")
    options: dict[str, Any] = {"batch_size": 50, "epochs": 2, "validation": 0.2, "progress": False}
    history = small.fit(data, optimizer=nn.Adam(0.01), callbacks=[log], **options)
    history.to_csv(tmp_path / "history.csv")
    table = rows(tmp_path / "history.csv")
    assert (tmp_path / "log.csv").read_text("utf-8") == (tmp_path / "history.csv").read_text("utf-8")
    assert [row["epoch"] for row in table] == ["1", "2"]
    for row, epoch in zip(table, history.epochs, strict=True):
        assert float(row["loss"]) == epoch.loss and float(row["validation_loss"]) == epoch.validation_loss
        assert (
            float(row["metric_seconds"]) == epoch.values["seconds"] and float(row["seconds"]) == epoch.seconds
        )
        assert float(row["validation_twice"]) == epoch.validation_values["twice"]


def test_a_table_is_gone_on_with_or_begun_anew(small: sd.Model, data: Data, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    options: dict[str, Any] = {"optimizer": nn.SGD(0.1), "batch_size": 50, "progress": False}
    small.fit(data, epochs=2, callbacks=[sd.train.write_csv(path)], **options)
    small.fit(data, epochs=1, callbacks=[sd.train.write_csv(path, append=True)], **options)
    assert [row["epoch"] for row in rows(path)] == ["1", "2", "1"]
    other = sd.train.write_csv(path, append=True)
    with pytest.raises(DataError, match="another file"):
        small.fit(data, epochs=1, validation=0.2, callbacks=[other], **options)
    small.fit(data, epochs=1, callbacks=[sd.train.write_csv(path)], **options)
    assert len(rows(path)) == 1
    with pytest.raises(DataError, match="cannot be written"):
        small.fit(data, epochs=1, callbacks=[sd.train.write_csv(tmp_path / "none" / "log.csv")], **options)


def curves(folder: Path) -> dict[str, list[Any]]:
    """Read events: records of a length, its check, a message and its check."""
    messages = pytest.importorskip("tensorboardX.proto.event_pb2")
    found: dict[str, list[Any]] = {}
    for path in folder.iterdir():
        content, at = path.read_bytes(), 0
        while at < len(content):
            (length,) = struct.unpack_from("<Q", content, at)
            event = messages.Event.FromString(content[at + 12 : at + 12 + length])
            at += 16 + length
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_tensorboard(small: sd.Model, data: Data, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    options: dict[str, Any] = {"batch_size": 50, "progress": False, "shuffle": False}
    grouped = nn.Grouped({"first": nn.Adam(0.01), "rest": nn.SGD(0.1)})
    with sd.train.TensorBoard(tmp_path / "run", batches=True) as board:
        first = small.fit(data, optimizer=grouped, epochs=2, callbacks=[board], **options)
        more = small.fit(data, optimizer=nn.SGD(0.5), epochs=1, callbacks=[board], **options)
    found = curves(tmp_path / "run")
    losses = [epoch.loss for history in (first, more) for epoch in history.epochs]
    assert [step for step, _ in found["loss"]] == [1, 2, 3]
    assert [value for _, value in found["loss"]] == pytest.approx(losses)
    assert found["learning_rate/first"] == [(1, pytest.approx(0.01)), (2, pytest.approx(0.01))]
    assert found["learning_rate"] == [(3, pytest.approx(0.5))]
    assert [step for step, _ in found["batch_loss"]] == [*range(1, 10)]
    assert found.keys() >= {"twice", "metric_seconds", "samples_per_second"}


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingExtraError, match=r'pip install "symdl\[tensorboard\]"'):
        sd.train.TensorBoard(tmp_path)
