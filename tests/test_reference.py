"""The list of all names holds every public name, and is what the docstrings say now."""

from __future__ import annotations

import runpy
import types
from pathlib import Path

import pytest

import symdl as sd

DOCS = Path(__file__).parents[1] / "docs"
MADE = runpy.run_path(str(DOCS / "make_reference.py"))
PAGE = (DOCS / "reference.md").read_text("utf-8")


def test_the_page_is_up_to_date() -> None:
    assert MADE["page"]() == PAGE, "run: python docs/make_reference.py"


@pytest.mark.parametrize("package", [sd, sd.nn, sd.train])
def test_every_public_name_has_a_line(package: types.ModuleType) -> None:
    listed = {row.split("`")[1].split("(")[0].rpartition(".")[2] for row in PAGE.splitlines() if "| `" in row}
    values = {name: getattr(package, name) for name in package.__all__}
    public = {name for name, value in values.items() if not isinstance(value, types.ModuleType)}
    assert public <= listed | {"Callback"}  # a type alias
    assert len(public) > 4


def test_every_line_says_something_under_a_heading_that_is_known() -> None:
    rows = [row for row in PAGE.splitlines() if row.startswith("| `")]
    assert len(rows) > 200
    assert all(len(row.rstrip(" |").rpartition("` | ")[2]) > 5 for row in rows)
    headings = {line[3:] for line in PAGE.splitlines() if line.startswith("## ")}
    assert headings == {"Methods of tensors", *MADE["SECTIONS"]}
