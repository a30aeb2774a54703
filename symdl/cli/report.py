"""``symdl report``: a page about a trained model.

Enters: the file of a model, data. Leaves: one page that needs no other file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from symdl.cli.config.experiment import read_experiment
from symdl.cli.models import loaded
from symdl.cli.screen import tell_written
from symdl.errors import CommandError
from symdl.train.reading import read_columns

HELP = """Write a page about a model: derivation, kernels, speed, memory.

One HTML file that needs neither a network nor another file. Data are a file with an array for each input,
samples first, or the settings that the model was trained with; without data, what is measured is measured on
random numbers. The curves are of the training that the file of the model remembers.

Examples:

\b
  symdl report iris.safetensors --data iris.toml --to iris.html
  symdl report digits.safetensors --data digits.npz --batch-size 128 --to digits.html
"""


def run(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The file of a model.")],
    *,
    to: Annotated[Path, typer.Option(metavar="FILE", help="The page that is written.")],
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="NPZ, an array for each input; or the settings of symdl train."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Samples in the step that is measured.")] = 64,
    title: Annotated[str | None, typer.Option(help="The title of the page.")] = None,
) -> None:
    """Write a page about a model.

    Raises:
        SymdlError: the file is no model, data do not fit, or the page cannot be written.
    """
    if to.suffix.lower() not in (".html", ".htm"):
        raise CommandError(f"a report is a page, and {to} is none", cure="end the name with .html")
    found = loaded(model)
    arrays = None if data is None else _arrays(data)
    found.report(to, data=arrays, batch_size=batch_size, title=title or model.stem)
    tell_written([to])


def _arrays(path: Path) -> dict[str, Any]:
    """Return the data that a file holds, or those that settings describe, by name.

    Raises:
        SymdlError: it cannot be read, or a setting is wrong.
    """
    if path.suffix.lower() != ".toml":
        return read_columns(path)
    found = read_experiment(path, changes={}).data
    return {"X": found.X, "t": found.t}
