"""Models as files: another process goes on to the same bits, and no file does harm."""

from __future__ import annotations

import copy
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.errors import ArgumentError, DataError, TrainingError
from symdl.nn.described import Elsewhere, described, is_known, made
from symdl.train.model import Model

safetensors = pytest.importorskip("safetensors.numpy")
n = sd.Dim("n")
Data = dict[str, np.ndarray[Any, Any]]


def build(seed: int = 0) -> Model:
    """A model with everything that a file must keep: dropout's counter, running statistics, constants."""
    X, t = sd.tensor("X", (n, 6)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.batch_norm(sd.nn.dense(X, 8, name="first"), name="norm")
    h = sd.nn.dropout(sd.tanh(h) * sd.constant(np.linspace(0.5, 1.0, 8)), 0.3, name="drop")
    logits = sd.nn.dense(h, 3, name="out")
    loss = sd.nn.cross_entropy(logits, t)
    return Model(loss, output=logits, metrics={"size": sd.mean(h**2)}, seed=seed)


def points(count: int = 90) -> Data:
    rng = np.random.default_rng(5)
    return {"X": rng.normal(size=(count, 6)).astype("float32"), "t": rng.integers(0, 3, count)}


ADAM = sd.nn.Clipped(sd.nn.AdamW(sd.nn.CosineDecay(0.05, steps=40), weight_decay={"first.W": 0.1}), norm=1.0)
OPTIONS: dict[str, Any] = {"batch_size": 16, "validation": 0.2, "restore_best": False, "progress": False}


def everything(model: Model) -> Data:
    return {**model.parameters, **model.running}


def assert_same(one: Model, other: Model) -> None:
    assert list(everything(one)) == list(everything(other))
    for name, array in everything(one).items():
        np.testing.assert_array_equal(everything(other)[name], array, err_msg=name)


SECOND = """
import sys
import numpy as np
import symdl as sd
model = sd.load(sys.argv[1])
data = dict(np.load(sys.argv[2]))
model.fit(data, resume=True, epochs=2, batch_size=16, validation=0.2, restore_best=False, progress=False)
model.save(sys.argv[1])
"""


def test_another_process_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    whole, half, data = build(), build(), points()
    whole.fit(data, optimizer=ADAM, epochs=4, **OPTIONS)
    half.fit(data, optimizer=ADAM, epochs=2, **OPTIONS)
    half.save(tmp_path / "model")
    np.savez(tmp_path / "data.npz", **data)  # type: ignore[arg-type]
    command = [sys.executable, "-c", SECOND, str(tmp_path / "model"), str(tmp_path / "data.npz")]
    subprocess.run(command, check=True, cwd=Path(sd.__file__).parents[1])
    again = sd.load(tmp_path / "model")
    assert_same(whole, again)
    assert whole.resumable is not None and again.resumable is not None
    for name, array in whole.resumable.states.items():
        np.testing.assert_array_equal(again.resumable.states[name], array)
    assert again.history is not None and whole.history is not None
    assert [e.loss for e in again.history.epochs] == [e.loss for e in whole.history.epochs[2:]]
    x = {"X": data["X"]}
    np.testing.assert_array_equal(again.predict(**x), whole.predict(**x))


def test_load_into_a_model_of_the_same_code(tmp_path: Path) -> None:
    one, other, data = build(), build(seed=3), points()
    one.fit(data, optimizer=ADAM, epochs=2, **OPTIONS)
    one.save(tmp_path / "model")
    report = other.load(tmp_path / "model")
    assert set(report.taken) == set(everything(one)) and not report.missing and not report.unexpected
    assert_same(one, other)
    one.fit(data, optimizer=ADAM, epochs=1, resume=True, **OPTIONS)
    other.fit(data, optimizer=ADAM, epochs=1, resume=True, **OPTIONS)
    assert_same(one, other)


def test_other_readers_find_the_arrays(tmp_path: Path) -> None:
    model = build()
    model.save_weights(tmp_path / "weights")
    found = safetensors.load_file(tmp_path / "weights")
    assert found.keys() == everything(model).keys()
    np.testing.assert_array_equal(found["first.W"], model.parameters["first.W"])
    model.save(tmp_path / "model")
    assert found.keys() <= safetensors.load_file(tmp_path / "model").keys()
    with pytest.raises(DataError, match="weights, and no network"):
        sd.load(tmp_path / "weights")


def test_what_fits_of_another_file(tmp_path: Path) -> None:
    model, path = build(), tmp_path / "other"
    old = {
        "body.0.W": np.ones((6, 8), "float32"),
        "body.0.b": np.ones(8),
        "out.W": np.ones((5, 5)),
        "z": np.ones(1),
    }
    safetensors.save_file(old, path)
    for options, message in [
        ({}, "the file has no parameter 'first.W'"),
        ({"rename": {"body.0.": "first."}}, "the file has no parameter"),
        ({"rename": {"nothing": "first.W"}}, "no such name"),
        ({"rename": {"body.0.W": "z"}}, "one name"),
    ]:
        with pytest.raises((DataError, ArgumentError), match=message):
            model.load(path, **options)  # type: ignore[arg-type]
    report = model.load(path, strict=False, rename={"body.0.": "first."})
    assert report.taken == ("first.W", "first.b") and report.unexpected == ("z",)
    assert "out.W" in report.missing and "2 arrays taken" in str(report)
    assert model.parameters["first.b"].tolist() == [1] * 8


def test_misfits_change_nothing(tmp_path: Path) -> None:
    model = build()
    before = {name: array.copy() for name, array in everything(model).items()}
    arrays = {**everything(model), "out.b": np.ones(4, "float32")}
    safetensors.save_file({k: np.ascontiguousarray(a) for k, a in arrays.items()}, tmp_path / "m")
    with pytest.raises(DataError, match="'out.b' does not fit"):
        model.load(tmp_path / "m")
    for name, array in everything(model).items():
        np.testing.assert_array_equal(array, before[name])


def test_nothing_that_is_not_finite_is_saved_unasked(tmp_path: Path) -> None:
    model = build()
    model.parameters["out.b"][0] = np.nan
    for save in (model.save, model.save_weights):
        with pytest.raises(TrainingError, match=r"out\.b.*NaN"):
            save(tmp_path / "model")
    assert not list(tmp_path.iterdir())
    model.save(tmp_path / "model", allow_nan=True)
    assert np.isnan(sd.load(tmp_path / "model").parameters["out.b"][0])


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "model"
    with pytest.raises(DataError, match="no such file"):
        sd.load(path)
    with pytest.raises(DataError, match="cannot be written"):
        build().save(tmp_path / "nowhere" / "model")
    build().save(path)
    whole = path.read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2], whole[:8], b"\xff" * 64):
        path.write_bytes(content)
        for reading in (sd.load, build().load):
            with pytest.raises(DataError, match="no file of a saved model"):
                reading(path)
    safetensors.save_file(
        {"a": np.ones(1)}, path, metadata={"symdl": '{"format": 99, "versions": {"symdl": "9"}}'}
    )
    with pytest.raises(DataError, match="by symdl 9 in format 99"):
        sd.load(path)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "model"
    model = build()
    model.fit(points(), optimizer=ADAM, epochs=1, **OPTIONS)
    model.save(path)
    return path


@settings(max_examples=150)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_read(saved: Path, data: st.DataObject) -> None:
    """No byte of a file leads to anything but a model or an error that says what is wrong."""
    content = bytearray(saved.read_bytes())
    end = 8 + int.from_bytes(content[:8], "little")
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, end))] = data.draw(st.integers(0, 255))
    broken = saved.with_name("broken")
    broken.write_bytes(content)
    try:
        sd.load(broken)
    except sd.SymdlError:
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be killed at any moment")
def test_a_save_that_is_killed_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "model"
    model, rng = build(), random.Random(0)
    model.save(path)
    for _ in range(50):
        child = os.fork()
        if not child:
            while True:  # the child: saves until it is killed
                model.save(path)
        time.sleep(rng.uniform(0.0, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert_same(sd.load(path), model)


def test_a_file_keeps_its_permissions_and_links(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    build().save(real)
    real.chmod(0o640)
    link.symlink_to(real)
    build(seed=2).save(link)
    assert link.is_symlink() and real.stat().st_mode & 0o777 == 0o640
    assert_same(sd.load(real), build(seed=2))


def test_pickles_and_copies_go_on_as_the_model_does() -> None:
    model, data = build(), points()
    model.fit(data, optimizer=ADAM, epochs=1, **OPTIONS)
    others = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]  # noqa: S301 (written a moment ago)
    for other in others:
        assert_same(model, other)
        assert other.parameters["out.b"] is not model.parameters["out.b"]
    model.fit(data, optimizer=ADAM, epochs=1, resume=True, **OPTIONS)
    for other in others:
        other.fit(data, epochs=1, resume=True, **OPTIONS)
        assert_same(model, other)


class Mine:
    """A user's own optimizer."""

    def updates(self, parameters: Any, gradients: Any) -> Any:
        return sd.nn.SGD(0.1).updates(parameters, gradients)


def test_of_a_users_own_optimizer_the_name_is_kept(tmp_path: Path) -> None:
    model, data = build(), points()
    model.fit(data, optimizer=Mine(), epochs=1, **OPTIONS)
    model.save(tmp_path / "model")
    again = sd.load(tmp_path / "model")
    with pytest.raises(TrainingError, match=r"test_saving\.Mine"):
        again.fit(data, epochs=1, resume=True, **OPTIONS)
    with pytest.raises(TrainingError, match=r"previous fit used .*Mine"):
        again.fit(data, optimizer=ADAM, epochs=1, resume=True, **OPTIONS)
    again.fit(data, optimizer=Mine(), epochs=1, resume=True, **OPTIONS)
    model.fit(data, optimizer=Mine(), epochs=1, resume=True, **OPTIONS)
    assert_same(model, again)


def test_a_fit_needs_an_optimizer() -> None:
    with pytest.raises(ArgumentError, match="no optimizer"):
        build().fit(points(), epochs=1)
    with pytest.raises(TrainingError, match="no fit before"):
        build().fit(points(), epochs=1, resume=True)


@pytest.mark.parametrize(
    "setting",
    [
        *(ADAM, sd.nn.Momentum(sd.nn.WarmUp(sd.nn.StepDecay(0.1, every=3), steps=5))),
        *(sd.nn.Nesterov(0.5, momentum=0.3), sd.nn.he(fans=(3, 4)), sd.nn.uniform(-1, 2), sd.nn.zeros()),
        *(float("inf"), np.float32(0.5), (1, 2.5), None),
    ],
    ids=str,
)
def test_settings_come_back(setting: Any) -> None:
    again = made(described(setting))
    assert again == setting and is_known(again)


def test_settings_that_a_file_cannot_hold() -> None:
    found = made(described(sd.nn.Adam(lambda step: step)))
    assert found == Elsewhere("Adam") and not is_known(found)
    assert made(described(sd.nn.Clipped(sd.nn.SGD(np.exp), norm=1))) == Elsewhere("Clipped")
    for bad in ({"kind": "Popen", "settings": {}}, {"kind": "Adam", "settings": {"x": 1}}, {}, {"a": 1}):
        with pytest.raises(DataError):
            made(bad)


def test_an_initializer_of_a_users_own_is_asked_for_by_name(tmp_path: Path) -> None:
    w = sd.parameter("w", (3,), init=lambda shape, rng: np.ones(shape))
    model = Model(sd.mean((sd.tensor("x", (n, 3)) @ w) ** 2))
    model.save(tmp_path / "model")
    again = sd.load(tmp_path / "model")
    assert again.parameters["w"].tolist() == [1, 1, 1]
    with pytest.raises(TrainingError, match="was not saved"):
        Model(again.loss)
