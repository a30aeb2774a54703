"""A page's script in a browser: what a symbol is, lines that open, answers that are shown."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import symdl as sd

from .test_formats import network

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")

SCRIPT = """<script>
const errors = [];
addEventListener("error", event => errors.push(event.message));
const marks = all(".right [data-s]"), bar = marks.find(m => (symbols[m.dataset.s] || {}).of);
bar.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
const told = about.textContent, lit = all(".lit").length, shown = !about.hidden;
document.body.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
const opener = document.querySelector(".open");
if (opener) opener.click();
const opened = all(".inside tr").length;
if (opener) opener.click();
const closed = all(".inside").length;
const blank = document.querySelector(".reveal"), answer = blank && blank.nextElementSibling;
if (blank) blank.click();
const found = {told, lit, shown, opened, closed, errors};
found.hidden = about.hidden; found.answer = answer && !answer.hidden;
document.body.setAttribute("data-found", JSON.stringify(found));
</script></body>"""


def looked_at(path: Path, folder: Path) -> dict[str, Any]:
    """What the script finds on a page, with nothing but the file."""
    path.write_text(path.read_text("utf-8").replace("</body>", SCRIPT), "utf-8")
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += [
        f"--user-data-dir={folder / 'profile'}",
        "--enable-logging=stderr",
        "--dump-dom",
        path.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=120)
    assert "CONSOLE" not in done.stderr, done.stderr
    found = re.search(r'data-found="(.*?)"', done.stdout, re.DOTALL)
    assert found is not None, done.stderr[-2000:]
    result: dict[str, Any] = json.loads(found[1].replace("&quot;", '"').replace("&amp;", "&"))
    return result


def test_symbols_and_lines(tmp_path: Path) -> None:
    page = sd.derive(network(), "first.W").save(tmp_path / "net.html", math="mathml")
    found = looked_at(page, tmp_path)
    assert found["shown"] and found["hidden"] and found["lit"] > 1 and not found["errors"]
    assert "derivative with respect to" in found["told"] and "is used in" in found["told"]
    assert found["opened"] >= 2 and found["closed"] == 0


def test_answers(tmp_path: Path) -> None:
    page, _ = sd.worksheet(network(), "first.W", hide=["first.Z"]).save(tmp_path / "ex.html", math="mathml")
    assert looked_at(page, tmp_path)["answer"] is True
