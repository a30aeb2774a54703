"""``symdl train`` and what comes after it: data in every format, networks as tables, files that are wrong."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.cli.config.experiment import Experiment, read_experiment
from symdl.cli.config.layers import LAYERS, stacked
from symdl.cli.config.learning import _OPTIMIZERS, LOSSES, loss_of, optimizer_of
from symdl.errors import CommandError, DataError
from symdl.train.reading import read_columns

from .running import ran, refused

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).round(3)
KIND = np.where(X[:, 0] + X[:, 1] > 0, "up", "down")


def network(*layers: str, loss: str = '"cross_entropy"') -> str:
    """Return the part of a file that describes a network."""
    every = ", ".join([*(f"{{ {layer} }}" for layer in layers), '{ dense = "outputs" }'])
    return f"[network]\nlayers = [{every}]\nloss = {loss}\n"


NETWORK = network('dense = 4, activation = "tanh"')
TABLE = '[data]\nfile = "d.csv"\ntarget = "kind"\n'


def lines(path: Path, separator: str = ",") -> None:
    rows = ["a,b,c,kind"]
    rows += [",".join([*map(str, row), kind]) for row, kind in zip(X, KIND, strict=True)]
    path.write_text("\n".join(rows).replace(",", separator) + "\n", "utf-8")


def idx(path: Path, array: np.ndarray) -> None:
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(head + array.astype("u1").tobytes()))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lines(tmp_path / "d.csv")
    return tmp_path


def experiment(folder: Path, text: str, **changes: Any) -> Experiment:
    (folder / "c.toml").write_text(text, "utf-8")
    return read_experiment(folder / "c.toml", changes=changes)


def test_a_network_is_trained_saved_and_exported(folder: Path) -> None:
    text = TABLE + "standardize = true\ntest = 0.2\n" + NETWORK + "[training]\nepochs = 40\nbatch_size = 8\n"
    text += "optimizer = { adam = 0.02 }\nvalidation = 0.25\npatience = 5\n"
    text += '[output]\nmodel = "m.safetensors"\nhistory = "h.json"\nplot = "p.png"\n'
    (folder / "c.toml").write_text(text, "utf-8")
    dry = ran("train", "c.toml", "--dry-run")
    assert dry.out.startswith("d.csv: 48 samples of 3 inputs, 2 classes; 12 more to test\n\nparameter")
    assert sorted(p.name for p in folder.iterdir()) == ["c.toml", "d.csv"]
    found = ran("train", "c.toml")
    assert found.code == 0 and "validation loss" in found.out and "test: loss" in found.out
    assert found.err == "written: m.safetensors\nwritten: h.json\nwritten: p.png\n"
    told = json.loads((folder / "h.json").read_text())
    assert (
        told["classes"] == ["down", "up"]
        and told["inputs"] == ["a", "b", "c"]
        and told["targets"] == ["kind"]
    )
    assert told["test_accuracy"] > 0.8 and len(told["epochs"]) <= 40
    model = sd.load("m.safetensors")
    logits = model.predict(X=X)  # as the data are in the file: the scaling belongs to the model
    assert np.mean(np.array(told["classes"])[logits.argmax(1)] == KIND) > 0.85
    assert (folder / "p.png").read_bytes().startswith(b"\x89PNG")
    again = ran("train", "c.toml", "--epochs", "1", "--seed", "7")
    assert "    1" in again.out or "*1" in again.out
    assert ran("export", "m.safetensors", "m.c").err == "written: m.c\nwritten: m.h\n"
    assert "int m(int64_t n, const float *X, float *" in (folder / "m.h").read_text()
    assert ran("export", "m.safetensors", "s.c", "--loss").code == 0
    assert "layer1_W_bar" in (folder / "s.h").read_text()
    shown = ran("kernel", "m.safetensors", "--target", "python").out
    assert "layer1.W_bar" in shown and "layer1.W_bar" not in ran("kernel", "m.safetensors", "--output").out
    assert "use one of .c" in refused("export", "m.safetensors", "m.rs")
    checked = ran("check", "m.safetensors", "--sizes", "n=2")
    assert checked.code == 0 and "layer1.W (3 x 4)" in checked.out and "all agree" in checked.out
    before = json.loads((folder / "h.json").read_text())
    assert ran("train", "c.toml", "--resume", "--epochs", "2").code == 0
    both = json.loads((folder / "h.json").read_text())
    assert both["epochs"][: len(before["epochs"])] == before["epochs"]
    assert [epoch["number"] for epoch in both["epochs"]] == list(range(1, len(both["epochs"]) + 1))
    assert both["best_epoch"] in (len(both["epochs"]) - 1, len(both["epochs"]))
    saved = sd.load("m.safetensors").history
    assert saved is not None and saved.to_dict()["epochs"] == both["epochs"]
    (folder / "c.toml").write_text(text.replace("dense = 4", "dense = 5"), "utf-8")
    assert "another network than the settings describe" in refused_later("train", "c.toml", "--resume")


def refused_later(*arguments: str) -> str:
    """Return what is said by a command that gives up with exit code 2, after it has shown something."""
    found = ran(*arguments)
    assert found.code == 2 and "Traceback" not in found.err
    return found.err


def test_training_that_was_not_begun_cannot_be_resumed(folder: Path) -> None:
    (folder / "c.toml").write_text(TABLE + NETWORK, "utf-8")
    assert "there is no file c.safetensors\n  cure: train without" in refused("train", "c.toml", "--resume")


def test_validation_data_may_have_a_file(folder: Path) -> None:
    (folder / "v.csv").write_text("a,b,c,kind\n1,2,3,up\n4,5,6,down\n", "utf-8")
    found = experiment(folder, TABLE + 'validation = "v.csv"\n' + NETWORK)
    given = found.training["validation"]
    assert given["X"].tolist() == [[1, 2, 3], [4, 5, 6]] and given["t"].tolist() == [1, 0]
    with pytest.raises(CommandError, match="leave that of .training. out"):
        experiment(folder, TABLE + 'validation = "v.csv"\n' + NETWORK + "[training]\nvalidation = 0.1\n")
    np.savez(folder / "v.npz", a=np.ones((2, 2)), b=np.ones(2), c=np.ones(2), kind=np.array(["up", "up"]))
    with pytest.raises(DataError, match="several inputs, and not all of them columns"):
        experiment(folder, TABLE + 'validation = "v.npz"\n' + NETWORK)


def test_what_diverges_has_exit_code_1_and_writes_nothing(folder: Path) -> None:
    text = '[data]\nfile = "d.csv"\ntarget = "a"\ninputs = ["b", "c"]\n'
    text += network(loss='"mean_squared_error"')
    (folder / "c.toml").write_text(text + "[training]\noptimizer = { sgd = 1e30 }\nepochs = 50\n", "utf-8")
    found = ran("train", "c.toml")
    assert found.code == 1 and found.err.startswith("symdl: train: ") and "Traceback" not in found.err
    assert sorted(p.name for p in folder.iterdir()) == ["c.toml", "d.csv"]


def same(found: Experiment) -> None:
    data = found.data
    assert np.array_equal(data.X, X) and data.classes == ("down", "up") and data.inputs == ("a", "b", "c")
    assert np.array_equal(np.array(data.classes)[data.t], KIND)


def test_tables_in_every_format_are_the_same_data(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    lines(folder / "d.tsv", "\t")
    lines(folder / "d.txt", ";")
    np.savez(folder / "d.npz", a=X[:, 0], b=X[:, 1], c=X[:, 2], kind=KIND)
    pq.write_table(pa.table({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "kind": KIND}), folder / "d.parquet")
    for name, more in (
        ("d.csv", ""),
        ("d.tsv", ""),
        ("d.txt", 'separator = ";"\n'),
        ("d.npz", ""),
        ("d.parquet", ""),
    ):
        same(experiment(folder, TABLE.replace("d.csv", name) + more + NETWORK))


def test_images_of_idx_and_arrays_of_npz(folder: Path) -> None:
    images, labels = RNG.integers(0, 256, (20, 4, 4)), RNG.integers(0, 3, 20)
    labels[:3] = 0, 1, 2
    idx(folder / "x-idx3-ubyte.gz", images)
    idx(folder / "y-idx1-ubyte.gz", labels)
    files = '[data]\nfile = "x-idx3-ubyte.gz"\nlabels = "y-idx1-ubyte.gz"\nscale = 255\nshape = [1, 4, 4]\n'
    layers = 'conv2d = 2, size = 3, padding = "same", activation = "relu"', "max_pool2d = 2", "flatten = true"
    smoothed = network(*layers, loss="{ cross_entropy = true, label_smoothing = 0.1 }")
    more = 'test = "x-idx3-ubyte.gz"\ntest_labels = "y-idx1-ubyte.gz"\n'
    found = experiment(folder, files + more + smoothed)
    assert np.array_equal(found.data.X[:, 0], images) and found.data.deviation == 255.0
    assert found.data.test is not None and np.array_equal(found.data.test[1], labels)
    assert found.model.parameters["layer1.W"].shape == (2, 1, 3, 3)
    np.savez(folder / "d.npz", X=images.reshape(20, 16), y=RNG.normal(size=(20, 2)))
    inner = "residual = [{ layer_norm = true }, { dense = 8 }]"
    text = '[data]\nfile = "d.npz"\ntarget = "y"\ninputs = "X"\n'
    text += network('dense = 8, activation = "gelu"', inner, loss='"huber"')
    found = experiment(folder, text, seed=4)
    assert found.data.outputs == 2 and found.training["seed"] == 4
    assert [n for n in found.model.parameters if n.startswith("layer2")] == [
        *("layer2.1.gain", "layer2.1.shift", "layer2.2.W", "layer2.2.b")
    ]


def test_two_classes_and_sequences_of_words(folder: Path) -> None:
    two = experiment(folder, TABLE + NETWORK.replace("cross", "binary_cross"))
    assert two.data.t.shape == (60, 1) and set(two.data.t.ravel()) == {0.0, 1.0}
    np.savez(folder / "w.npz", words=RNG.integers(0, 9, (12, 5)), kind=np.arange(12) % 2)
    text = '[data]\nfile = "w.npz"\ntarget = "kind"\ninputs = "words"\n'
    text += network("embedding = 3, count = 9", "gru = 4, both = true, last = true")
    found = experiment(folder, text)
    assert found.model.parameters["layer1.E"].shape == (9, 3)
    assert found.model.inputs[0].dtype == "int64"


LAYERS_FIT: dict[str, tuple[tuple[int, ...], Any, dict[str, Any]]] = {
    "dense": ((6,), 3, {"activation": "relu", "bias": False}),
    "conv1d": ((2, 8), 3, {"size": 3, "stride": 2, "padding": 1}),
    "conv2d": ((2, 8, 8), 3, {"size": [3, 2], "padding": "same", "activation": "silu"}),
    "max_pool1d": ((2, 8), 2, {"stride": 1}),
    "max_pool2d": ((2, 8, 8), [2, 3], {"padding": 1}),
    "avg_pool1d": ((2, 8), 2, {}),
    "avg_pool2d": ((2, 8, 8), 2, {"stride": [1, 2]}),
    "global_pool": ((2, 8, 8), "max", {}),
    "flatten": ((2, 8), True, {}),
    "reshape": ((6,), [2, 3], {}),
    "activation": ((6,), "elu", {}),
    "dropout": ((6,), 0.5, {}),
    "batch_norm": ((6,), True, {"affine": False}),
    "layer_norm": ((6,), True, {}),
    "rnn": ((5, 2), 3, {}),
    "gru": ((5, 2), 3, {"last": True}),
    "lstm": ((5, 2), 3, {"both": True, "last": True}),
}


@pytest.mark.parametrize("name", [n for n in LAYERS if n != "embedding"])
def test_every_layer_can_be_written(name: str) -> None:
    shape, value, options = LAYERS_FIT[name]
    x = sd.tensor("x", (sd.Dim("n"), *shape))
    assert stacked(x, [{name: value, **options}], 1).shape[0] == x.shape[0]


@pytest.mark.parametrize("name", list(_OPTIMIZERS))
def test_every_optimizer_and_loss_can_be_written(name: str) -> None:
    kind = _OPTIMIZERS[name]
    assert type(optimizer_of(name)) is kind
    if name != "lbfgs":
        assert optimizer_of({name: 0.5}).learning_rate == 0.5
    assert type(optimizer_of({name: True, "clip_norm": 2.0})).__name__ == "Clipped"
    schedules = ({"cosine": 0.1, "steps": 9}, {"exponential": 0.1, "factor": 0.5}, {"steps": 0.1, "every": 3})
    assert all(optimizer_of({"sgd": rate}).learning_rate.rate == 0.1 for rate in schedules)
    assert optimizer_of({"adam": 0.1, "amsgrad": True, "maximize": False}).amsgrad
    for loss, one in LOSSES.items():
        assert loss_of(loss) == (one, None) and loss_of({loss: True}) == (one, None)
    assert loss_of({"huber": True, "delta": 0.5})[1] == 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lacks data"),
        ("[data", "is not TOML"),
        ("a = " + "[" * 5000, "is not TOML"),
        ("#" * (1 << 20) + "\n", "longer than"),
        ("[dat]\n", "'dat' that is not known\n  cure: did you mean data?"),
        ("data = 3\n", "data = 3 is not a table"),
        (TABLE + '[network]\nlayers = []\nloss = "cross_entropy"\n', "layers = [] is not a list of tables"),
        (
            TABLE + NETWORK.replace("dense = 4", "dens = 4"),
            "layer1: 'dens' is no layer\n  cure: did you mean dense?",
        ),
        (TABLE + NETWORK.replace("dense = 4", "dense = -4"), "dense = -4 is not a positive integer"),
        (TABLE + NETWORK.replace("dense = 4", "dense = true"), "dense = True is not a positive integer"),
        (TABLE + NETWORK.replace('"tanh"', '"tan"'), "activation = 'tan' is not one of relu"),
        (
            TABLE + NETWORK.replace("activation", "activate"),
            "'activate' that is not known\n  cure: did you mean activation?",
        ),
        (TABLE + NETWORK.replace('"outputs"', "3"), "the last layer does not give what the loss needs"),
        (TABLE + NETWORK.replace("dense = 4", "conv2d = 4, size = 3"), "layer1: conv2d does not fit"),
        (TABLE + NETWORK.replace("dense = 4", "conv2d = 4"), "layer1 lacks size"),
        (
            TABLE + NETWORK.replace("cross_entropy", "crossentropy"),
            "is no loss\n  cure: did you mean cross_entropy?",
        ),
        (TABLE + NETWORK.replace('"cross_entropy"', "{ cross_entropy = 3 }"), 'write loss = "cross_entropy"'),
        (TABLE + NETWORK.replace("cross_entropy", "huber"), "'target' holds 'down', which is no number"),
        (TABLE + NETWORK + '[training]\noptimizer = "adm"\n', "is no optimizer\n  cure: did you mean adam?"),
        (
            TABLE + NETWORK + "[training]\noptimizer = { adam = -1 }\n",
            "learning rate -1 is not a positive number",
        ),
        (TABLE + NETWORK + "[training]\noptimizer = { lbfgs = 0.1 }\n", "lbfgs has no learning rate"),
        (TABLE + NETWORK + "[training]\noptimizer = { adam = 0.1, beta1 = 2 }\n", "beta1"),
        (TABLE + NETWORK + "[training]\noptimizer = { sgd = { cosine = 0.1 } }\n", "lacks steps"),
        (TABLE + NETWORK + "[training]\nepochs = 1.5\n", "epochs = 1.5 is not a positive integer"),
        (TABLE + NETWORK + "[training]\nvalidation = 1\n", "validation = 1 is not a share"),
        (TABLE + NETWORK + '[output]\nmodel = "m.pt"\n', "does not end with .safetensors"),
        (TABLE + NETWORK + '[output]\nhistory = "no/h.json"\n', "cannot be written"),
        (TABLE.replace("d.csv", "e.csv") + NETWORK, "there is no file"),
        (TABLE.replace("d.csv", "c.toml") + NETWORK, "an ending that says no format"),
        (TABLE.replace('"kind"', '"kinds"') + NETWORK, "has no column 'kinds'\n  cure: did you mean kind?"),
        (TABLE.replace('target = "kind"', "") + NETWORK, "lacks target"),
        (TABLE + 'inputs = ["a", "kind"]\n' + NETWORK, "'kind' is input and target"),
        (
            TABLE.replace('"kind"', '"a"') + 'inputs = "b"\n' + NETWORK,
            "a number that is not whole, and no class",
        ),
        (TABLE.replace('"kind"', '"a"') + NETWORK.replace("cross_entropy", "huber"), "'kind' holds"),
        (TABLE + "shape = [2, 2]\n" + NETWORK, "shape = [2, 2] is not that of the 3 numbers"),
        (TABLE + "standardize = true\nscale = 2\n" + NETWORK, "standardize stands alone"),
        (TABLE + 'labels = "d.csv"\n' + NETWORK, "labels, which are for IDX"),
        (TABLE + "test = 1.5\n" + NETWORK, "test = 1.5 is not a text or a share"),
        (
            TABLE
            + NETWORK.replace("dense = 4", "embedding = 4, count = 3").replace(', activation = "tanh"', ""),
            "not whole",
        ),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str, folder: Path) -> None:
    (folder / "c.toml").write_text(text, "utf-8")
    assert said in refused("train", "c.toml")
    assert sorted(p.name for p in folder.iterdir()) == ["c.toml", "d.csv"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("d.csv", b"", "is empty"),
        ("d.csv", b"a,a\n1,2\n", "the name 'a' is empty or stands twice"),
        ("d.csv", b"a,b\n1,2\n3\n", "line 3: 1 values, but 2 columns"),
        ("d.csv", b'a,b\n1,"2\n', "is no table"),
        ("d.csv", b"a,b\n1,\xff\n", "is no text in UTF-8"),
        ("d.npz", b"PK\x03\x04nonsense", "holds no arrays"),
        ("d.npz", b"\x80\x04evil", "holds no arrays"),
        ("d.parquet", b"PAR1nonsense", "is no file of Parquet"),
        ("d.idx", b"\0\0\x08", "at least 4 bytes"),
        ("d.xls", b"", "an ending that says no format"),
    ],
)
def test_damaged_files_are_named(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        read_columns(path)
    assert name in str(caught.value)


def test_objects_in_arrays_are_not_made(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", a=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="holds no arrays"):
        read_columns(tmp_path / "d.npz")


def test_missing_values_and_strange_classes_are_named(folder: Path) -> None:
    (folder / "d.csv").write_text("a,kind\n1,x\n,y\n", "utf-8")
    assert "sample 2 has no number in 'a'" in _said(folder, TABLE + NETWORK)
    (folder / "d.csv").write_text("a,kind\n1,x\n2,\n", "utf-8")
    assert "a sample has no class" in _said(folder, TABLE + NETWORK)
    lines(folder / "d.csv")
    (folder / "t.csv").write_text("a,b,c,kind\n1,2,3,sideways\n", "utf-8")
    assert "has the class 'sideways'" in _said(folder, TABLE + 'test = "t.csv"\n' + NETWORK)
    (folder / "t.csv").write_text("a,b,kind\n1,2,up\n", "utf-8")
    assert "has no column 'c'" in _said(folder, TABLE + 'test = "t.csv"\n' + NETWORK)
    nested = "{ residual = [" * 9 + "{ dense = 3 }" + "] }" * 9
    assert "more than 8 times" in _said(
        folder, TABLE + NETWORK.replace('{ dense = 4, activation = "tanh" }', nested)
    )


def _said(folder: Path, text: str) -> str:
    with pytest.raises((CommandError, DataError)) as caught:
        experiment(folder, text)
    return str(caught.value)


def test_names_that_command_terminals_are_spelled_out(folder: Path) -> None:
    (folder / "d.csv").write_text("\x1b[2Ja,kind\n1,x\nz,y\n", "utf-8")
    (folder / "c.toml").write_text(TABLE + NETWORK + '["\\u001b[31m"]\n', "utf-8")
    assert "\x1b" not in refused("train", "c.toml")
    (folder / "c.toml").write_text(TABLE + NETWORK, "utf-8")
    said = refused("train", "c.toml")
    assert "\x1b" not in said and "\\x1b[2Ja" in said
