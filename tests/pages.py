"""The Python of pages, as scripts.

Enters: a page. Leaves: its blocks of code, what they print, and what the page shows of it. A comment that
begins with ``python`` holds code that runs and is not shown; ``<!-- needs torch -->`` before a block, or
``<!-- needs torch: python`` as the beginning of such a comment, puts code into a script of its own, for those
who have that package.
"""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PARTS = re.compile(
    r"^<!-- (?:needs (?P<hidden_needs>\w+): )?python\n(?P<hidden>.*?)^-->$"
    r"|(?:^<!-- needs (?P<needs>\w+) -->\n)?^```python\n(?P<code>(?! ).*?)^```$"
    r"(?:\n\n?```text\n(?P<text>.*?)^```$)?",
    re.DOTALL | re.MULTILINE,
)
MARK = "=== next ==="


@dataclass(frozen=True)
class Block:
    """A piece of code: what it needs to run, what the page says that it prints, and where that stands."""

    code: str
    needs: str
    text: str | None
    place: tuple[int, int]


def blocks(page: str) -> list[Block]:
    """Return all code of a page, in order; code that begins with a blank is generated code that is shown."""
    found = []
    for m in PARTS.finditer(page):
        hidden = m["hidden"] is not None
        needs = (m["hidden_needs"] if hidden else m["needs"]) or ""
        found.append(Block(m["hidden"] if hidden else m["code"], needs, m["text"], m.span("text")))
    return found


def run(code: list[Block], folder: Path) -> tuple[list[str], dict[str, Any]]:
    """Run blocks as one script, and return what each printed, and the names that they made.

    Tensors without a name are numbered in the order in which they are shown: elsewhere their numbers depend
    on what was made before.
    """
    script = folder / "page.py"
    script.write_text(f"\nprint({MARK!r})\n".join(block.code for block in code), "utf-8")
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            names = runpy.run_path(str(script))
        finally:  # what a page writes and imports is its own
            for name, module in [*sys.modules.items()]:
                if Path(getattr(module, "__file__", None) or "/").parent == folder:
                    del sys.modules[name]
    numbers: dict[str, str] = {}
    text = re.sub(r"#\d+", lambda m: numbers.setdefault(m[0], f"#{len(numbers) + 1}"), said.getvalue())
    return [re.sub(r" +$", "", block, flags=re.MULTILINE) for block in text.split(f"{MARK}\n")], names
