"""Data that come batch by batch: the same bits as arrays, steady memory, errors that arrive."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symdl import nn, train
from symdl.errors import ArgumentError, TrainingError
from symdl.train.callbacks import Callback
from symdl.train.feeds.ahead import ahead
from symdl.train.model import Model
from tests.train.conftest import Data, Network, blobs

SIZE = 16
OPTIONS: dict[str, Any] = {"batch_size": SIZE, "progress": False}


def cut(data: Data) -> Iterator[Data]:
    for start in range(0, len(data["t"]), SIZE):
        yield {name: array[start : start + SIZE] for name, array in data.items()}


def fitted(network: Network, data: Any, **options: Any) -> Model:
    model = Model(network[0], output=network[1])
    model.fit(data, optimizer=nn.Adam(0.01), **{**OPTIONS, "epochs": 2, **options})
    return model


def assert_same(one: Model, other: Model) -> None:
    for name, array in one.parameters.items():
        np.testing.assert_array_equal(array, other.parameters[name], err_msg=name)
    assert one.history is not None and other.history is not None
    for mine, its in zip(one.history.epochs, other.history.epochs, strict=True):
        assert mine.loss == pytest.approx(its.loss, rel=1e-6)
        assert mine.validation_loss == its.validation_loss


class Samples:
    """A data set that gives one sample at a time."""

    def __init__(self, data: Data) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data["t"])

    def __getitem__(self, place: int) -> dict[str, Any]:
        return {"X": self.data["X"][place], "t": int(self.data["t"][place])}


class Fetching(Samples):
    """The same, which gives several at once, as Hugging Face's do."""

    def __getitems__(self, places: list[int]) -> list[dict[str, Any]]:
        return [self[place] for place in places]


@pytest.mark.parametrize("prefetch", [0, 1, 3])
def test_batches_in_order(network: Network, prefetch: int) -> None:
    data = blobs(70, seed=0)
    expected = fitted(network, data, shuffle=False)
    sources: list[Any] = [list(cut(data)), lambda: cut(data), lambda: iter(Samples(data))]
    for source in sources:
        assert_same(fitted(network, train.Feed(source, prefetch=prefetch)), expected)


def test_rows_are_shuffled_and_held_out_as_arrays_are(network: Network, tmp_path: Path) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    data = blobs(70, seed=0)
    data["X"][data["X"] < 0] = 0
    np.save(tmp_path / "X.npy", data["X"].astype(np.float64))
    large = np.load(tmp_path / "X.npy", mmap_mode="r")
    expected = fitted(network, data, validation=0.2)
    sources: list[Any] = [
        {**data, "X": large},
        {**data, "X": sparse.csr_matrix(data["X"])},
        {**data, "X": sparse.coo_array(data["X"])},
        Samples(data),
        Fetching(data),
    ]
    for source in sources:
        assert_same(fitted(network, source, validation=0.2), expected)


def test_torch_loaders(network: Network) -> None:
    torch = pytest.importorskip("torch")
    data = blobs(70, seed=0)
    tensors = torch.utils.data.TensorDataset(*map(torch.as_tensor, (data["X"], data["t"])))
    loader = torch.utils.data.DataLoader(tensors, batch_size=SIZE)
    expected = fitted(network, data, shuffle=False)
    assert_same(fitted(network, train.Feed(loader, names=("X", "t"))), expected)
    assert_same(fitted(network, train.Feed(tensors, names=("X", "t")), shuffle=False), expected)
    with pytest.raises(ArgumentError, match="list of 2, not a dictionary"):
        fitted(network, loader)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(network: Network, library: str) -> None:
    frames = pytest.importorskip(library)
    data = blobs(40, seed=0)
    names = [f"x{number}" for number in range(5)]
    table = frames.DataFrame({**dict(zip(names, data["X"].T, strict=True)), "t": data["t"]})
    found = train.columns(table, X=names, t="t")
    np.testing.assert_array_equal(found["X"], data["X"])
    assert_same(fitted(network, found), fitted(network, data))
    with pytest.raises(ArgumentError, match="did you mean 'x1'"):
        train.columns(table, X=["x0", "x11"])


def test_a_frame_by_the_names_of_its_columns() -> None:
    frames = pytest.importorskip("pandas")
    import symdl as sd

    n = sd.Dim("n")
    x, y = sd.tensor("x", (n,)), sd.tensor("y", (n,))
    model = Model(nn.mean_squared_error(x * sd.parameter("a", ()), y))
    rng = np.random.default_rng(0)
    table = frames.DataFrame({"x": rng.normal(size=50)})
    table["y"] = 3 * table["x"]
    model.fit(table, optimizer=nn.SGD(0.1), epochs=30, progress=False, validation=table)
    assert model.parameters["a"] == pytest.approx(3.0, rel=1e-3)


def noisy(batch: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    return {**batch, "X": batch["X"] + rng.normal(size=batch["X"].shape)}


def test_augmentation(network: Network) -> None:
    data = blobs(60, seed=0)
    plain = fitted(network, data)
    one, again = (fitted(network, data, augment=noisy) for _ in range(2))
    assert_same(one, again)
    assert not np.array_equal(one.parameters["first.W"], plain.parameters["first.W"])
    two_and_one = Model(network[0], output=network[1])
    for resume in (False, True):
        two_and_one.fit(data, optimizer=nn.Adam(0.01), resume=resume, augment=noisy, **OPTIONS)
    for name, array in one.parameters.items():
        np.testing.assert_array_equal(array, two_and_one.parameters[name])
    with pytest.raises(ArgumentError, match="augment returned a NoneType"):
        fitted(network, data, augment=lambda batch, rng: None)


def test_a_buffer_that_is_used_again(network: Network) -> None:
    data = blobs(64, seed=0)

    def reusing() -> Iterator[Data]:
        room = {name: np.empty_like(array[:SIZE]) for name, array in data.items()}
        for batch in cut(data):
            for name, array in batch.items():
                room[name][...] = array
            yield room

    assert_same(fitted(network, reusing), fitted(network, data, shuffle=False))


def test_errors_arrive_and_threads_end(network: Network) -> None:
    data = blobs(70, seed=0)

    def failing() -> Iterator[Data]:
        yield next(cut(data))
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        fitted(network, failing)
    with pytest.raises(TrainingError, match="can be read once"):
        fitted(network, cut(data))
    with pytest.raises(ArgumentError, match="t holds 7"):
        fitted(network, [{**data, "t": data["t"] + 5}])
    with pytest.raises(ArgumentError, match="neither a dictionary"):
        fitted(network, 3)
    with pytest.raises(ArgumentError, match="nobody knows how many"):
        fitted(network, lambda: cut(data), validation=0.1)
    with pytest.raises(ArgumentError, match="patience without validation"):
        fitted(network, lambda: cut(data), patience=1)
    assert not [t for t in threading.enumerate() if t.name == "symdl-prefetch"]


@pytest.mark.parametrize("count", [0, 1, 4])
def test_ahead_never_has_more_ready_than_it_may(count: int) -> None:
    made = 0

    def items() -> Iterator[int]:
        nonlocal made
        for number in range(20):
            made = number + 1
            yield number

    taken = []
    feed = ahead(items(), count)
    for item in feed:
        taken.append(item)
        assert made <= len(taken) + count + 1
        if item == 12:
            break
    feed.close()
    assert taken == list(range(13))
    assert not [t for t in threading.enumerate() if t.name == "symdl-prefetch"]


class Counting:
    """Hears of batches; stops in the second epoch."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int, int]] = []
        self.epochs = 0

    def after_batch(self, batch: train.Batch, model: Model) -> bool:
        self.heard.append((batch.epoch, batch.number, batch.samples))
        model.learning_rate = 0.01 / (1 + len(self.heard))
        return batch.epoch == 2 and batch.number == 3

    def after_epoch(self, epoch: train.Epoch, model: Model) -> None:
        self.epochs += 1


@pytest.mark.parametrize("streamed", [False, True])
def test_callbacks_hear_of_batches(network: Network, streamed: bool) -> None:
    data = blobs(70, seed=0)
    counting = Counting()
    listener: Callback = counting
    source: Any = (lambda: cut(data)) if streamed else data
    model = fitted(network, source, shuffle=False, callbacks=[listener], epochs=5)
    expected = [(1, number, 16 if number < 5 else 6) for number in range(1, 6)]
    assert counting.heard == [*expected, *[(2, number, 16) for number in (1, 2, 3)]]
    assert model.history is not None and model.history.stopped == "a callback asked for it in epoch 2"
    assert counting.epochs == 2
    assert model.learning_rate == pytest.approx(0.01 / 9)


def test_an_interrupted_run_keeps_its_history(model: Model, data: Data) -> None:
    def interrupt(epoch: train.Epoch, model: Model) -> None:
        if epoch.number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(data, optimizer=nn.SGD(0.1), epochs=9, callbacks=[interrupt], **OPTIONS)
    assert model.history is not None and len(model.history.epochs) == 3
    assert "KeyboardInterrupt" in str(model.history)


def test_a_diverged_run_keeps_its_history(model: Model, data: Data) -> None:
    def explode(epoch: train.Epoch, model: Model) -> None:
        if epoch.number == 2:
            model.learning_rate = 1e38

    with pytest.raises(TrainingError, match="diverged in epoch 3") as caught:
        model.fit(data, optimizer=nn.SGD(0.1), epochs=9, callbacks=[explode], **OPTIONS)
    assert model.history is caught.value.history
    assert model.history is not None and len(model.history.epochs) == 2


LIMITED = """
import resource, sys
import numpy as np
import symdl as sd

n = sd.Dim("n")
X, y = sd.tensor("X", (n, 1000)), sd.tensor("y", (n,))
model = sd.Model(sd.nn.mean_squared_error(X @ sd.parameter("w", (1000,)), y))
rng = np.random.default_rng(0)

def batches(count):
    for _ in range(count):
        rows = rng.random((1000, 1000))
        yield {"X": rows, "y": rows[:, 0]}

options = dict(optimizer=sd.nn.SGD(1e-4), progress=False)
model.fit(batches(3), **options)
now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
room = 64 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (now + room, now + room))
count = 10 * room // 8_000_000 + 1
history = model.fit(batches(count), **options)
print(count * 8_000_000 / room, history.epochs[0].loss)
try:
    np.ones(2 * room // 8)
except MemoryError:
    print("the limit holds")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_memory_stays_steady() -> None:
    found = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr[-2000:]
    assert float(found.stdout.split()[0]) >= 10
    assert "the limit holds" in found.stdout
