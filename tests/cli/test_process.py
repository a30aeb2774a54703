"""The command as a process of its own: pipes, encodings, and what is said where the extra is missing."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import symdl as sd
from symdl import __main__ as door

ROOT = Path(__file__).parents[2]


def started(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the command."""
    return subprocess.Popen(
        [sys.executable, "-m", "symdl", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


def test_it_answers_with_letters_that_the_pipe_has() -> None:
    process = started("derive", "sin(x)*α", "--wrt", "x", "--depth", "result", PYTHONIOENCODING="ascii")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0 and not err
    assert out.isascii() and "\\u" not in out and out == _ascii() + "\n"


def _ascii() -> str:
    return sd.derive("sin(x)*α", "x", depth="result").text(ascii=True)


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    process = started("kernel", "sin(x)", "--wrt", "x", "--target", "c")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=120) == 0 and not said


@pytest.mark.parametrize(("words", "wanted"), [("symdl de", "derive"), ("symdl derive --de", "--depth")])
def test_a_shell_can_complete_words(words: str, wanted: str) -> None:
    place = str(len(words.split()) - 1)
    asked = {"_SYMDL_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": place}
    out, err = started(**asked).communicate(timeout=120)
    assert out.split() == [wanted] and not err


def test_the_door_is_what_is_installed() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert scripts == {"symdl": f"{door.__name__}:{door.main.__name__}"}


def test_the_door_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    assert door.main() == 2
    said = capsys.readouterr()
    assert not said.out and 'pip install "symdl[cli]"' in said.err and "'typer'" in said.err
