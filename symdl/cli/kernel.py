"""``symdl kernel``: the source code that computes a formula or a model.

Enters: a formula as text, or the file of a model. Leaves: generated source.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from symdl.cli.models import is_model_file, loaded
from symdl.cli.screen import show_source, tell_written
from symdl.cli.text import EXPRESSION, WRT, chosen, expression, is_tensor, question
from symdl.errors import CommandError
from symdl.files import replacing
from symdl.run.alone import texts
from symdl.run.compile import compile
from symdl.targets import EXPORTERS, PYTHON, TARGETS

LANGUAGES = tuple(ending.removeprefix(".") for ending in EXPORTERS if ending.removeprefix(".") not in TARGETS)
"""What is written for others, besides what symdl runs itself."""
HELP = f"""Show the code that computes a formula, or a model, and derivatives.

Targets: {", ".join((*TARGETS, *LANGUAGES))}. Nothing of them need be installed to look at their code.

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
    if target not in (*TARGETS, *LANGUAGES):
        raise CommandError(f"there is no target {target!r}", cure=f"use {', '.join((*TARGETS, *LANGUAGES))}")
    tensor, by, usual = _of_model(what, wrt, output=output) if is_model_file(what) else _of_text(what, wrt)
    if output and not is_model_file(what):
        raise CommandError("--output is for the file of a model", cure="leave it out")
    schedule: Literal["naive", "fused"] = "naive" if naive else "fused"
    options: dict[str, Any] = {"dtype": dtype or usual, "wrt": by, "schedule": schedule}
    if target in TARGETS:
        found = {f".{target}": compile(tensor, target=TARGETS[target], **options).source}
    else:
        program = compile(tensor, target=PYTHON, **options).program
        name = "kernel" if to is None else to.stem
        found = dict(texts(program, name, EXPORTERS[f".{target}"], dtype=options["dtype"], values={}))
    _given(found, to)


def _given(found: dict[str, str], to: Path | None) -> None:
    """Print texts of files, or write them: the first to a path, the others beside it."""
    if to is None:
        for place, (ending, text) in enumerate(found.items()):
            if place:
                print()
            show_source(text, "c" if ending[1:] in (*LANGUAGES, "h") else "py")
        return
    for place, (ending, text) in enumerate(found.items()):
        path = to.with_suffix(ending) if place else to
        with replacing(path, parents=True) as file:
            file.write(text.encode())
        tell_written([path])


def _of_text(text: str, wrt: str | None) -> tuple[Any, Any, str]:
    """Return a formula, what to differentiate with respect to, and the usual type of reals."""
    asked = question(text)
    by = None if wrt is None else chosen(asked, wrt)
    return asked.value if is_tensor(asked) else expression(asked), by, "float64"


def _of_model(path: str, wrt: str | None, *, output: bool) -> tuple[Any, Any, str]:
    """Return the loss or the output of a model, what to differentiate with respect to, its type of reals."""
    model = loaded(path)
    several = model.outputs if output else model.losses
    if len(several) > 1:
        raise CommandError(
            f"the model has several of these: {', '.join(several)}", cure="use sd.compile in Python"
        )
    by = None if output and wrt is None else "parameters" if wrt is None else wrt.split(",")
    return next(iter(several.values())), by, model.dtype
