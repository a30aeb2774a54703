"""The file format: safetensors, with a header of texts.

Enters: arrays by name, and a header. Leaves: a file, whole or not at all; and both again. Nothing in a file
is run: the format holds numbers and texts only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import DataError, require_extra
from symdl.files import replacing

_HEADER = "symdl"
"""The entry of the header that holds what is not arrays."""


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """What a file holds.

    Attributes:
        path: of the file, for messages.
        arrays: by name.
        data: what else there is, as JSON holds it; None where only arrays are.
    """

    path: str
    arrays: Mapping[str, NDArray[Any]]
    data: dict[str, Any] | None


def write(
    path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]], data: Mapping[str, Any] | None
) -> None:
    """Write a file, whole or not at all.

    Raises:
        DataError: it cannot be written.
        MissingExtraError: safetensors is not installed.
    """
    library = require_extra("safetensors.numpy", "train")
    dense = {name: np.ascontiguousarray(a).reshape(np.shape(a)) for name, a in arrays.items()}
    header = {"format": "np"} | ({} if data is None else {_HEADER: json.dumps(data, allow_nan=True)})
    content = library.save(dense, metadata=header)
    with replacing(path) as file:
        file.write(content)


def read(path: str | os.PathLike[str]) -> Contents:
    """Read a file.

    Raises:
        DataError: there is none, or it is damaged or of another kind.
        MissingExtraError: safetensors is not installed.
    """
    library = require_extra("safetensors", "train")
    name = os.fspath(path)
    try:
        with Path(name).open("rb"):
            pass
        with library.safe_open(name, framework="np") as file:
            header = file.metadata() or {}
            arrays = {key: file.get_tensor(key) for key in file.keys()}
        data = json.loads(header[_HEADER]) if _HEADER in header else None
    except FileNotFoundError as error:
        raise DataError(f"{name}: no such file", cure="name a file that model.save(path) wrote") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError, library.SafetensorError) as error:
        raise _foreign(name, str(error)[:200]) from error
    if data is not None and not isinstance(data, dict):
        raise _foreign(name, "its header is damaged")
    return Contents(name, arrays, data)


def _foreign(name: str, why: str) -> DataError:
    return DataError(
        f"{name} is no file of a saved model: {why}", cure="give a file written by model.save(path)"
    )
