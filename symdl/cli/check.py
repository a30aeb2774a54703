"""``symdl check``: a gradient in four ways.

Enters: a formula as text, and a point. Leaves: the table of its derivatives; exit code 1 if they disagree.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import typer

from symdl.check.gradients import check_gradients
from symdl.cli.failures import FAILED
from symdl.cli.screen import say, show_table
from symdl.cli.text import EXPRESSION, WRT, chosen, expression, point, question
from symdl.errors import CommandError

HELP = """Compute derivatives in four ways and compare them.

The ways are the derivation, central differences, automatic differentiation and the compiled kernel.
The exit code is 1 if they disagree.

Examples:

\b
  symdl check "sin(x**2*y) + exp(z)" --at x=1.3,y=0.7,z=-0.4
  symdl check "log(cosh(a*b))" --wrt a --seed 3
"""


def run(
    text: Annotated[str, typer.Argument(metavar="EXPRESSION", help=EXPRESSION)],
    *,
    at: Annotated[
        list[str] | None,
        typer.Option(
            metavar="POINT", help="Values, such as x=1,y=pi/2; what is missing is drawn between 0.5 and 1.5."
        ),
    ] = None,
    wrt: Annotated[str | None, typer.Option(metavar="NAMES", help=f"{WRT} By default all.")] = None,
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="The largest relative difference to central differences.")
    ] = 1e-6,
    seed: Annotated[int, typer.Option(min=0, help="For values that are drawn.")] = 0,
) -> None:
    """Print the table of derivatives.

    Raises:
        SymdlError: the text is no formula, or a value does not fit.
    """
    asked = question(text)
    formula = expression(asked)
    names = list(asked.wrt)
    given = point(at or (), "--at")
    for name in given:
        if name not in names:
            raise CommandError(f"nothing is called {name!r}", cure=f"the formula has {', '.join(names)}")
    rng = np.random.default_rng(seed)
    drawn = dict(zip(names, rng.uniform(0.5, 1.5, len(names)).round(3).tolist(), strict=True))
    where = drawn | dict(given)
    by = "parameters" if wrt is None else [str(symbol) for symbol in chosen(asked, wrt)]
    report = check_gradients(formula, at=where, wrt=by, tolerance=tolerance)
    head, *rows = report.rows()
    say("at " + ", ".join(f"{name} = {where[name]:.6g}" for name in names))
    show_table(head, rows)
    say(f"value {report.value:.12g}; " + ("all agree" if report.ok else "those marked with ! disagree"))
    if not report.ok:
        raise typer.Exit(FAILED)
