"""``symdl kernel``: the source code that computes a formula or a model.

Enters: a formula as text, or the file of a model. Leaves: generated source.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from symdl.cli.models import is_model_file, loaded, part
from symdl.cli.screen import show_source, tell_written
from symdl.cli.sources import ALL, LANGUAGES, export, source
from symdl.cli.text import EXPRESSION, WRT, chosen, expression, is_tensor, question
from symdl.errors import CommandError
from symdl.files import replacing

HELP = f"""Show the code that computes a formula, or a model, and derivatives.

Targets: {", ".join(ALL)}. Nothing of them need be installed to look at their code.

Examples:

\b
  symdl kernel "sin(x**2*y) + exp(z)" --wrt y
  symdl kernel "sin(x**2*y) + exp(z)" --wrt x,y,z --target cuda
  symdl kernel "X: (n, 4); w: 4; sum((X @ w)**2)" --wrt w --target c --to step.c
  symdl kernel model.safetensors --output
"""


def run(
    what: Annotated[
        str, typer.Argument(metavar="EXPRESSION|MODEL", help=f"{EXPRESSION} Or the file of a model.")
    ],
    *,
    wrt: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help=f"{WRT} By default the value alone; of a model, all parameters."),
    ] = None,
    target: Annotated[str, typer.Option(help="Whose code.")] = "cpu",
    dtype: Annotated[Literal["float32", "float64"] | None, typer.Option(help="The type of reals.")] = None,
    naive: Annotated[bool, typer.Option("--naive", help="A loop of its own for each equation.")] = False,
    output: Annotated[
        bool, typer.Option("--output", help="Of a model: what it predicts, not its loss.")
    ] = False,
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it to a file instead.")] = None,
) -> None:
    """Print generated source, or write it to a file.

    Raises:
        SymdlError: the text is no formula, the file no model, or there is no such target.
    """
    if output and not is_model_file(what):
        raise CommandError("--output is for the file of a model", cure="leave it out")
    if target in LANGUAGES and to is not None and to.suffix != f".{target}":
        raise CommandError(f"{to} does not end with .{target}")
    value, by, usual = _of_model(what, wrt, output=output) if is_model_file(what) else _of_text(what, wrt)
    real = dtype or usual
    if to is not None and target in LANGUAGES and not naive:
        tell_written(export(value, by, to, dtype=real))
        return
    texts = source(value, by, target, dtype=real, naive=naive)
    if to is None:
        for ending, text in texts.items():
            show_source(text, "c" if ending in (".c", ".h") else "py")
        return
    with replacing(to, parents=True) as file:
        file.write("".join(texts.values()).encode())
    tell_written([to])


def _of_text(text: str, wrt: str | None) -> tuple[Any, Any, str]:
    """Return a formula, what to differentiate with respect to, and the usual type of reals."""
    asked = question(text)
    by = None if wrt is None else chosen(asked, wrt)
    return asked.value if is_tensor(asked) else expression(asked), by, "float64"


def _of_model(path: str, wrt: str | None, *, output: bool) -> tuple[Any, Any, str]:
    """Return the loss or the output of a model, what to differentiate with respect to, its type of reals."""
    model = loaded(path)
    by = None if output and wrt is None else "parameters" if wrt is None else wrt.split(",")
    return part(model, output=output), by, model.dtype
