"""Mutants: one fault each, in the place that is named, in modules that can still be read; how they end."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import symdl
from tests.mutants.__main__ import sample
from tests.mutants.mutate import mutants
from tests.mutants.results import Results
from tests.mutants.rooms import _OF_ROOM, ROOMS, files_for
from tests.mutants.workplace import TOO_SLOW, Chosen, Workplace

SOURCE = '''\
"""A comparison such as 1 < 2 in a docstring is none."""


@decorated(frozen=True)
def first(values: "int | None", größe: int = 3) -> bool:
    """Do."""
    for value in values:
        if (value
                < größe and value is not None):
            continue
        touch(value, "a + b", f"{1 + 1}")
    return -größe * 2 not in values
'''
FAULTS = {
    (5, "constant", "größe: int = 4"),
    (8, "condition", "if ((not (value"),
    (9, "comparison", "<= größe and"),
    (9, "connective", "größe or value"),
    (9, "comparison", "value is None"),
    (10, "statement", "            pass"),
    (11, "statement", "        pass"),
    (12, "sign", "(größe) * 2"),
    (12, "operator", "-größe + 2"),
    (12, "constant", "* 3 not in"),
    (12, "comparison", "2 in values"),
}


def test_every_fault_is_made_and_no_other() -> None:
    found = mutants(SOURCE)
    assert len(found) == len(FAULTS)
    for line, kind, text in FAULTS:
        assert any(
            m.line in (line, line - 1) and m.kind == kind and text in m.applied(SOURCE) for m in found
        ), text


def test_a_test_of_its_own_name_comes_first() -> None:
    assert files_for("symdl/lower/memory/buffers.py")[0] == "tests/lower/test_buffers.py"
    assert files_for("symdl/run/cuda/steps.py")[0] == "tests/cuda/test_steps.py"
    assert files_for("symdl/schedule/cost.py")[0] == "tests/schedule/test_cost.py"


def test_then_those_that_import_it_and_fast_ones_before_slow_ones() -> None:
    files = files_for("symdl/schedule/block_sizes.py")
    assert "tests/kinds/test_block_sizes.py" in files[:2]
    first, second = _OF_ROOM["schedule"][:2]
    for seconds in ({first: 9.0}, {second: 9.0}):
        files = files_for("symdl/schedule/cost.py", seconds)
        assert (files.index(first) < files.index(second)) is (second in seconds)


SIZES = [3, 8]


def test_a_sample_is_spread_over_the_rooms_and_begins_like_a_smaller_one() -> None:
    small, large = (sample(size, 5) for size in SIZES)
    assert large[: SIZES[0]] == small and [each.room for each in large] == [*ROOMS, *ROOMS[:3]]
    assert sample(SIZES[0], 6) != small


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    """A small checkout with a module, a test of it, and nothing in the cache."""
    tree = tmp_path / "place" / "tree"
    (tree / "counting").mkdir(parents=True)
    (tmp_path / "kernels").mkdir()
    (tree / "counting" / "count.py").write_text(
        "def down(n):\n    while n > 0:\n        n -= 1\n    return n + 0\n"
    )
    test = "from counting.count import down\n\ndef test_down():\n    assert down(3) == 0\n"
    (tree / "test_count.py").write_text(test)
    return Workplace(tmp_path / "place", tmp_path / "kernels")


@pytest.mark.parametrize(
    ("kind", "new", "want"),
    [
        ("comparison", "n >= 0", "FAILED test_count.py::test_down"),
        ("operator", "return n - 0", ""),
        ("statement", "        pass", TOO_SLOW),
    ],
)
def test_what_becomes_of_a_mutant(kind: str, new: str, want: str, place: Workplace) -> None:
    source = (place.home / "tree" / "counting" / "count.py").read_text()
    (mutant,) = [m for m in mutants(source) if m.kind == kind and new in m.applied(source)]
    found = place.outcome(
        Chosen("counting/count.py", mutant), ["test_count.py"], 3 if want == TOO_SLOW else 60
    )
    assert found == want
    assert (place.home / "tree" / "counting" / "count.py").read_text() == source


def test_results_go_on_from_where_they_were(tmp_path: Path) -> None:
    results = Results.read(tmp_path / "new" / "results.json")
    results.seconds["a.py"] = 1.0
    results.outcomes |= {"noticed": "a test", "survived": ""}
    results.write()
    again = Results.read(results.path)
    assert (again.seconds, again.outcomes) == (results.seconds, results.outcomes)
    results.tree = "another"
    results.write()
    assert (
        Results.read(results.path).outcomes == {"noticed": "a test"}
        and not Results.read(results.path).seconds
    )


@pytest.mark.parametrize("room", ROOMS)
def test_mutants_can_be_read_and_have_tests(room: str) -> None:
    root = Path(symdl.__file__).parent
    for path in sorted((root / room).rglob("*.py"))[::4]:
        source = path.read_text(encoding="utf-8")
        for mutant in mutants(source)[::20]:
            changed = mutant.applied(source)
            assert changed != source
            ast.parse(changed)
        for wanted in files_for(f"symdl/{path.relative_to(root).as_posix()}"):
            assert (root.parent / wanted).exists(), wanted
