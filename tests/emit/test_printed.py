"""The printed tree and the macros that print it."""

from __future__ import annotations

from typing import get_args

import pytest

from symdl.emit import printed
from symdl.templating import template

NODES = get_args(printed.Printed)
ON_SAMPLES = {"simd_loop", "store_samples", "store_rows"}
BY_TEAMS = {"stride"}
DECLARED = {"declare"}
OF_PROGRAMS = {node.kind for node in get_args(printed.OfPrograms)}
LEFT_OUT = {
    "cpu": BY_TEAMS | DECLARED,
    "cuda": ON_SAMPLES | DECLARED,
    "python": ON_SAMPLES | BY_TEAMS | DECLARED,
}
"""What a target's kernels never hold."""


@pytest.mark.parametrize("target", [*sorted(LEFT_OUT), "c99"])
def test_a_target_has_a_macro_for_each_kind_of_node(target: str) -> None:
    kinds = [node.kind for node in NODES]
    assert len(set(kinds)) == len(kinds)
    say = template(f"{target}/statements.jinja").module.say  # type: ignore[attr-defined]
    assert set(say) == set(kinds) - OF_PROGRAMS - LEFT_OUT.get(target, ON_SAMPLES | BY_TEAMS)


@pytest.mark.parametrize("target", ["c99", "njit"])
def test_files_that_stand_alone_have_macros_for_what_is_between_kernels(target: str) -> None:
    kernels = {"njit": "python"}.get(target, target)
    inside, calls = (
        template(f"{name}.jinja").module for name in (f"{kernels}/statements", f"{target}/calls")
    )
    assert set(calls.say) == set(inside.say) | OF_PROGRAMS  # type: ignore[attr-defined]


@pytest.mark.parametrize("target", sorted(LEFT_OUT))
def test_blocks_are_printed_inside_blocks(target: str) -> None:
    let = printed.Let("            ", "y", "x * x")
    when = printed.When("        ", "0 <= i < n", (printed.Comment("            ", "y = x^2"), let))
    body = (printed.Loop("    ", "i", "n", (when,)), printed.Larger("    ", "a", "a_at", "y", "i", True))
    macros = template(f"{target}/statements.jinja").module
    assert macros.body(body).splitlines() == [  # type: ignore[attr-defined]
        "    for i in range(n):",
        "        if 0 <= i < n:",
        "            # y = x^2",
        "            y = x * x",
        "    if y > a or (y != y and a == a):",
        "        a = y",
        "        a_at = i",
    ]
    assert macros.body(()) == "    pass\n"  # type: ignore[attr-defined]
