"""What a model is asked to compute: losses, outputs, metrics, each with a name.

Enters: tensors, one alone or several by name, as a user gives them. Leaves: dictionaries of tensors, checked.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from symdl.errors import ArgumentError, TrainingError
from symdl.express.naming import checked_name
from symdl.express.operators import as_real, elementwise
from symdl.express.tensors import Tensor

Named = Tensor | Mapping[str, Tensor]
"""One tensor, or several by name."""

_TAKEN = ("loss", "accuracy")


def numbers(given: Mapping[str, Tensor], what: str) -> dict[str, Tensor]:
    """Return rank-0 tensors of reals by name; a count becomes one.

    Raises:
        TrainingError: one is no single number.
        ArgumentError: a name has a meaning of its own.
    """
    for name, value in given.items():
        if not isinstance(value, Tensor) or value.rank:
            raise TrainingError(
                f"the {what} is {value!r}, not one number",
                cure="reduce it to one number, for instance with .mean()",
            )
        if not isinstance(name, str) or name in _TAKEN:
            raise ArgumentError(f"the {what} cannot be called {name!r}", cure=f"{_TAKEN} have a meaning")
    return {name: as_real(value) for name, value in given.items()}


def losses(given: Named) -> dict[str, Tensor]:
    """Return the losses by name; one alone is called by the empty text.

    Raises:
        TrainingError: there are none, or one is no single real number.
    """
    if isinstance(given, Mapping):
        if not given:
            raise TrainingError("a model needs a loss", cure="pass a rank-0 tensor, or several by name")
        return numbers(given, "loss")
    return {"": next(iter(numbers({"one": given}, "loss").values()))}


def check_names(**named: Mapping[str, Tensor]) -> None:
    """Look at the names of losses, outputs and metrics; what is alone has the empty text.

    Raises:
        ExpressionError: one is no name.
    """
    for what, tensors in named.items():
        for name in tensors:
            if name != "":
                checked_name(name, what)


def total(parts: Mapping[str, Tensor]) -> Tensor:
    """Return the sum of the losses; the only one is returned as it is."""
    if len(parts) == 1:
        return next(iter(parts.values()))
    return elementwise(lambda *each: sp.Add(*each), *parts.values(), name="loss", rule="sum of losses")


def outputs(given: Named | None) -> dict[str, Tensor]:
    """Return the outputs by name; one alone is called by the empty text.

    Raises:
        TrainingError: one is no tensor.
    """
    found = {} if given is None else dict(given) if isinstance(given, Mapping) else {"": given}
    for value in found.values():
        if not isinstance(value, Tensor):
            raise TrainingError(
                f"the output {value!r} is no tensor", cure="pass a tensor, or several by name"
            )
    return found
