"""A page's script in a browser: what a symbol is, lines that open, answers that are shown."""

from __future__ import annotations

import html
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


def looked_at(path: Path, folder: Path, script: str = SCRIPT) -> dict[str, Any]:
    """What a script finds on a page, with nothing but the file."""
    whole, _, rest = path.read_text("utf-8").rpartition("</body>")
    path.write_text(f"{whole}{script}{rest}", "utf-8")
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


WIDTHS = """<script>
addEventListener("load", () => {
  const frame = document.querySelector("iframe").contentDocument, page = frame.documentElement;
  const wide = [...frame.querySelectorAll(".lines, .tag, .why, h1, .depth")];
  const beyond = wide.filter(x => x.getClientRects().length && x.getBoundingClientRect().right > 390);
  const found = {page: page.scrollWidth, beyond: beyond.map(x => x.className)};
  document.body.setAttribute("data-found", JSON.stringify(found));
});
</script></body>"""


def test_a_page_fits_a_phone(tmp_path: Path) -> None:
    """Long formulas are moved on their own; what stands beside them stays in sight."""
    z = sd.tensor("z", (3,))
    rosenbrock = (100 * (z[1:] - z[:-1] ** 2) ** 2 + (1 - z[:-1]) ** 2).sum()
    page = sd.derive(rosenbrock, z, order=2).save(tmp_path / "page.html", math="mathml")
    text = html.escape(page.read_text("utf-8"))
    frame = tmp_path / "phone.html"
    frame.write_text(
        f'<body><iframe style="width:390px;height:3000px;border:0" srcdoc="{text}"></iframe></body>'
    )
    assert looked_at(frame, tmp_path, WIDTHS) == {"page": 390, "beyond": []}


def test_answers(tmp_path: Path) -> None:
    page, _ = sd.worksheet(network(), "first.W", hide=["first.Z"]).save(tmp_path / "ex.html", math="mathml")
    assert looked_at(page, tmp_path)["answer"] is True
