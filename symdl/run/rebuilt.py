"""Compiled functions as `pickle` and `copy` see them.

Enters: what a function was made of. Leaves: the same function, compiled again, or found on disk, where a
pickle is read; a copy is the function itself, since calls leave nothing behind in it.
"""

from __future__ import annotations

from typing import Any, Self


class Rebuilt:
    """A function that is made again of what it was made of.

    Attributes:
        made_of: the positional arguments and the keyword arguments of its class.
    """

    made_of: tuple[tuple[Any, ...], dict[str, Any]]

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return _rebuilt, (type(self), *self.made_of)

    def __deepcopy__(self, memo: object) -> Self:
        return self


def _rebuilt(kind: type[Any], positional: tuple[Any, ...], options: dict[str, Any]) -> Any:
    return kind(*positional, **options)
