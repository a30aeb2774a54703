"""Isserlis' theorem: the mean of a product of jointly normal numbers.

Enters: a list of factors. Leaves: its pairings: which factors stand alone (their means), which by two (their
covariances), and how often each such choice occurs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

from symdl.errors import DerivativeError

Factor = TypeVar("Factor")
Pairing: TypeAlias = tuple[tuple[Factor, ...], tuple[tuple[Factor, Factor], ...]]
MOST = 1000
"""Pairings of one product; nobody reads more."""


def pairings(factors: Sequence[Factor]) -> dict[Pairing[Factor], int]:
    """Return each choice of single factors and pairs, and how often it occurs; equal factors are counted.

    Raises:
        DerivativeError: there are too many, as of a product of a high degree.
    """
    known: dict[tuple[Factor, ...], dict[Pairing[Factor], int]] = {(): {((), ()): 1}}
    rests: list[tuple[Factor, ...]] = [tuple(factors)]
    while rests:
        rest = rests[-1]
        below = [rest[1:], *(_without(rest, n) for n in range(1, len(rest)))] if rest else []
        missing = [b for b in dict.fromkeys(below) if b not in known]
        if rest not in known and missing:
            rests += missing
            continue
        rests.pop()
        if rest not in known:
            known[rest] = _grown(rest, known)
    return known[tuple(factors)]


def _grown(
    rest: tuple[Factor, ...], known: dict[tuple[Factor, ...], dict[Pairing[Factor], int]]
) -> dict[Pairing[Factor], int]:
    """Return the pairings of a list from those of shorter ones: the first factor is alone or in a pair."""
    first, found = rest[0], dict[Pairing[Factor], int]()
    for (alone, pairs), count in known[rest[1:]].items():
        key = ((first, *alone), pairs)
        found[key] = found.get(key, 0) + count
    for place in range(1, len(rest)):
        for (alone, pairs), count in known[_without(rest, place)].items():
            key = (alone, ((first, rest[place]), *pairs))
            found[key] = found.get(key, 0) + count
    if len(found) > MOST:
        raise DerivativeError(
            f"a product of {len(rest)} random factors has more than {MOST} pairings",
            cure="take the mean over samples: sd.expectation(..., samples=1000)",
        )
    return found


def _without(rest: tuple[Factor, ...], place: int) -> tuple[Factor, ...]:
    return (*rest[1:place], *rest[place + 1 :])
