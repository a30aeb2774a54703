"""LaTeX documents as PDF, by the TeX that is installed.

Enters: a LaTeX document. Leaves: the bytes of a PDF.
"""

from __future__ import annotations

import re
from pathlib import Path

from symdl.errors import ExplainError
from symdl.files import replacing

ENGINES = ("pdflatex", "lualatex", "xelatex", "tectonic")
_LONGEST = 300  # seconds


def pdf(document: str) -> bytes:
    """Return a LaTeX document as PDF.

    Raises:
        ExplainError: no TeX is installed, a package is missing, or TeX stops.
    """
    import shutil
    import tempfile

    engine = next((name for name in ENGINES if shutil.which(name)), None)
    if engine is None:
        raise ExplainError(
            f"a PDF needs TeX, and none of {', '.join(ENGINES)} is installed",
            cure="install TeX Live or tectonic; or save as .tex, or as .html and print that page",
        )
    with tempfile.TemporaryDirectory() as folder:
        with replacing(Path(folder) / "page.tex") as file:
            file.write(document.encode("utf-8"))
        options = [] if engine == "tectonic" else ["-interaction=nonstopmode", "-halt-on-error"]
        again = engine != "tectonic" and (r"\eqref" in document or "beamer" in document)
        for _ in range(2 if again else 1):
            _run([engine, *options, "page.tex"], folder)
        return (Path(folder) / "page.pdf").read_bytes()


def _run(command: list[str], folder: str) -> None:
    import subprocess

    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, check=False, timeout=_LONGEST
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExplainError(
            f"{command[0]} does not run: {error}", cure="save as .tex and run TeX on it"
        ) from error
    if done.returncode:
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        missing = re.search(r"File `([^']+)\.sty' not found|File `([^']+)' not found", said)
        what = f"the LaTeX package {missing[1] or missing[2]} is missing" if missing else "TeX stops"
        lines = [line for line in said.splitlines() if line.startswith("!")]
        cure = "install it with TeX's package manager" if missing else "save as .tex and run TeX on it"
        raise ExplainError(f"{command[0]}: {what}", expression=lines[0] if lines else None, cure=cure)
