"""``symdl train``: a network on a file of data, as a file of settings describes them.

Enters: the path of a file in TOML. Leaves: a trained model, its history, and their files.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer

import symdl
from symdl.cli.config.data import Data
from symdl.cli.config.experiment import Experiment, read_experiment
from symdl.cli.models import loaded
from symdl.cli.screen import say, tell_written
from symdl.errors import CommandError, require_extra
from symdl.express.program import collect
from symdl.files import replacing
from symdl.train.history import History
from symdl.train.model import Model

HELP = """Train a network that a file in TOML describes.

The file says which columns of which file are inputs and target (CSV, NPZ, IDX, Parquet), which layers the
network has, its loss, its optimizer, and where the model goes: docs/command-line.md has them all. While it
trains, a bar shows the loss, if standard error is a terminal.

Examples:

\b
  symdl train digits.toml
  symdl train digits.toml --epochs 50 --seed 1
  symdl train digits.toml --dry-run
  symdl train digits.toml --resume --epochs 20
"""


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Settings in TOML.")],
    *,
    epochs: Annotated[int | None, typer.Option(min=1, help="In place of the one in the file.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="In place of the one in the file.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the model of [output], for so many epochs more.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read everything, show the network, and stop.")
    ] = False,
) -> None:
    """Train, and write what is wished; everything that can be wrong is found before.

    Raises:
        SymdlError: settings or data are wrong, or training diverged.
    """
    changes = {name: value for name, value in (("epochs", epochs), ("seed", seed)) if value is not None}
    experiment = read_experiment(file, changes=changes)
    data, output = experiment.data, experiment.output
    model = _trained_before(experiment) if resume else experiment.model
    earlier = model.history
    say(f"{_told(data)}\n\n{model.summary()}\n")
    if dry_run:
        return
    if "model" in output:
        require_extra("safetensors", "train")
    if "plot" in output:
        require_extra("matplotlib", "train")
    test = None if data.test is None else {"X": data.test[0], "t": data.test[1]}
    made = model.fit({"X": data.X, "t": data.t}, test=test, resume=resume, **experiment.training)
    model.history = made.following(earlier)
    say(str(model.history))
    _write(experiment, model, model.history)


def _trained_before(experiment: Experiment) -> Model:
    """Return the model that an earlier run has written, which is the one that the settings describe."""
    path = experiment.output.get("model")
    if path is None or not path.is_file():
        what = "[output] names no model" if path is None else f"there is no file {path}"
        raise CommandError(f"there is no training to go on with: {what}", cure="train without --resume first")
    found = loaded(path)
    if _described(found) != _described(experiment.model):
        raise CommandError(
            f"{path} holds another network than the settings describe",
            shapes=f"there {found!r}, here {experiment.model!r}",
            cure="train without --resume, or give [output] another model",
        )
    return found


def _described(model: Model) -> tuple[object, ...]:
    """Return what must be alike for training to go on: equations, shapes and the type of numbers."""
    shapes = {str(tensor.name): tensor.shape for tensor in model.tensors}
    serials: dict[str, str] = {}  # tensors without a name are numbered through; here from 0 on

    def counted(found: re.Match[str]) -> str:
        return serials.setdefault(found[0], f"#{len(serials)}")

    return re.sub(r"#\d+", counted, str(collect([model.loss]))), shapes, model.dtype


def _told(data: Data) -> str:
    """Return in a line what the data are."""
    size = " x ".join(map(str, data.X.shape[1:]))
    goal = f"{len(data.classes)} classes" if data.classes else f"{data.t.shape[1]} numbers to predict"
    held = "" if data.test is None else f"; {len(data.test[1])} more to test"
    return f"{data.name}: {len(data.X)} samples of {size} inputs, {goal}{held}"


def _write(experiment: Experiment, model: Model, history: History) -> None:
    output = experiment.output
    if "model" in output:
        model.save(output["model"])
    if "history" in output:
        with replacing(output["history"]) as file:
            file.write(
                (json.dumps(_record(experiment.data, history), indent=2, ensure_ascii=False) + "\n").encode()
            )
    if "plot" in output:
        history.plot(output["plot"])
    tell_written(output.values())


def _record(data: Data, history: History) -> dict[str, Any]:
    """Return what is to be known later: names of columns and classes, and what happened in training."""
    return {
        "symdl": symdl.__version__,
        "data": data.name,
        "inputs": list(data.inputs),
        "targets": list(data.targets),
        "classes": list(data.classes),
        **history.to_dict(),
    }
