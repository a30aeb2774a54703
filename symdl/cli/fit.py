"""``symdl fit``: a formula fitted to the columns of a file.

Enters: the path of a file of data, and a formula as text. Leaves: the report of the fit, with
standard errors.
"""

from __future__ import annotations

import dataclasses
import html
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import sympy as sp
import typer

from symdl.cli.config.settings import meant
from symdl.cli.failures import FAILED
from symdl.cli.screen import say, tell_written
from symdl.cli.text import expression, pairs, point, question
from symdl.errors import CommandError, printable
from symdl.express.parser import parse
from symdl.express.walks import symbols_of
from symdl.files import replacing
from symdl.fitting.fit import fit
from symdl.fitting.result import Fit
from symdl.train.reading import Columns, numbers_of, read_columns

HELP = """Fit a formula to data by least squares, with standard errors.

Names in the formula that are columns of the file are data, all others are parameters. The column that the
formula does not read was measured; where there are several, the formula begins with its name. The exit code
is 1 if the search did not converge.

Examples:

\b
  symdl fit decay.csv "a*exp(-b*x) + c" --start a=2,b=1
  symdl fit decay.csv "y = a*exp(-b*x) + c" --sigma dy --bounds b=0: --to fit.html
  symdl fit decay.csv "k = log(2)/half; a*exp(-k*x)" --start half=0.5 --fixed a=2.5
"""


def _text(found: Fit) -> str:
    return f"{found}\n"


def _page(found: Fit) -> str:
    title = html.escape(f"Fit of {', '.join(found.written)}")
    head = f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
    return f"{head}<body>\n{found._repr_html_()}\n</body>\n</html>\n"


def _record(found: Fit) -> str:
    whole = {
        "values": found.values,
        "errors": found.errors,
        "parameters": list(found.labels),
        "covariance": found.covariance.tolist(),
        "converged": found.solution.converged,
        "warnings": list(found.warnings),
        **dataclasses.asdict(found.quality),
    }
    return json.dumps(_known(whole), indent=2, ensure_ascii=False) + "\n"


def _known(value: Any) -> Any:
    """Return data for JSON, which has no NaN and no infinity: what the data leave open is null."""
    if isinstance(value, dict):
        return {key: _known(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_known(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


_WRITERS: Mapping[str, Callable[[Fit], str]] = {
    ".txt": _text,
    ".tex": lambda found: f"{found.latex()}\n",
    ".html": _page,
    ".json": _record,
}


_Names = list[str] | None
_File = Annotated[Path, typer.Argument(metavar="FILE", help="Data: CSV, TSV, NPZ or Parquet.")]
_Formula = Annotated[
    str, typer.Argument(metavar="FORMULA", help="Such as 'a*exp(-b*x)' or 'y = a*exp(-b*x)'.")
]
_Start = Annotated[
    _Names, typer.Option(metavar="VALUES", help="Where the search starts: a=2,b=0.5; else at 1.")
]
_Bounds = Annotated[_Names, typer.Option(metavar="RANGES", help="Lowest and highest values: a=0:10,b=0:")]
_Fixed = Annotated[_Names, typer.Option(metavar="VALUES", help="Parameters that are known: c=0")]
_Tied = Annotated[_Names, typer.Option(metavar="NAME=FORMULA", help="A formula for a parameter: A2=2*A1")]
_Columns = Annotated[_Names, typer.Option(metavar="NAME=COLUMN", help="A name for a column: x='time (s)'")]
_Sigma = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="The column of standard deviations, or a number.")
]
_Absolute = Annotated[
    bool, typer.Option("--absolute-sigma", help="Take them as they are; else only their ratios count.")
]
_LossName = Annotated[
    Literal["linear", "soft_l1", "huber", "cauchy", "arctan"],
    typer.Option(help="Of residuals: squares, or robust."),
]
_Tries = Annotated[int, typer.Option(min=1, help="How many starts; all but the first are drawn.")]
_Seed = Annotated[int, typer.Option(min=0, help="For starts that are drawn.")]
_Separator = Annotated[str, typer.Option(help="What stands between values of a line.")]
_To = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help=f"Write the report, too: {', '.join(_WRITERS)}. May be repeated."),
]


def run(
    file: _File,
    text: _Formula,
    *,
    start: _Start = None,
    bounds: _Bounds = None,
    fixed: _Fixed = None,
    tied: _Tied = None,
    columns: _Columns = None,
    sigma: _Sigma = None,
    absolute_sigma: _Absolute = False,
    loss: _LossName = "linear",
    tries: _Tries = 1,
    seed: _Seed = 0,
    separator: _Separator = ",",
    to: _To = None,
) -> None:
    """Print the report of a fit.

    Raises:
        SymdlError: data or formula do not fit, or no parameter can be determined.
    """
    for path in to or ():
        if path.suffix.lower() not in _WRITERS:
            raise CommandError(f"{path} is no kind of report", cure=f"use {', '.join(_WRITERS)}")
    table = _renamed(read_columns(file, separator=separator), pairs(columns or (), "--columns"), file)
    measured, formula = _asked(text, table, sigma, file)
    names = sorted(map(str, symbols_of(formula)))
    data = {name: numbers_of(table[name], name, file) for name in (*names, measured) if name in table}
    ties, held = pairs(tied or (), "--tied"), point(fixed or (), "--fixed")
    begin = dict(point(start or (), "--start"))
    free = {
        name: begin.pop(name, 1.0) for name in _parameters(names, ties) if name not in {*data, *held, *ties}
    }
    options: dict[str, Any] = {"fixed": held, "tied": ties, "bounds": _bounds(bounds or ())}
    options |= {"sigma": _sigma(sigma, table, file), "absolute_sigma": absolute_sigma}
    options |= {"loss": loss, "tries": tries, "seed": seed}
    found = fit({measured: formula}, data=data, start=free | begin, **options)
    say(str(found))
    for path in to or ():
        with replacing(path, parents=True) as written:
            written.write(printable(_WRITERS[path.suffix.lower()](found)).encode())
        tell_written([path])
    if not found.solution.converged:
        raise typer.Exit(FAILED)


def _renamed(table: Columns, names: Mapping[str, str], file: Path) -> Columns:
    """Return columns under names that a formula can have, besides their own."""
    for column in names.values():
        if column not in table:
            raise CommandError(f"{file} has no column {column!r}", cure=meant(column, table))
    kept = {name: column for name, column in table.items() if name not in names.values()}
    return {**kept, **{name: table[column] for name, column in names.items()}}


def _asked(text: str, table: Columns, sigma: str | None, file: Path) -> tuple[str, sp.Expr]:
    """Return the column that was measured, and the formula for it."""
    asked = question(text)
    formula = expression(asked)
    if asked.name:
        if asked.name not in table:
            raise CommandError(f"{file} has no column {asked.name!r}", cure=meant(asked.name, table))
        return asked.name, formula
    read = set(map(str, symbols_of(formula)))
    left = [column for column in table if column not in read and column != sigma]
    if len(left) != 1:
        has = f"the formula reads none of {', '.join(left)}" if left else f"{file} has {', '.join(table)}"
        raise CommandError(f"what was measured? {has}", cure="begin the formula with its name: y = ...")
    return left[0], formula


def _parameters(names: Sequence[str], ties: Mapping[str, str]) -> list[str]:
    """Return the names in a formula and in what parameters are tied to."""
    inside = {str(symbol) for formula in ties.values() for symbol in symbols_of(parse(formula))}
    return [*names, *sorted(inside.difference(names))]


def _bounds(texts: Sequence[str]) -> dict[str, tuple[float | None, float | None]]:
    """Return the ranges in texts such as ``a=0:10,b=0:``."""
    found = {}
    for name, text in pairs(texts, "--bounds", several=True).items():
        low, colon, high = text.partition(":")
        if not colon:
            raise CommandError(f"{name}={text} is no range", cure=f"write {name}=0:10, or {name}=0:")
        ends = [
            dict(point([f"{name}={end}"], "--bounds"))[name] if end.strip() else None for end in (low, high)
        ]
        found[name] = ends[0], ends[1]
    return found


def _sigma(sigma: str | None, table: Columns, file: Path) -> Any:
    """Return standard deviations: a column, a number, or None."""
    if sigma is None:
        return None
    if sigma in table:
        return numbers_of(table[sigma], sigma, file)
    try:
        return float(sigma)
    except ValueError as error:
        raise CommandError(f"{file} has no column {sigma!r}", cure=meant(sigma, table)) from error
