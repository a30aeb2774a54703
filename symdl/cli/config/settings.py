"""Settings in tables of TOML: which there are, and what each may be.

Enters: a table, as Python's own reader of TOML returns it. Leaves: the settings by name, all of a known kind.
A setting that is not known is an error that names the one that was meant.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from symdl.errors import CommandError


@dataclass(frozen=True, slots=True)
class Kind:
    """What a setting may be: in words, and as a test of a value."""

    words: str
    fits: Callable[[Any], bool]


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 < value < 2**31


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _are(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(map(fits, value))


COUNT = Kind("a positive integer", _is_count)
COUNTS = Kind("a list of positive integers", _are(_is_count))
SIZES = Kind("a positive integer or a list of them", lambda value: _is_count(value) or _are(_is_count)(value))
WHOLE = Kind("an integer from 0 on", lambda value: type(value) is int and 0 <= value < 2**31)
NUMBER = Kind("a number", _is_number)
POSITIVE = Kind("a positive number", lambda value: _is_number(value) and value > 0)
SHARE = Kind("a share from 0 to below 1", lambda value: _is_number(value) and 0 <= value < 1)
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
YES = Kind("true", lambda value: value is True)
TEXT = Kind("a text", lambda value: isinstance(value, str) and bool(value))
TEXTS = Kind("a text or a list of texts", lambda value: TEXT.fits(value) or _are(TEXT.fits)(value))
TABLE = Kind("a table", lambda value: isinstance(value, Mapping))
TABLES = Kind("a list of tables", _are(TABLE.fits))


def either(*kinds: Kind) -> Kind:
    """Return the kind of what is of one of several."""
    return Kind(" or ".join(kind.words for kind in kinds), lambda value: any(k.fits(value) for k in kinds))


def one_of(names: Collection[str]) -> Kind:
    """Return the kind of a text from a list."""
    known = tuple(names)
    return Kind(f"one of {', '.join(known)}", lambda value: isinstance(value, str) and value in known)


def settings(
    values: Any, where: str, kinds: Mapping[str, Kind], *, required: Collection[str] = ()
) -> dict[str, Any]:
    """Return the settings of a table.

    Args:
        values: the table.
        where: what it is called, for errors: ``[data]``.
        kinds: the settings that there are.
        required: those that must be there.

    Raises:
        CommandError: `values` is no table, lacks a setting, or has one that is not known or of another kind.
    """
    if not isinstance(values, Mapping):
        raise CommandError(f"{where} is {values!r}, but must be a table", cure="see docs/command-line.md")
    for name, value in values.items():
        if name not in kinds:
            raise CommandError(f"{where} has a setting {name!r} that is not known", cure=meant(name, kinds))
        if not kinds[name].fits(value):
            raise CommandError(f"{where}: {name} = {_shown(value)} is not {kinds[name].words}")
    missing = [name for name in required if name not in values]
    if missing:
        raise CommandError(
            f"{where} lacks {missing[0]}", cure=f"write {missing[0]} = …, {kinds[missing[0]].words}"
        )
    return dict(values)


def named(
    values: Any, where: str, known: Collection[str], *, what: str = "layer"
) -> tuple[str, Any, dict[str, Any]]:
    """Return the name that a table begins with, what it says of it, and the other settings.

    ``{ dense = 100, activation = "relu" }`` is ``("dense", 100, {"activation": "relu"})``; a text alone is a
    name without more.

    Raises:
        CommandError: it does not begin with one of the known names.
    """
    if isinstance(values, str):
        values = {values: None}
    if not isinstance(values, Mapping) or not values:
        raise CommandError(f"{where}: {_shown(values)} is no {what}", cure=f"use {', '.join(known)}")
    (name, value), *rest = values.items()
    if name not in known:
        raise CommandError(f"{where}: {name!r} is no {what}", cure=meant(name, known))
    return name, value, dict(rest)


def meant(name: str, known: Collection[str]) -> str:
    """Return a cure for a name that is not known."""
    close = difflib.get_close_matches(str(name), list(known), n=1)
    hint = f"did you mean {close[0]}? " if close and close[0] != name else ""
    return f"{hint}there are {', '.join(known)}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
