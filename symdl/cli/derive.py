"""``symdl derive``: a derivation in the terminal, or as files.

Enters: a formula as text. Leaves: the derivation of its derivative.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from symdl.cli.screen import ascii_only, columns, say, tell_written
from symdl.cli.text import EXPRESSION, WRT, chosen, is_tensor, question
from symdl.errors import ExplainError
from symdl.explain.derive import derive
from symdl.explain.documents.derivation import Derivation
from symdl.explain.documents.files import FORMATS

HELP = """Derive a derivative and show every step.

Examples:

\b
  symdl derive "sin(x**2*y) + exp(z)" --wrt y
  symdl derive "sin(x**2*y)" --wrt x,y --order 2 --depth result
  symdl derive "z = w*x + b; (y - z)**2" --wrt w
  symdl derive "X: (n, d); y: n; w: d; sum((X @ w - y)**2)" --wrt w --to page.html
"""


def run(
    text: Annotated[str, typer.Argument(metavar="EXPRESSION", help=EXPRESSION)],
    *,
    wrt: Annotated[str | None, typer.Option(metavar="NAMES", help=WRT)] = None,
    depth: Annotated[
        Literal["result", "key", "steps"] | None,
        typer.Option(
            help="How much is shown: the result, the key lines, all steps. "
            "By default all steps of a formula, the key lines of a network."
        ),
    ] = None,
    form: Annotated[
        Literal["index", "differential"],
        typer.Option(help="Derivatives one by one, or the total differential."),
    ] = "index",
    order: Annotated[int, typer.Option(min=1, max=2, help="2 for second derivatives.")] = 1,
    to: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help=f"Write it to a file instead: {', '.join(FORMATS)}. May be repeated."
        ),
    ] = None,
) -> None:
    """Print a derivation, or write it to files; all endings are looked at before the first is written.

    Raises:
        SymdlError: the text is no formula, there is no such derivative, or a file cannot be written.
    """
    for path in to or ():
        if path.suffix.lower() not in FORMATS:
            raise ExplainError(f"{path} is no kind of page", cure=f"use {', '.join(FORMATS)}")
    found = _derived(text, wrt, depth, form, order)
    if not to:
        say(found.text(width=columns(), ascii=ascii_only()))
    for path in to or ():
        found.save(path)
        tell_written([path])


def _derived(text: str, wrt: str | None, depth: str | None, form: str, order: int) -> Derivation:
    asked = question(text)
    by = chosen(asked, wrt)
    options: dict[str, Any] = {"form": form, "order": order, "depth": "all" if depth == "steps" else depth}
    if is_tensor(asked):
        options["let"] = asked.named or None
    else:
        options |= {"where": asked.named or None, "name": asked.name or None}
    return derive(asked.value, by if len(by) > 1 else by[0], **options)
