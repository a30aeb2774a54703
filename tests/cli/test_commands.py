"""The commands on formulas: what they print, write and refuse."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
import sympy as sp

import symdl as sd
from symdl.check.report import GradientReport
from symdl.cli import check
from symdl.cli.commands import COMMANDS
from symdl.cli.screen import show_source, show_table
from symdl.cli.text import expression, question
from symdl.errors import printable
from symdl.explain.documents.files import FORMATS
from symdl.express.walks import nodes, symbols_of

from .running import ran, refused

F = "sin(x**2*y)+exp(z)"


def test_derive_prints_the_derivation_of_the_library() -> None:
    assert ran("derive", F, "--wrt", "y").out == sd.derive(F, "y").text() + "\n"
    total = ran("derive", F, "--wrt", "x,y", "--form", "differential", "--depth", "key")
    assert total.out == sd.derive(F, ["x", "y"], form="differential", depth="key").text() + "\n"
    second = ran("derive", F, "--wrt", "y", "--order", "2", "--depth", "steps")
    assert second.out == sd.derive(F, "y", order=2, depth="all").text() + "\n"


def test_derive_reads_intermediates_tensors_and_standard_input() -> None:
    named = ran("derive", "z = w*x + b; (y - z)**2", "--wrt", "w").out
    assert "z = b + w·x" in named and "∂f/∂w = ∂(y - z)²/∂z·∂z/∂w" in named
    tensors = ran(
        "derive", "X: (n, d); y: n; w: d; L = sum((X @ w - y)**2)", "--wrt", "w", "--depth", "result"
    ).out
    assert "2·Xᵀ (X w - y)" in tensors
    assert "cos(x)" in ran("derive", "-", "--depth", "result", typed="sin(x)\n").out


def test_intermediates_that_double_are_put_in_once_each() -> None:
    lines = ["a0 = x*x + x", *(f"a{i + 1} = a{i}*a{i}/2 + a{i}" for i in range(60)), "a60"]
    whole = expression(question("\n".join(lines)))
    assert len(nodes(whole)) < 300 and symbols_of(whole) == {sp.Symbol("x")}


@pytest.mark.parametrize("ending", [e for e in FORMATS if e != ".pdf"])
def test_derive_writes_every_format(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"page{ending}"
    found = ran("derive", F, "--wrt", "y", "--to", str(path))
    assert found.code == 0 and not found.out and found.err == f"written: {path}\n"
    sd.derive(F, "y").save(tmp_path / f"other{ending}")
    assert path.read_bytes() == (tmp_path / f"other{ending}").read_bytes()


def test_nothing_is_written_if_a_later_file_cannot_be(tmp_path: Path) -> None:
    good = tmp_path / "a.tex"
    assert "use .tex" in refused(
        "derive", F, "--wrt", "y", "--to", str(good), "--to", str(tmp_path / "a.doc")
    )
    assert not list(tmp_path.iterdir())
    good.write_text("mine")
    assert "cannot be written" in refused("derive", F, "--wrt", "y", "--to", str(good / "b.tex"))
    assert good.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["derive", "sin(x"], "line 1 cannot be read"),
        (["derive", "x*y"], "it has x, y\n  cure: add --wrt x"),
        (["derive", "3"], "it has no symbols"),
        (["derive", "x*y", "--wrt", "q"], "nothing is called 'q'; it has x, y"),
        (["derive", "x", "--wrt", "x", "--order", "3"], "--order"),
        (["derive", "x", "--form", "spherical"], "spherical"),
        (
            ["derive", "-x**2", "--wrt", "x"],
            "an expression that begins with a minus stands at the end, after --",
        ),
        (["derive"], "Missing argument"),
        (["derive", "x^2"], "write x**2"),
        (["derive", "x" + "+x" * 1000], "use 2000 at most"),
        (["derive", "9**9**9**9"], "large"),
        (["derive", "sin(" * 70 + "x" + ")" * 70], "nested deeper than 60"),
        (["derive", "__import__('os').system('touch hacked')"], "cannot be part of an expression"),
        (["derive", "x.__class__"], "cannot be part of an expression"),
        (["derive", "open('x')"], "no known function"),
        (["kernel", "x", "--target", "abacus"], "use one of cpu, cuda, python"),
        (["kernel", "x", "--output"], "--output is for the file of a model"),
        (["kernel", "missing.safetensors"], "there is no file missing.safetensors"),
        (["check", "x*y", "--at", "x=1,q=2"], "no input is called 'q'"),
        (["check", "x*y", "--at", "x"], "'x' is not name=value"),
        (["check", "x*y", "--at", "x=y"], "x=y is no number"),
        (["check", "x*y", "--at", "x=1,x=2"], "--at has x twice"),
        (["check", "x*y", "--sizes", "n=2"], "no size is called 'n'\n  cure: leave it out"),
        (["check", "X: (n, 4); sum(X)", "--sizes", "m=2"], "no size is called 'm'\n  cure: there are n"),
        (["check", "X: (n, 4); sum(X)", "--sizes", "n=0"], "n=0 is no size\n  cure: write --sizes n=6,d=2"),
        (["check", "X: (n, 4); 2*X"], "cure: end with a number, such as sum(...)"),
        (["check", "3"], "there is nothing to differentiate"),
        (["check", "missing.safetensors"], "there is no file missing.safetensors"),
        (["levitate"], "there is no command 'levitate'\n  cure: there are derive, kernel"),
        (["deriv", "x"], "did you mean derive?"),
    ],
)
def test_bad_input_is_told_in_a_paragraph(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in refused(*arguments)
    assert not list(tmp_path.iterdir())


def test_debug_shows_where_wherever_it_stands() -> None:
    for arguments in (["--debug", "derive", "x*y"], ["derive", "x*y", "--debug"]):
        found = ran(*arguments)
        assert (
            found.code == 2
            and "Traceback" in found.err
            and "symdl: command: with respect to what?" in found.err
        )
    assert "Traceback" not in ran("derive", "--wrt", "x", "--", "--debug").err


def test_a_fault_of_symdl_has_its_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> object:
        raise ZeroDivisionError("oh\x1b[31m")

    monkeypatch.setattr(check, "check_gradients", broken)
    found = ran("check", "x")
    assert found.code == 3 and "ZeroDivisionError: oh\\x1b[31m; symdl --debug shows where" in found.err
    assert "please report this" in found.err and "Traceback" not in found.err


def test_kernels_are_those_of_compile(tmp_path: Path) -> None:
    x, y = sp.symbols("x y")
    made = sd.compile(sp.sin(x**2 * y), wrt=[y, x], target="python")
    assert ran("kernel", "sin(x**2*y)", "--wrt", "y,x", "--target", "python").out == made.source
    path = tmp_path / "step.c"
    found = ran(
        "kernel", "X: (n, 4); w: 4; L = sum((X @ w)**2)", "--wrt", "w", "--target", "c", "--to", str(path)
    )
    assert found.code == 0 and found.err.splitlines() == [
        f"written: {path}",
        f"written: {path.with_suffix('.h')}",
    ]
    assert '#include "step.h"' in path.read_text() and "int step(" in path.with_suffix(".h").read_text()
    alone = ran("kernel", "sin(x**2*y)", "--target", "py").out
    assert "from numba import njit" in alone and 'agree("value"' in alone
    alone = ran("kernel", "x**2", "--wrt", "x", "--target", "py").out
    assert "def kernel(" in alone and "import symdl" not in alone and "from symdl" not in alone
    half = ran("kernel", "x**2", "--dtype", "float32", "--target", "cuda").out
    assert "from symdl.run.cuda" in half and "float32" in half


def test_the_table_of_a_check_and_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ran("check", "sin(x**2*y)", "--at", "x=1.3", "--at", "y=pi/4")
    assert found.code == 0 and found.out.startswith("at x = 1.3, y = 0.785398\n") and "all agree" in found.out
    assert len(found.out.splitlines()) == 5
    assert ran("check", "sin(x**2*y)", "--seed", "1").out != ran("check", "sin(x**2*y)").out
    wrong = GradientReport(1.0, {"symbolic": {"x": 2.0}, "tape": {"x": 3.0}}, {"tape": 1e-9})  # type: ignore[dict-item]
    monkeypatch.setattr(check, "check_gradients", lambda *_, **__: wrong)
    found = ran("check", "x")
    assert found.code == 1 and "3 !" in found.out and "those marked with ! disagree" in found.out


def test_the_cache_is_shown_and_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path))
    monkeypatch.setenv("SYMDL_CACHE_MB", "7")
    ran("kernel", "x + 1", "--target", "python")
    (tmp_path / "notes.txt").write_text("mine")
    shown = ran("cache").out
    assert str(tmp_path) in shown and "at most 7 MB" in shown
    count = int(re.search(r"(\d+) files", shown)[1])  # type: ignore[index]
    assert count >= 1
    assert ran("cache", "--clean").out.startswith(f"removed {count} files")
    assert " 0 files" in ran("cache").out
    assert (tmp_path / "notes.txt").exists()


def test_info_names_every_library() -> None:
    rows = dict(line.split(None, 1) for line in ran("info").out.splitlines())
    assert (
        rows["symdl"] == sd.__version__ and {"numpy", "sympy", "numba", "[train]", "kernels"} <= rows.keys()
    )
    assert ran("--version").out == f"symdl {sd.__version__}\n"


def test_help_has_examples_and_exit_codes() -> None:
    whole = ran().out
    assert whole == ran("--help").out and "Exit codes: 0 all is well" in whole
    for name in COMMANDS:
        assert name in whole
        assert re.search(rf"Example.*symdl {name}", ran(name, "--help").out, re.DOTALL)


class Terminal(io.StringIO):
    """Looks like a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.parametrize("colour", [True, False])
def test_a_terminal_gets_colours_unless_it_wants_none(colour: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    show_source("def f(x):  # [red] is no colour\n    return x + 1\n", "python")
    show_table(("name", "value"), [("[bold]a", "1")])
    said = screen.getvalue()
    assert bool(re.search(r"\x1b\[[39]\d", said)) is colour
    plain = re.sub(r"\x1b\[[\d;]*m", "", said)
    assert plain.startswith("def f(x):  # [red] is no colour\n    return x + 1\n") and "[bold]a" in plain


def test_what_is_not_seen_is_spelled_out() -> None:
    assert printable("a\x1b]0;x\x07\u202eb\tc\n") == "a\\x1b]0;x\\x07\\u202eb\tc\n"
    text = sd.derive(F, "y").text()
    assert printable(text) == text
    said = refused("derive", "x", "--wrt", "\x1b[2J\u202ey")
    assert "\x1b" not in said and "\u202e" not in said and "\\x1b[2J" in said
    assert "\x1b" not in refused("derive", "x\x1b[31m") + refused("\x1b[31m") + refused(
        "check", "x", "--\x1b[31m"
    )
    assert "\x1b" not in refused("check", "x", "--at", "\x1b=1") + refused("kernel", "\x1b.safetensors")


@pytest.mark.parametrize("name", ["x_<script>", "x$%", "\\input{y}", "x&y", "{x}", "x\ny"])
def test_names_that_are_code_elsewhere_are_refused(name: str, tmp_path: Path) -> None:
    refused("derive", f"2*{name}", "--wrt", name, "--to", str(tmp_path / "a.tex"))
    assert not list(tmp_path.iterdir())


def test_letters_of_other_alphabets_reach_a_page_as_letters(tmp_path: Path) -> None:
    page = tmp_path / "a.json"
    assert ran("derive", "größe**2 + α_1", "--wrt", "größe", "--to", str(page)).code == 0
    assert "größe" in json.dumps(json.loads(page.read_text("utf-8")), ensure_ascii=False)
