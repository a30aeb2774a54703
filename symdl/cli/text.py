"""What is typed: expressions and points.

Enters: arguments. Leaves: expressions and tensors, by the reader that knows a list of words and runs nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from symdl.errors import CommandError
from symdl.express.parser import LONGEST, parse
from symdl.express.tensors import Tensor
from symdl.express.walks import swapped
from symdl.playground.read import Question, read

EXPRESSION = (
    "A formula, such as 'sin(x**2*y) + exp(z)'; or lines that declare tensors and end with a value, such as "
    "'X: (n, 4); w: 4; sum((X @ w)**2)'; - reads it from standard input."
)
WRT = "With respect to what: a name, or several with commas between them."


def question(text: str) -> Question:
    """Return what a text asks about; ``-`` stands for what is on standard input.

    Raises:
        ExpressionError: it is no formula.
    """
    return read(sys.stdin.read(LONGEST + 1) if text == "-" else text)


def is_tensor(asked: Question) -> bool:
    """Say whether a question is about a tensor, and not about a formula of symbols."""
    return isinstance(asked.value, Tensor)


def chosen(asked: Question, names: str | None) -> list[Any]:
    """Return what `names` mean: symbols or tensors, in this order.

    Raises:
        CommandError: there is no such name, or none is given and there are several to choose from.
    """
    known = asked.wrt
    if names is None:
        if len(known) == 1:
            return list(known.values())
        cure = f"add --wrt {next(iter(known))}" if known else "use a symbol, such as x"
        has = f"it has {', '.join(known)}" if known else "it has no symbols"
        raise CommandError(f"with respect to what? {has}", cure=cure)
    found = [name.strip() for name in names.split(",")]
    for name in found:
        if name not in known:
            has = f"it has {', '.join(known)}" if known else "it has no symbols"
            raise CommandError(f"nothing is called {name!r}; {has}", cure="choose from these")
    return [known[name] for name in found]


def expression(asked: Question) -> sp.Expr:
    """Return a formula with its intermediates put in.

    Raises:
        CommandError: it is about tensors.
    """
    if is_tensor(asked):
        raise CommandError(
            "this takes a formula of numbers, not of tensors", cure="write it without X: (n, 4)"
        )
    known: dict[Any, sp.Expr] = {}
    for symbol, inner in asked.named.items():
        known[symbol] = swapped(inner, known)
    return swapped(asked.value, known)


def pairs(texts: Sequence[str], option: str, *, several: bool = False) -> dict[str, str]:
    """Return what texts such as ``name=value`` say, by their names.

    Args:
        texts: the values of an option.
        option: its name, for errors.
        several: whether a text may hold several, with commas between them.

    Raises:
        CommandError: a part is not ``name=value``, or a name stands twice.
    """
    found: dict[str, str] = {}
    for part in (part for text in texts for part in (text.split(",") if several else [text])):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value or not name.isidentifier():
            raise CommandError(
                f"{part.strip()!r} is not name=value", cure=f"write {option} {_EXAMPLES[option]}"
            )
        if name in found:
            raise CommandError(f"{option} has {name} twice", cure="once is enough")
        found[name] = value
    return found


def point(texts: Sequence[str], option: str) -> Mapping[str, float]:
    """Return the numbers in texts such as ``x=1,y=pi/2``, by their names; `option` is for errors.

    Raises:
        CommandError: a part is not ``name=number``.
        ExpressionError: a number is no number.
    """
    found: dict[str, float] = {}
    for name, text in pairs(texts, option, several=True).items():
        value = parse(text)
        if not value.is_number:
            raise CommandError(f"{name}={text} is no number", cure=f"write {option} {_EXAMPLES[option]}")
        found[name] = float(value)
    return found


def whole_numbers(texts: Sequence[str], option: str) -> Mapping[str, int]:
    """Return the sizes in texts such as ``n=6,d=2``, by their names; `option` is for errors.

    Raises:
        CommandError: a part is not a name and a positive integer of at most six digits.
    """
    found: dict[str, int] = {}
    for name, text in pairs(texts, option, several=True).items():
        if not (text.isascii() and text.isdigit() and len(text) <= 6 and int(text)):
            raise CommandError(f"{name}={text} is no size", cure=f"write {option} {_EXAMPLES[option]}")
        found[name] = int(text)
    return found


_EXAMPLES: Mapping[str, str] = {
    "--at": "x=1,y=0.5",
    "--sizes": "n=6,d=2",
    "--start": "a=2,b=0.5",
    "--bounds": "a=0:10,b=0:",
    "--fixed": "c=0",
    "--tied": "A2=2*A1",
    "--columns": "x='time (s)'",
}
