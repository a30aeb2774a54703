"""Public functions that differ in one choice.

Enters: a function whose first parameter is the choice: how many axes, sum or product. Leaves: a public
function in which it is made, with the other parameters, their types and their defaults as they are written
once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from symdl.express.doors import takes_tensors

C = TypeVar("C")
P = ParamSpec("P")
R = TypeVar("R")


def variant(
    function: Callable[Concatenate[C, P], R], choice: C
) -> Callable[[Callable[[], None]], Callable[P, R]]:
    """Return a decorator that makes a public function of `function` with its first argument given.

    What it decorates gives the name and the docstring, nothing else::

        @variant(_conv, 2)
        def conv2d() -> None:
            '''The convolution of images.'''

    Args:
        function: written with ``def``; what can stand for a tensor is let in, as by `takes_tensors`.
        choice: the first argument.
    """
    source = cast(FunctionType, function)
    first, *others = inspect.signature(source).parameters.values()
    assert first.kind is first.POSITIONAL_OR_KEYWORD

    def decorate(described: Callable[[], None]) -> Callable[P, R]:
        name = described.__name__
        # A copy of the public name, so that Python's own words about missing arguments name what was called.
        named: Any = FunctionType(
            source.__code__, source.__globals__, name, source.__defaults__, source.__closure__
        )
        named.__kwdefaults__, named.__qualname__ = source.__kwdefaults__, name

        def chosen(*args: P.args, **options: P.kwargs) -> R:
            result: R = named(choice, *args, **options)
            return result

        chosen.__name__, chosen.__qualname__, chosen.__module__ = name, name, described.__module__
        chosen.__doc__ = described.__doc__
        signature = inspect.signature(source).replace(parameters=others)
        chosen.__signature__ = signature  # type: ignore[attr-defined]  # what `inspect` asks for first
        return takes_tensors(chosen)

    return decorate
