"""The report of a fit.

Enters: a fit. Leaves: one record of its lines, as text, HTML and LaTeX.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.errors import SymdlError
from symdl.explain.notation.names import label_latex, label_of, label_text
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.tree import Node, walk
from symdl.explain.printers.latex import latex as node_latex
from symdl.explain.printers.text import text as node_text
from symdl.explain.stories.formula import formula as formula_of
from symdl.express.tensors import Tensor
from symdl.fitting.intervals import linear
from symdl.fitting.numerals import number, with_error, with_power
from symdl.fitting.outcome import Outcome
from symdl.fitting.warnings import found_in
from symdl.tables import html_table, text_lines

_MOST_ROWS = 60  # parameters
_MOST_PAIRS = 5  # correlations
_WEAKEST = 0.1
_LONGEST = 60  # nodes of a formula that is written out
_HEAD = ("parameter", "value", "std. error", "relative", "95 % interval", "start")


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter: its name and what is said of it, cell by cell."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What is said of a fit.

    Attributes:
        formulas: what was measured, and its formula where that is short.
        ended: how the search ended.
        rows: a row for each parameter.
        facts: numbers that say how good the fit is, a line of pairs each.
        correlations: pairs of parameters, and their correlation, the strongest first.
        warnings: sentences.
    """

    formulas: tuple[tuple[str, Node | None], ...]
    ended: str
    rows: tuple[Row, ...]
    facts: tuple[tuple[tuple[str, str], ...], ...]
    correlations: tuple[tuple[str, str, float], ...]
    warnings: tuple[str, ...]


def report(fit: Outcome) -> Report:
    """Return what is said of a fit."""
    rows = tuple(_rows(fit))
    if len(rows) > _MOST_ROWS:
        rest = Row("…", (f"{len(rows) - _MOST_ROWS} more", "", "", "", ""))
        rows = (*rows[:_MOST_ROWS], rest)
    formulas = tuple((name, _node(written)) for name, written in fit.written.items())
    return Report(formulas, _ended(fit), rows, _facts(fit), _correlations(fit), found_in(fit))


def _ended(fit: Outcome) -> str:
    points = f"{fit.problem.count} points" + (
        "" if len(fit.problem.sets) == 1 else f" in {len(fit.problem.sets)} sets"
    )
    free = fit.problem.parameters.layout.size
    how = "converged" if fit.solution.converged else "not converged"
    loss = "" if fit.loss.name == "linear" else f", loss {fit.loss.name} beyond {fit.loss.scale:g}"
    many = f", best of {len(fit.tries)} starts" if len(fit.tries) > 1 else ""
    return f"{points}, {free} free parameters{loss}; {how}{many}"


def _rows(fit: Outcome) -> Iterator[Row]:
    parameters, bound = fit.problem.parameters, fit.solution.bound
    wide = fit.reach(0.95)
    errors = np.sqrt(np.diag(fit.covariance))
    for place, label in enumerate(fit.labels):
        value, error = float(fit.solution.x[place]), float(errors[place])
        start = f"{parameters.start[place]:.6g}"
        shown, spread = with_error(value, error)
        if bound[place]:
            yield Row(label, (f"{value:.8g}", "at bound", "", "", start))
        elif not np.isfinite(error):
            yield Row(label, (f"{value:.8g}", "unknown", "", "", start))
        else:
            low, high = (_same_digits(end, shown) for end in linear(fit, place, wide))
            yield Row(label, (shown, spread or "0", _relative(value, error), f"[{low}, {high}]", start))
    for name, held in parameters.fixed.items():
        value_text = f"{float(held):.8g}" if not np.ndim(held) else f"{np.size(held)} values"
        yield Row(name, (value_text, "fixed", "", "", ""))
    for name, (value, error) in fit.tied.items():
        if np.ndim(value):
            yield Row(name, (f"{np.size(value)} values", "tied", "", "", ""))
        else:
            shown, spread = with_error(value, error)
            yield Row(name, (shown, spread, _relative(value, error), f"= {parameters.tied[name]}", ""))


def _relative(value: float, error: float) -> str:
    return f"{100 * error / abs(value):.2g} %" if value and np.isfinite(error) else ""


def _same_digits(value: float, like: str) -> str:
    """Return a number to the last digit that another one shows."""
    mantissa, e, exponent = like.partition("e")
    decimals = len(mantissa.partition(".")[2])
    if not e:
        return f"{value:.{decimals}f}"
    return f"{value / 10.0 ** int(exponent):.{decimals}f}e{exponent}"


def _facts(fit: Outcome) -> tuple[tuple[tuple[str, str], ...], ...]:
    q, squares = fit.quality, fit.loss.name == "linear"
    scaled = "as given" if fit.absolute_sigma else "scaled by √(reduced χ²)" if squares else "sandwich"
    first = (
        ("χ²", number(q.chi2)),
        ("degrees of freedom", str(q.freedom)),
        ("reduced χ²", number(q.reduced_chi2)),
    )
    second = (("residual std. dev.", number(fit.spread.scale)), ("R²", f"{q.r2:.8g}"), ("errors", scaled))
    third = (("AIC", number(q.aic)), ("BIC", number(q.bic)), ("log-likelihood", number(q.log_likelihood)))
    return (first, second, third) if squares else (first, second)


def _correlations(fit: Outcome) -> tuple[tuple[str, str, float], ...]:
    found, labels = fit.correlation, fit.labels
    with np.errstate(invalid="ignore"):
        places = np.argwhere(np.triu(np.abs(found) >= _WEAKEST, 1))
    pairs = [(labels[a], labels[b], float(found[a, b])) for a, b in places]
    return tuple(sorted(pairs, key=lambda pair: -abs(pair[2]))[:_MOST_PAIRS])


def _node(written: Any) -> Node | None:
    """Return a formula that is worth showing."""
    try:
        node = formula_of(written).node if isinstance(written, Tensor) else Notation().read(written)
    except SymdlError:
        return None
    return node if sum(1 for _ in walk(node)) <= _LONGEST else None


def as_text(found: Report) -> str:
    """Return a report as text: aligned columns, at most some 100 wide."""
    lines = []
    for name, node in found.formulas:
        shown = f" = {node_text(node)}" if node is not None else ""
        lines.append(f"fit of {label_text(label_of(name))}{shown}")
    lines += [found.ended, ""]
    rows = [_HEAD, *((row.name, *row.cells) for row in found.rows)]
    lines += _aligned(rows)
    lines.append("")
    for line in found.facts:
        lines.append("   ".join(f"{name} {value}" for name, value in line))
    if found.correlations:
        pairs = ", ".join(f"{a}·{b} {r:+.3f}" for a, b, r in found.correlations)
        lines.append(f"correlations: {pairs}")
    lines += [f"warning: {warning}" for warning in found.warnings]
    return "\n".join(lines)


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table, columns that are empty left out."""
    kept = [c for c in range(len(_HEAD)) if any(row[c] for row in rows[1:])]
    sides = "".join("<>>><>"[c] for c in kept)
    lines = text_lines([[row[c] for c in kept] for row in rows], sides)
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def as_html(found: Report) -> str:
    """Return a report as a piece of a page: formulas, a table, numbers."""
    parts = []
    for name, node in found.formulas:
        shown = "" if node is None else f" = {html.escape(node_text(node))}"
        parts.append(f"<p><b>{html.escape(label_text(label_of(name)))}</b>{shown}</p>")
    parts.append(f"<p>{html.escape(found.ended)}</p>")
    parts.append(html_table([_HEAD, *((row.name, *row.cells) for row in found.rows)]))
    facts = ["; ".join(f"{html.escape(n)} {html.escape(v)}" for n, v in line) for line in found.facts]
    if found.correlations:
        pairs = ", ".join(f"{html.escape(a)}·{html.escape(b)} {r:+.3f}" for a, b, r in found.correlations)
        facts.append(f"correlations: {pairs}")
    parts += [f"<p>{'<br>'.join(facts)}</p>"]
    parts += [f"<p><b>warning:</b> {html.escape(warning)}</p>" for warning in found.warnings]
    return f'<div class="symdl-fit">{"".join(parts)}</div>'


def as_latex(found: Report) -> str:
    """Return the formulas and the table of a report as LaTeX, for a paper."""
    lines = []
    for name, node in found.formulas:
        shown = "" if node is None else f" = {node_latex(node)}"
        lines.append(rf"\[ {label_latex(label_of(name))}{shown} \]")
    lines += [r"\begin{tabular}{lrr}", r"\hline", r"parameter & value & standard error \\", r"\hline"]
    for row in found.rows:
        value, spread = (_number_latex(cell) for cell in row.cells[:2])
        lines.append(rf"${label_latex(label_of(row.name))}$ & {value} & {spread} \\")
    names = {"χ²": r"$\chi^2$", "reduced χ²": r"reduced $\chi^2$", "R²": "$R^2$"}
    shown_facts = [(names[n], v) for line in found.facts for n, v in line if n in names]
    facts = ", ".join(f"{name} = {_number_latex(value)}" for name, value in shown_facts)
    return "\n".join([*lines, r"\hline", r"\end{tabular}", "", facts])


def _number_latex(cell: str) -> str:
    try:
        float(cell)
    except ValueError:
        return cell.replace("…", r"\dots")
    return f"${with_power(cell)}$"
