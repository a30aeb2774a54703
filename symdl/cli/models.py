"""Files of models on the command line.

Enters: an argument. Leaves: the model in that file.
"""

from __future__ import annotations

from pathlib import Path

from symdl.errors import DataError
from symdl.train.model import Model, load

ENDING = ".safetensors"


def is_model_file(text: str) -> bool:
    """Say whether an argument is meant as the file of a model: by its ending."""
    return text.lower().endswith(ENDING) and "\n" not in text


def loaded(path: str | Path) -> Model:
    """Return the model in a file.

    Raises:
        DataError: there is no such file, or it is none of a model.
        MissingExtraError: safetensors is not installed.
    """
    if not Path(path).is_file():
        raise DataError(f"there is no file {path}", cure="name a file that model.save or symdl train wrote")
    return load(path)
