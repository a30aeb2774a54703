"""Models to files and from files.

Enters: a model and a path, or a path alone. Leaves: a file in the format of safetensors, or a model.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import DataError, TrainingError
from symdl.train.saving.container import Contents, read, write
from symdl.train.saving.snapshot import Snapshot, named_freely, snapshot, weights_among
from symdl.train.values import on_host

if TYPE_CHECKING:
    from symdl.train.state import ModelState

Path = str | os.PathLike[str]


def save_model(model: ModelState, path: Path, *, allow_nan: bool) -> None:
    """Write a model and where its training is; see `symdl.Model.save`."""
    found = snapshot(model)
    _check_finite(weights_among(found.arrays), allow_nan=allow_nan)
    write(path, found.arrays, found.data)


def save_weights(model: ModelState, path: Path, *, allow_nan: bool) -> None:
    """Write a model's arrays alone, under their names; see `symdl.Model.save_weights`."""
    values = on_host(named_freely(model.values()))
    _check_finite(values, allow_nan=allow_nan)
    write(path, values, None)


def opened(path: Path) -> tuple[dict[str, NDArray[Any]], Contents]:
    """Return the weights in a file by name, and all that it holds."""
    found = read(path)
    return weights_among(found.arrays), found


def read_model(path: Path) -> Snapshot:
    """Return the model in a file as data.

    Raises:
        DataError: the file is damaged, or holds weights only.
    """
    found = read(path)
    if found.data is None:
        raise DataError(
            f"{found.path} holds weights, and no network",
            cure="build the network, then model.load(path); model.save(path) keeps both",
        )
    return Snapshot(found.data, dict(found.arrays))


def _check_finite(values: Mapping[str, NDArray[Any]], *, allow_nan: bool) -> None:
    bad = [name for name, array in values.items() if not np.isfinite(array).all()]
    if bad and not allow_nan:
        raise TrainingError(
            f"the parameter {bad[0]!r} holds NaN or infinity, so nothing was saved",
            cure="train with a smaller learning rate, or save(path, allow_nan=True)",
        )
