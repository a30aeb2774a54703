"""The examples of docs/command-line.md are run, in order, in one folder, and print what stands there.

A block of the kind ``toml`` whose first line is a comment with a file's name is that file. Lines that begin
with ``$`` are run; ``...`` in their output stands for anything. With ``--update`` what is printed is written
into the page, where that is not what it shows.
"""

from __future__ import annotations

import csv
import doctest
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris

from symdl.cli.config.data import _KINDS as DATA
from symdl.cli.config.experiment import _ENDINGS, _TRAINING
from symdl.cli.config.layers import ACTIVATIONS, LAYERS
from symdl.cli.config.learning import _OPTIMIZERS, _SCHEDULES, LOSSES

from .running import ran

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
BLOCK = re.compile(r"^```(console|toml)\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\$ (?P<line>.*)\n(?P<shown>(?:(?!\$ ).*\n)*)", re.MULTILINE)


def flowers(path: Path) -> None:
    """Write the data that the page speaks of."""
    bunch = load_iris()
    with open(path, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["sepal_length", "sepal_width", "petal_length", "petal_width", "species"])
        named = bunch.target_names[bunch.target]
        rows.writerows([*row, name] for row, name in zip(bunch.data, named, strict=True))


def decay(path: Path) -> None:
    """Write the measurements that the page speaks of."""
    x = np.linspace(0, 5, 40)
    y = 2.5 * np.exp(-1.3 * x) + 0.5 + np.random.default_rng(0).normal(0, 0.02, 40)
    path.write_text(
        "x,y,dy\n" + "".join(f"{a:.4g},{b:.5g},0.02\n" for a, b in zip(x, y, strict=True)), "utf-8"
    )


def run(block: str, failed: list[str]) -> str:
    """Run the commands of a block; return it with what they print; add those that print something else."""

    def one(found: re.Match[str]) -> str:
        program, *arguments = shlex.split(found["line"].partition(" ; echo")[0])
        assert program == "symdl"
        result = ran(*arguments)
        said = re.sub(r" +$", "", result.both, flags=re.MULTILINE)
        said += f"{result.code}\n" if found["line"].endswith("; echo $?") else ""
        if doctest.OutputChecker().check_output(found["shown"], said, doctest.ELLIPSIS):
            return found[0]
        failed.append(f"$ {found['line']}\n{said}")
        return f"$ {found['line']}\n{said}"

    return COMMAND.sub(one, block)


def blocks(page: str, folder: Path, failed: list[str]) -> Iterator[str]:
    """Yield the page in pieces, as its commands would have it."""
    end = 0
    for found in BLOCK.finditer(page):
        yield page[end : found.start()]
        end = found.end()
        kind, text = found.groups()
        if kind == "console":
            yield f"```console\n{run(text, failed)}```\n"
        else:
            (folder / text.splitlines()[0].removeprefix("# ")).write_text(text, "utf-8")
            yield found[0]
    yield page[end:]


def test_the_page_shows_what_commands_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    monkeypatch.chdir(tmp_path)
    flowers(tmp_path / "iris.csv")
    decay(tmp_path / "decay.csv")
    failed: list[str] = []
    new = "".join(blocks(PAGE.read_text("utf-8"), tmp_path, failed))
    if pytestconfig.getoption("--update"):
        PAGE.write_text(new, "utf-8")
    else:
        assert not failed, "\n".join(failed)


def test_the_page_has_every_setting() -> None:
    page = PAGE.read_text("utf-8")
    tables = (DATA, _TRAINING, _ENDINGS, LAYERS, ACTIVATIONS, LOSSES)
    options = {name for layer in LAYERS.values() for name in layer.options}
    options |= {loss.option for loss in LOSSES.values() if loss.option}
    names = {name for table in tables for name in table} | options
    missing = sorted(name for name in names if f"`{name}`" not in page)
    missing += [name for name in (*_OPTIMIZERS, *_SCHEDULES) if not re.search(rf"[`{{ ]{name}[` ]", page)]
    assert not missing
