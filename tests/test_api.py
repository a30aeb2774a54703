"""The public names and their signatures are those of ``golden/api.txt``.

What users call is a promise. A change of this list is announced in CHANGELOG.md, and accepted by
``python -m pytest tests/test_api.py --update``.
"""

from __future__ import annotations

import difflib
import inspect
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
FILE = Path(__file__).parent / "golden" / "api.txt"
PUBLIC = dict(runpy.run_path(str(ROOT / "docs" / "make_reference.py"))["public"]())


class Plain(str):
    """A type as it is written in the source, which is shown without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def signature(value: Any) -> str:
    """Return a signature on one line; defaults that have no short form are ``...``."""
    found = inspect.signature(value)
    parameters = [p.replace(annotation=_plain(p.annotation)) for p in found.parameters.values()]
    text = str(found.replace(parameters=parameters, return_annotation=_plain(found.return_annotation)))
    return re.sub(r"<[^<>]*(<[^<>]*>)?[^<>]* at 0x[0-9a-f]+>|<factory>", "...", text)


def _plain(annotation: Any) -> Any:
    annotation = getattr(annotation, "__forward_arg__", annotation)
    return Plain(annotation) if isinstance(annotation, str) else annotation


def lines() -> Iterator[str]:
    """Yield a line for each public name, and for each public method, property and field of a class."""
    for name, value in sorted(PUBLIC.items()):
        if not inspect.isclass(value):
            yield f"{name}{signature(value)}" if callable(value) else name
            continue
        made = {"__init__", "__new__"} & vars(value).keys() and not getattr(value, "_is_protocol", False)
        yield f"{name}{signature(value)}" if made else name
        for key, member in inspect.getmembers(value):
            owner = next((c for c in value.__mro__ if key in vars(c)), object)
            if key.startswith("_") or not owner.__module__.startswith("symdl."):
                continue
            if isinstance(member, property):
                yield f"{name}.{key}"
            elif callable(member):
                yield f"{name}.{key}{signature(member)}"


def test_the_public_interface_is_what_was_announced(pytestconfig: pytest.Config) -> None:
    found = "\n".join(lines()) + "\n"
    if pytestconfig.getoption("--update"):
        FILE.write_text(found, "utf-8")
    kept = FILE.read_text("utf-8")
    difference = "\n".join(difflib.unified_diff(kept.splitlines(), found.splitlines(), lineterm="", n=0))
    assert not difference, f"announce it in CHANGELOG.md; pytest tests/test_api.py --update\n{difference}"


def test_the_list_is_long_and_typed() -> None:
    kept = FILE.read_text("utf-8").splitlines()
    assert len(kept) > 400 and len(set(kept)) == len(kept)
    calls = [line for line in kept if "(" in line]
    assert sum(") ->" in line for line in calls) > 0.95 * len(calls)
    assert not [line for line in kept if " at 0x" in line]
