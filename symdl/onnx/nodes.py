"""Nodes and values of a graph, as the operators see them.

Enters: what a file says of a node, and the values of its inputs. Leaves: `Node`, from which an operator reads
inputs as tensors, or as arrays where it must know them beforehand (shapes, axes, counts), and attributes. A
node notes what was read of it: what a file sets and nobody reads is an error and not passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symdl.errors import ExpressionError
from symdl.express.constants import constant
from symdl.express.dims import Extent
from symdl.express.tensors import Tensor

Array: TypeAlias = NDArray[Any]
Adapter: TypeAlias = "Callable[[Node], Tensor | Sequence[Tensor]]"
Sizes: TypeAlias = "list[Any]"
"""Whole numbers, and sizes that are `Dim` expressions."""


class Unsupported(Exception):
    """A node asks for something without a counterpart; says what."""


class Value:
    """A value of a graph: a tensor, an array that is known beforehand, or both.

    Args:
        make: returns the tensor when it is first asked for.
        array: the numbers, if they are known; of shapes an array of objects, where sizes may be expressions.
        fixed: whether the numbers are the value for good, so that they are computed with and not learned.
        given: whether the tensor is an input; its array is an example that a test knows.
    """

    def __init__(
        self,
        make: Callable[[], Tensor],
        *,
        array: Array | None = None,
        fixed: bool = False,
        given: bool = False,
    ) -> None:
        self.array = array
        self.fixed = fixed
        self.given = given
        self._make = make
        self._tensor: Tensor | None = None

    @property
    def tensor(self) -> Tensor:
        """The value as a tensor."""
        if self._tensor is None:
            self._tensor = self._make()
        return self._tensor


def already(tensor: Tensor) -> Value:
    """Return a tensor that is there as a value."""
    return Value(lambda: tensor)


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a graph.

    Attributes:
        op: the operator.
        name: what the node is called in an error.
        attributes: with the defaults of the operator's version.
        said: the attributes that the file gives a value other than the default.
        values: the inputs; None where one is left out.
        asked: for each output whether somebody reads it.
        version: of the operator set.
        read: the inputs and attributes that were read so far.
    """

    op: str
    name: str
    attributes: Mapping[str, Any]
    said: frozenset[str]
    values: tuple[Value | None, ...]
    asked: tuple[bool, ...]
    version: int
    read: set[int | str] = field(default_factory=set)

    def __getitem__(self, place: int) -> Tensor:
        """The input at `place` as a tensor. Truth values are zeros and ones."""
        return self._value(place).tensor

    def _value(self, place: int) -> Value:
        self.read.add(place)
        value = self.values[place] if place < len(self.values) else None
        if value is None:
            raise Unsupported(f"input {place} is missing")
        return value

    def all(self) -> list[Tensor]:
        """Every input that is there."""
        return [self[place] for place in range(len(self.values)) if self.has(place)]

    def operand(self, place: int) -> Any:
        """The input at `place`: a number if it is one for good, else a tensor."""
        value = self._value(place)
        if value.fixed and value.array is not None and value.array.ndim == 0:
            number = value.array.item()
            return int(number) if isinstance(number, bool) else number
        return value.tensor

    def still(self, place: int) -> Tensor:
        """The input at `place`, which does not learn."""
        value = self._value(place)
        return value.tensor if value.array is None or value.given else constant(value.array)

    def has(self, place: int) -> bool:
        """Say whether there is an input at `place`."""
        return place < len(self.values) and self.values[place] is not None

    def array(self, place: int, default: Any = None) -> Any:
        """The input at `place` as an array that is known beforehand, such as a shape.

        Raises:
            Unsupported: it is not known.
        """
        if not self.has(place):
            return default
        array = self._value(place).array
        if array is None:
            raise Unsupported(f"input {place} depends on values, and must be known beforehand")
        return array

    def ints(self, place: int, default: Any = None) -> Any:
        """The input at `place` as a list of known integers and sizes."""
        return [_size(n) for n in np.ravel(self.array(place))] if self.has(place) else default

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        self.read.add(name)
        return self.attributes.get(name, default)

    def passed_over(self) -> list[str]:
        """What the file says and no operator has read."""
        inputs = [f"input {k}" for k, v in enumerate(self.values) if v is not None and k not in self.read]
        return inputs + [f"attribute {name}" for name in sorted(self.said - self.read)]


def _size(number: Any) -> Any:
    return number if isinstance(number, sp.Expr) and not number.is_Integer else int(number)


def count(sizes: Iterable[Extent]) -> Extent:
    """Return the product of sizes."""
    product = sp.Mul(*sizes)
    return int(product) if product.is_Integer else product


def refusal(what: str, wrong: Mapping[str, list[str]], cure: str) -> ExpressionError:
    """Return the error that names everything without a counterpart, with some of those that ask for it."""
    lines = [f"{each} ({', '.join(by[:3])}{', …' * (len(by) > 3)})" for each, by in wrong.items()]
    return ExpressionError(f"{what}: {'; '.join(lines)}", cure=cure)
