"""What a printed program depends on, besides the program.

Enters: the passes and the syntax of a target. Leaves: texts. Where one of them is another, so is the key of
what is kept on disk: `package` for all files that derive, lower and print, `described` for a target's
settings.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any

from symdl.templating import template_root

_NAME = __name__.partition(".")[0]
_ROOMS = ("express", "nn", "differentiate", "lower", "emit", "train")
_FILES = ("errors.py", "run/derived.py", "run/kept.py", "run/bound.py")
_PLAIN = (str, int, float, bool, type(None))


class Unknown(Exception):
    """A setting is not of this package, so that nobody knows what it does tomorrow."""


@cache
def package() -> str:
    """Return a hash of all files that derive, lower and print, and of the versions of other packages."""
    root = Path(__file__).resolve().parents[1]
    found = hashlib.sha256(sys.version.encode())
    sympy = find_spec("sympy")  # whose version stands in a file of its own
    assert sympy is not None and sympy.origin is not None
    rooms = (Path(place) for room in _ROOMS for place in _python(str(root / room)))
    for place in (Path(sympy.origin).with_name("release.py"), *rooms, *(root / name for name in _FILES)):
        with open(place, "rb", buffering=0) as file:
            found.update(file.read() + b"\0")
    for text in _texts(template_root()):
        found.update(text + b"\0")
    return found.hexdigest()


def _python(folder: str) -> Iterator[str]:
    """Yield the files with code in a folder, in order."""
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        if entry.is_dir():
            yield from _python(entry.path)
        elif entry.name.endswith(".py"):
            yield entry.path


def _texts(folder: Traversable) -> Iterator[bytes]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _texts(entry)
        elif entry.name.endswith(".jinja"):
            yield entry.read_bytes()


def described(value: Any) -> Any:
    """Return a setting as JSON holds it: functions by where they are and what they close over.

    Raises:
        Unknown: a part of it is not of this package.
    """
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, FunctionType):
        closed = [described(cell.cell_contents) for cell in value.__closure__ or ()]
        defaults = described(value.__defaults__)
        return [*_place(value), value.__code__.co_firstlineno, defaults, *closed]
    if isinstance(value, type):
        return _place(value)
    if dataclasses.is_dataclass(value):
        fields = [described(getattr(value, field.name)) for field in dataclasses.fields(value)]
        return [*_place(type(value)), *fields]
    if isinstance(value, tuple | list):
        return [described(each) for each in value]
    if isinstance(value, frozenset | set):
        return sorted(map(described, value))
    if isinstance(value, re.Pattern):
        return [value.pattern, value.flags]
    if isinstance(value, Mapping):
        return [[described(key), described(each)] for key, each in value.items()]
    raise Unknown(type(value).__name__)


def _place(value: FunctionType | type[Any]) -> list[str]:
    if value.__module__.partition(".")[0] != _NAME:
        raise Unknown(value.__qualname__)
    return [value.__module__, value.__qualname__]
