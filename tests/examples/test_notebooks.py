"""Notebooks: what is kept is what sources say and cells showed; where nbclient is, they run again."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "notebooks"


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("notebooks_make", FOLDER / "make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = maker()
SOURCES = pytest.mark.parametrize("path", make.SOURCES, ids=lambda path: path.stem)


def kept(path: Path) -> dict[str, Any]:
    book: dict[str, Any] = json.loads(path.with_suffix(".ipynb").read_text("utf-8"))
    return book


def outputs(book: dict[str, Any]) -> list[Any]:
    """Return what the cells of a notebook show, without numbers and pictures, which may differ a little."""
    shown = []
    for cell in book["cells"]:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            text = "".join(data.get("text/latex", "")) or "".join(output.get("text", ""))
            shown.append((output["output_type"], sorted(data), re.sub(r"[\d.]+(e[-+]\d+)?", "", text)))
    return shown


@SOURCES
def test_a_notebook_is_that_of_its_source(path: Path) -> None:
    book, fresh = kept(path), make.notebook(path.read_text("utf-8"))
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in book["cells"]]
    assert cells == [(cell["cell_type"], cell["source"]) for cell in fresh["cells"]]
    assert cells[0][0] == "markdown" and cells[0][1].startswith("# ")
    silent = [
        "".join(cell["source"])
        for cell in book["cells"]
        if cell["cell_type"] == "code" and not cell["outputs"] and "import" not in "".join(cell["source"])
    ]
    assert not silent  # every cell shows something
    assert not [o for cell in book["cells"] for o in cell.get("outputs", ()) if o["output_type"] == "error"]
    assert path.with_suffix(".ipynb").stat().st_size < 100_000


@pytest.mark.slow
@SOURCES
def test_a_notebook_runs_and_shows_what_is_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parents[1]))
    assert outputs(make.run(path.read_text("utf-8"))) == outputs(kept(path))
