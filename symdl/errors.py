"""The errors of symdl: one class per stage, under one root.

Enters: a message and, where known, the expression, the shapes and the cure. Leaves: an exception
whose text holds all of them, one line each, and whose attributes keep them for programs to read. Messages
name what others typed; nothing of that is a command to the terminal that shows it.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import ClassVar

from symdl.brief import brief

Shapes = str | Mapping[str, object] | Sequence[object]
"""Shapes to show: a finished text, a mapping from name to shape, or one shape."""

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Characters that are not seen but do something; line feeds and tabs are none of them."""


def printable(text: str) -> str:
    """Return a text in which characters that are not seen are spelled out: an escape is ``\\x1b``."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class SymdlError(Exception):
    """Root of all errors raised by symdl.

    ``message`` says what is wrong. The keyword-only rest is optional and becomes one further line
    each: ``expression`` (the equation or text concerned), ``shapes`` (a text, a mapping from name
    to shape, or one shape) and ``cure`` (what to do about it). All are kept as attributes.

    >>> try:
    ...     sd.tensor("X", (2, 3)) @ sd.tensor("W", (4, 2))
    ... except sd.SymdlError as error:
    ...     print(error.cure)
    the last size of the left operand must equal the last but one of the right
    """

    stage: ClassVar[str] = ""
    """The stage which raises this error, in words; shown as the first line's prefix."""

    def __init__(
        self,
        message: str,
        *,
        expression: object = None,
        shapes: Shapes | None = None,
        cure: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.expression = expression
        self.shapes = shapes
        self.cure = cure

    def __str__(self) -> str:
        lines = [f"{self.stage}: {self.message}" if self.stage else self.message]
        if self.expression is not None:
            lines.append(f"  expression: {brief(self.expression)}")
        if self.shapes is not None:
            lines.append(f"  shapes: {_shapes_text(self.shapes)}")
        if self.cure is not None:
            lines.append(f"  cure: {self.cure}")
        return printable("\n".join(lines))


class ExpressionError(SymdlError, ValueError):
    """A definition is not a valid equation: wrong names, indices, ranges or operators."""

    stage = "express"


class ShapeError(ExpressionError):
    """Shapes do not fit together, or an access may leave its tensor's range."""


class DerivativeError(SymdlError):
    """A derivative is undefined, unknown, or asked for something that is not there."""

    stage = "differentiate"


class ExplainError(SymdlError):
    """A derivation cannot be typeset or drawn."""

    stage = "explain"


class LoweringError(SymdlError):
    """Equations cannot be turned into loop nests."""

    stage = "lower"


class EmitError(SymdlError):
    """Loop nests cannot be turned into source text."""

    stage = "emit"


class CompileError(SymdlError):
    """Generated source cannot be compiled, cached or loaded."""

    stage = "run"


class ArgumentError(SymdlError, ValueError):
    """A compiled function was called with arguments that do not fit its program."""

    stage = "call"


class TrainingError(SymdlError):
    """Training cannot start or cannot go on.

    Attributes:
        history: the `symdl.train.History` of the epochs before it went wrong, or None.
    """

    stage = "train"
    history: object = None


class FittingError(SymdlError, ValueError):
    """A formula cannot be fitted to data, or a fit cannot say what it is asked for."""

    stage = "fit"


class DataError(SymdlError, ValueError):
    """Data are missing, damaged, or not what they should be."""

    stage = "data"


class CommandError(SymdlError, ValueError):
    """The command line was given what it cannot use."""

    stage = "command"


class InternalError(SymdlError):
    """A program broke a rule that all programs keep: a fault of symdl, not of who uses it."""

    stage = "internal"

    def __init__(self, message: str, *, expression: object = None, shapes: Shapes | None = None) -> None:
        cure = "please report this, with the equations and the versions of symdl, SymPy and Numba"
        super().__init__(message, expression=expression, shapes=shapes, cure=cure)


class MissingExtraError(SymdlError, ImportError):
    """An optional package is needed and not installed.

    ``module_name`` is the module that could not be imported, ``extra`` the extra of symdl which
    brings it; the cure is the pip command.
    """

    def __init__(self, module_name: str, extra: str) -> None:
        super().__init__(
            f"this needs the module {module_name!r}, which comes with symdl's extra {extra!r}",
            cure=f'pip install "symdl[{extra}]"',
        )
        self.module_name = module_name
        self.extra = extra


def require_extra(module_name: str, extra: str) -> ModuleType:
    """Import and return ``module_name``, or raise `MissingExtraError` naming ``extra``.

    Only the absence of the module's own top-level package counts as a missing extra: an import
    error from deeper inside an installed package is passed on as it is.
    """
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module_name.split(".")[0]:
            raise
        raise MissingExtraError(module_name, extra) from error


def _shapes_text(shapes: Shapes) -> str:
    if isinstance(shapes, str):
        return shapes
    if isinstance(shapes, Mapping):
        return ", ".join(f"{name} {shape}" for name, shape in shapes.items())
    return str(tuple(shapes))
