"""Notebooks from their sources: ``python examples/notebooks/make.py`` runs them (nbclient, ipykernel).

Enters: files in this folder whose cells begin with ``# %%``, or ``# %% [markdown]`` for text. Leaves: a
notebook for each, with what its cells show. Where a cell shows mathematics in LaTeX and as a page, the page,
which is large, is left out.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
SOURCES = sorted(path for path in FOLDER.glob("*.py") if path.name != "make.py")
_TEXT = "# %% [markdown]"


def cells(source: str) -> list[tuple[str, str]]:
    """Return the kind, ``"markdown"`` or ``"code"``, and the text of each cell."""
    found = []
    for part in ("\n" + source).split("\n# %%")[1:]:
        head, _, body = part.partition("\n")
        kind = "markdown" if f"# %%{head}" == _TEXT else "code"
        if kind == "markdown":
            body = "\n".join(line.removeprefix("#").removeprefix(" ") for line in body.splitlines())
        found.append((kind, body.strip("\n")))
    return found


def notebook(source: str) -> dict[str, Any]:
    """Return a notebook that has not been run, as its format says (nbformat 4.5)."""
    made: list[dict[str, Any]] = []
    for number, (kind, text) in enumerate(cells(source)):
        cell: dict[str, Any] = {"id": f"cell-{number}", "cell_type": kind, "metadata": {}, "source": text}
        made.append(cell | ({"outputs": [], "execution_count": None} if kind == "code" else {}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def run(source: str) -> dict[str, Any]:
    """Return the notebook of a source with its outputs, the large ones left out.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails.
    """
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.from_dict(notebook(source))
    inline = {**os.environ, "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(FOLDER)}}).execute(env=inline)
    for cell in book.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            shown = output.get("data", {})
            if "text/latex" in shown:
                shown.pop("text/html", None)
    made: dict[str, Any] = json.loads(nbformat.writes(book))
    return made


def main() -> None:
    """Write all notebooks."""
    for path in SOURCES:
        text = json.dumps(run(path.read_text("utf-8")), indent=1, ensure_ascii=False) + "\n"
        path.with_suffix(".ipynb").write_text(text, "utf-8")
        print(f"written: {path.with_suffix('.ipynb').name}, {len(text) // 1024} kB")


if __name__ == "__main__":
    main()
