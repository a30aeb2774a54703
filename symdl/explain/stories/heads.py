"""The sentences at the head of the forward section and of the matrix form: what they say, which signs occur.

Enters: the lines of a section. Leaves: words, of no more signs than occur.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symdl.explain.matrix.monomials import shape
from symdl.explain.notation.numbers import BEYOND
from symdl.explain.notation.tree import Call, Diagonal, Hadamard, Negative, Node, Number, Ones, Power, walk
from symdl.explain.sections import Step, Words
from symdl.explain.stories.steps import Steps, start_words
from symdl.express.equations import MATRIX_FACTORS

_WHOLE = (
    *("inverse", "matrix_power", "softmax", "diagonal", "vec", "unit", "unfolded", "differential"),
    *MATRIX_FACTORS,
)
"""Functions of a whole array, not of its entries."""


def forward_words(steps: Sequence[Step], recurrences: Steps) -> Words:
    """Return what the lines of the function are, and where its recurrences start."""
    if sum(step.left is not None for step in steps) < 2:
        return start_words(recurrences)
    words: Words = ("The function, line by line: each reads what is given and the lines above it.",)
    if recurrences.axes:
        words = (
            "The function, step by step: a line reads what is given, lines above it, and the step before.",
        )
    start = start_words(recurrences)
    words = (*words, " ", *start) if start else words
    beyond = any(_is_beyond(part) for step in steps for part in walk(step.right))
    never = Negative(Number(sp.oo))
    return (*words, " For ", never, " a number is computed that is below all others.") if beyond else words


def _is_beyond(part: Node) -> bool:
    return isinstance(part, Number) and isinstance(part.value, sp.Float) and bool(part.value >= BEYOND)


def matrix_words(steps: Sequence[Step]) -> Words:
    """Return that lines are those of before, for whole arrays, and what their signs mean."""
    parts = [part for step in steps for part in walk(step.right)]
    diagonals = [part for part in parts if isinstance(part, Diagonal)]
    units = [part for part in diagonals if isinstance(part.arg, Ones)]
    ones = next((p for p in parts if isinstance(p, Ones) and not any(p is u.arg for u in units)), None)
    signs: list[Words] = [(ones, " is a column of ones")] if ones is not None else []
    if units:
        signs.append((units[0], " is the unit matrix"))
    if len(units) < len(diagonals):
        signs.append(("diag puts a vector on the diagonal of a matrix",))
    if any(isinstance(part, Hadamard) for part in parts):
        signs.append(("⊙ multiplies entry by entry, after matrix products",))
    powers = any(isinstance(part, Power) and shape(part.base) for part in parts)
    functions = any(map(_of_entries, parts))
    if powers or functions:
        which = ["functions"] * functions + ["powers with ∘"] * powers
        signs.append((" and ".join(which) + " act on each entry",))
    words: list[str | Node] = ["The same equations for whole arrays, without indices"]
    for count, sign in enumerate(signs):
        words += [": " if count == 0 else "; ", *sign]
    return (*words, ".")


def _of_entries(part: Node) -> bool:
    return (
        isinstance(part, Call)
        and len(part.args) == 1
        and part.name not in _WHOLE
        and bool(shape(part.args[0]))
        and shape(part) != ()
    )
