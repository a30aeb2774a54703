"""``symdl check``: a gradient in four ways.

Enters: a formula, lines on tensors, or the file of a model, and a point. Leaves: the table of its
derivatives; exit code 1 if they disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import sympy as sp
import typer

from symdl.check.gradients import check_gradients
from symdl.check.points import random_point
from symdl.cli.failures import FAILED
from symdl.cli.models import is_model_file, loaded, part
from symdl.cli.screen import say, show_table
from symdl.cli.text import EXPRESSION, WRT, chosen, expression, is_tensor, point, question, whole_numbers
from symdl.errors import CommandError
from symdl.express.operations import stable_graph
from symdl.express.program import Program, collect
from symdl.express.tensors import Tensor

HELP = """Compute derivatives in four ways and compare them.

The ways are the derivation, central differences, automatic differentiation and the compiled kernel.
The exit code is 1 if they disagree.

Examples:

\b
  symdl check "sin(x**2*y) + exp(z)" --at x=1.3,y=0.7,z=-0.4
  symdl check "log(cosh(a*b))" --wrt a --seed 3
  symdl check "X: (n, d); y: n; w: d; sum((X @ w - y)**2)" --wrt w --sizes n=6,d=2
  symdl check model.safetensors
"""


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """What is checked, and at which values where there are such already."""

    loss: Tensor | sp.Expr
    by: str | Sequence[str]
    known: Mapping[str, Any]
    positive: bool

    @property
    def program(self) -> Program:
        """What is computed."""
        return collect([self.loss]) if isinstance(self.loss, Tensor) else stable_graph(self.loss)


def run(
    text: Annotated[
        str, typer.Argument(metavar="EXPRESSION|FILE", help=f"{EXPRESSION} Or the file of a model.")
    ],
    *,
    at: Annotated[
        list[str] | None,
        typer.Option(
            metavar="POINT",
            help="Values, such as x=1,y=pi/2, which fill tensors; what is missing is drawn: between 0.5 and "
            "1.5, of models' inputs from a normal distribution.",
        ),
    ] = None,
    wrt: Annotated[str | None, typer.Option(metavar="NAMES", help=f"{WRT} By default all.")] = None,
    sizes: Annotated[
        list[str] | None, typer.Option(metavar="SIZES", help="Of tensors, such as n=6,d=2; small by default.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="The largest relative difference to central differences.")
    ] = 1e-6,
    seed: Annotated[int, typer.Option(min=0, help="For values that are drawn.")] = 0,
) -> None:
    """Print the table of derivatives.

    Raises:
        SymdlError: the text is no formula, there is no such model, or a value does not fit.
    """
    case = _of_model(text, wrt) if is_model_file(text) else _of_formula(text, wrt)
    where = random_point(
        case.program,
        known={**case.known, **point(at or (), "--at")},
        sizes=whole_numbers(sizes or (), "--sizes"),
        rng=np.random.default_rng(seed),
        between=(0.5, 1.5) if case.positive else None,
    )
    report = check_gradients(
        case.loss,
        at=where,
        wrt=case.by,
        tolerance=tolerance,
        methods=("central", "tape"),
        dtypes=("float64",),
    )
    head, *rows = report.rows()
    say("at " + ", ".join(_shown(name, value) for name, value in where.items()))
    show_table(head, rows)
    said = "none disagrees" if any(row[-1] != "agrees" for row in rows) else "all agree"
    say(f"value {report.value:.12g}; " + (said if report.ok else "those marked with ! disagree"))
    for found in report.verdicts.values():
        if found.word != "agrees":
            say(str(found))
    if not report.ok:
        raise typer.Exit(FAILED)


def _shown(name: str, value: Any) -> str:
    if np.ndim(value) == 0:
        return f"{name} = {float(value):.6g}"
    return f"{name} ({' x '.join(map(str, np.shape(value)))})"


def _of_formula(text: str, wrt: str | None) -> _Case:
    asked = question(text)
    if not asked.wrt:
        raise CommandError("there is nothing to differentiate", cure="use a symbol, such as x")
    by = [str(one.name) for one in (asked.wrt.values() if wrt is None else chosen(asked, wrt))]
    loss = asked.value if is_tensor(asked) else expression(asked)
    if isinstance(loss, Tensor) and loss.rank:
        raise CommandError(
            f"the value has {loss.rank} axes, and a gradient is that of a number",
            shapes={"the value": loss.shape},
            cure="end with a number, such as sum(...)",
        )
    return _Case(loss, by, {}, positive=True)


def _of_model(path: str, wrt: str | None) -> _Case:
    """Return the loss of a model at its own weights."""
    model = loaded(path)
    loss = part(model, output=False)
    by = "parameters" if wrt is None else [name.strip() for name in wrt.split(",")]
    read = {str(tensor.name) for tensor in collect([loss]).inputs}
    known = {name: np.asarray(value, "float64") for name, value in model.values().items() if name in read}
    return _Case(loss, by, known, positive=False)
