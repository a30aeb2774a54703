"""A whole file in TOML: data, network, training, and where results go.

Enters: the path of the file. Leaves: `Experiment`: all that `symdl train` needs, checked before
anything is computed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from symdl.cli.config.data import Data, read_data
from symdl.cli.config.layers import reads_numbers_of_rows, stacked
from symdl.cli.config.learning import loss_of, optimizer_of
from symdl.cli.config.settings import COUNT, SHARE, TABLE, TABLES, TEXT, WHOLE, Kind, either, one_of, settings
from symdl.cli.models import ENDING
from symdl.errors import CommandError, DataError
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.tensors import Tensor
from symdl.train.model import Model

LARGEST = 1 << 20
"""Bytes of a file of settings."""
_PARTS = {"data": TABLE, "network": TABLE, "training": TABLE, "output": TABLE}
_NETWORK = {"layers": TABLES, "loss": either(TEXT, TABLE)}
_TRAINING: Mapping[str, Kind] = {
    "optimizer": either(TEXT, TABLE),
    "epochs": COUNT,
    "batch_size": COUNT,
    "validation": SHARE,
    "patience": COUNT,
    "seed": WHOLE,
    "dtype": one_of(("float32", "float64")),
}
_ENDINGS = {"model": ENDING, "history": ".json", "plot": ".png"}


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """What is to be trained on what, and how.

    Attributes:
        data: the samples.
        model: the network, not trained yet.
        training: arguments of `Model.fit` besides the data.
        output: paths of what is written: ``model``, ``history``, ``plot``, those that are wished.
    """

    data: Data
    model: Model
    training: Mapping[str, Any]
    output: Mapping[str, Path]


def read_experiment(path: Path, *, changes: Mapping[str, Any]) -> Experiment:
    """Return what a file describes.

    Args:
        path: a file in TOML; paths in it start from its folder.
        changes: settings of ``[training]`` that take the place of those in the file.

    Raises:
        CommandError: a setting is wrong.
        DataError: a file cannot be read.
    """
    parts = settings(_toml(path), str(path), _PARTS, required=("data", "network"))
    network = settings(parts["network"], "[network]", _NETWORK, required=("layers", "loss"))
    training = settings({**parts.get("training", {}), **changes}, "[training]", _TRAINING)
    output = _paths(parts.get("output", {"model": path.with_suffix(ENDING).name}), path.parent)
    loss, value = loss_of(network["loss"])
    optimizer = optimizer_of(training.pop("optimizer", "adam"))
    seed, dtype = training.get("seed", 0), training.pop("dtype", "float32")
    whole = reads_numbers_of_rows(network["layers"])
    data = read_data(parts["data"], path.parent, loss.target, whole=whole, seed=seed)
    made, goal = _network(data, network["layers"], whole=whole)
    model = Model(loss.of(made, goal, value), output=made, seed=seed, dtype=dtype)
    if data.validation is not None:
        if "validation" in training:
            cure = "leave that of [training] out"
            raise CommandError("[data] has a file of validation data and [training] a share", cure=cure)
        training["validation"] = dict(zip("Xt", data.validation, strict=True))
    return Experiment(data, model, {"optimizer": optimizer, "epochs": 10, **training}, output)


def _toml(path: Path) -> Mapping[str, Any]:
    """Read a file of settings."""
    try:
        with open(path, "rb") as file:
            text = file.read(LARGEST + 1)
        if len(text) > LARGEST:
            raise DataError(f"{path} is longer than {LARGEST} bytes", cure="name a file of settings")
        return tomllib.loads(text.decode("utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", cure="name a file in TOML") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path} is not TOML: {error}", cure="see docs/command-line.md") from error


def _paths(values: Any, folder: Path) -> dict[str, Path]:
    """Return where results go; what could not be written there is refused now."""
    given = settings(values, "[output]", dict.fromkeys(_ENDINGS, TEXT))
    found = {name: folder / text for name, text in given.items()}
    for name, path in found.items():
        if path.suffix != _ENDINGS[name]:
            raise CommandError(f"[output]: {name} = {given[name]!r} does not end with {_ENDINGS[name]}")
        if not path.parent.is_dir() or path.is_dir():
            raise CommandError(
                f"[output]: {path} cannot be written", cure="give a path in a folder that exists"
            )
    return found


def _network(data: Data, layers: list[Any], *, whole: bool) -> tuple[Tensor, Tensor]:
    """Return the output of the network, and the tensor of targets."""
    n = Dim("n")
    X = tensor("X", (n, *data.X.shape[1:]), dtype="int64" if whole else "real")
    scaled = isinstance(data.mean, float) and data.mean == 0.0 and data.deviation == 1.0
    start = X if whole or scaled else (X - data.mean) / data.deviation
    made = stacked(start, layers, data.outputs)
    wanted: tuple[Any, ...] = (n, data.outputs)
    if made.shape != wanted:
        raise CommandError(
            "[network]: the last layer does not give what the loss needs",
            shapes={"it gives": made.shape, "the loss needs": wanted},
            cure='end with { dense = "outputs" }',
        )
    labels = data.t.ndim == 1
    return made, tensor("t", (n,) if labels else wanted, dtype="int64" if labels else "real")
