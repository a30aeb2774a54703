"""How the results of a compiled function are arranged.

Enters: results in their order. Leaves: what a call returns; and the same as data, for files that stand alone.
"""

from __future__ import annotations

from typing import Any

from symdl.emit.alone import Answer


def alone(results: list[Any]) -> Any:
    """Return the result of a function that has one."""
    return results[0]


class WithGradients:
    """Arranges results as a value and a dictionary of gradients."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def __call__(self, results: list[Any]) -> tuple[Any, dict[str, Any]]:
        return results[0], dict(zip(self.names, results[1:], strict=True))


class WithJacobians(WithGradients):
    """Arranges results as a tuple of values and a dictionary of tuples of Jacobians, one an output."""

    def __call__(self, results: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        count = len(results) // (1 + len(self.names))
        values, *columns = (tuple(results[at : at + count]) for at in range(0, len(results), count))
        return values, dict(zip(self.names, columns, strict=True))


def answer_of(pack: Any) -> Answer:
    """Return how results are arranged by one of these; by anything else, one after another."""
    if isinstance(pack, WithJacobians):
        return Answer("Jacobians", tuple(pack.names))
    if isinstance(pack, WithGradients):
        return Answer("gradients", tuple(pack.names))
    return Answer("one" if pack is alone else "several")


def in_row(found: Any, answer: Answer) -> list[Any]:
    """Return the results of a call one after another."""
    if answer.form == "Jacobians":
        return [*found[0], *(each for column in found[1].values() for each in column)]
    if answer.form == "gradients":
        return [found[0], *found[1].values()]
    return [found] if answer.form == "one" else list(found)
