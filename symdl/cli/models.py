"""Files of models on the command line.

Enters: an argument. Leaves: the model in that file, and what of it is meant.
"""

from __future__ import annotations

from pathlib import Path

from symdl.errors import CommandError, DataError
from symdl.express.modes import inference
from symdl.express.tensors import Tensor
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


def part(model: Model, *, output: bool) -> Tensor:
    """Return what a model predicts, as it is computed after training, or else its loss.

    Raises:
        CommandError: there are several of these, or none.
    """
    found = list((model.outputs if output else model.losses).values())
    if len(found) != 1:
        what = "outputs" if output else "losses"
        raise CommandError(
            f"the model has {len(found)} {what}", cure="choose one in Python, by symdl.compile"
        )
    return inference(*found)[0] if output else found[0]
