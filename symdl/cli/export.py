"""``symdl export``: a trained model as files that need no symdl.

Enters: the file of a model, and a path. Leaves: source code that computes its output; its weights are
constants of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from symdl.cli.models import loaded, part
from symdl.cli.screen import tell_written
from symdl.cli.sources import LANGUAGES, export
from symdl.express.program import collect

HELP = f"""Write a trained model as source code that needs no symdl.

The ending of the path says the language: {", ".join(f".{name}" for name in LANGUAGES)}. The weights become
constants; docs/export.md says how the functions are called.

Examples:

\b
  symdl export digits.safetensors digits.c
  symdl export digits.safetensors step.c --loss
"""


def run(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The file of a model.")],
    to: Annotated[Path, typer.Argument(metavar="FILE", help="What is written.")],
    *,
    loss: Annotated[
        bool, typer.Option("--loss", help="The loss and its gradients, with weights as arguments.")
    ] = False,
) -> None:
    """Write a model as files that stand alone.

    Raises:
        SymdlError: the file is no model, there is no such language, or it has no code for the model.
    """
    found = loaded(model)
    value = part(found, output=not loss)
    needed = {str(t.name) for t in collect([value]).inputs}
    inside = {name: array for name, array in found.values().items() if name in needed}
    values = {} if loss else inside
    tell_written(export(value, "parameters" if loss else None, to, dtype=found.dtype, values=values))
