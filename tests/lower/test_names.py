"""Names in loops are data: a pass asks types and fields, and how they are written stands in one place."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from symdl.lower.ir.integers import Element, Poly, Size, constant, floor, key, mod, of
from symdl.lower.ir.names import LANE, ROW, Copies, Index, Local, LoopVar, Param, Slot, Var, Variable

numbers = st.integers(0, 12)
copies = st.lists(st.tuples(st.sampled_from(["row", "range", "step", "each", "read"]), numbers), max_size=2)
NAMES = st.one_of(
    st.builds(Index, numbers),
    st.builds(LoopVar, numbers, copies.map(tuple)),
    st.builds(Local, numbers, copies.map(tuple), st.sampled_from(["value", "position"])),
    st.sampled_from([LANE, ROW]),
)


@given(st.lists(NAMES, max_size=6))
def test_what_is_written_tells_names_apart(names: list[Variable]) -> None:
    assert all(isinstance(name, Var) for name in names)
    assert len({str(name) for name in names}) == len(set(names)) == len({key(name) for name in names})


@given(st.lists(st.one_of(NAMES, st.builds(Param, numbers), st.just(Size("n"))), min_size=2, max_size=4))
def test_sums_and_products_have_one_order(names: list[Variable]) -> None:
    made: list[tuple[Poly, Poly]] = []
    for order in permutations(names):
        total, product = constant(0), constant(1)
        for name in order:
            total, product = total + of(name), product * of(name)
        made.append((total, product))
    assert made == made[:1] * len(made)
    assert all(hash(total) == hash(made[0][0]) for total, _ in made)


def test_many_names_are_ordered_by_number() -> None:
    total = of(LoopVar(10)) + of(LoopVar(9)) + of(LoopVar(2))
    assert [str(monomial[0]) for monomial, _ in total.terms] == ["i2", "i9", "i10"]


def test_everything_in_a_position_has_an_order() -> None:
    i, n = of(LoopVar(0)), of(Param(0))
    parts = [i, n, floor(i, n), mod(i, n), floor(i + 1, n), of(Element(Slot(0), i)), of(Element(Slot(1), n))]
    sums = {sum(order, constant(0)) for order in permutations(parts[:5])}
    assert len(sums) == 1
    assert len({sum(order, constant(0)) for order in permutations(parts[2:])}) == 1


def test_locals_and_their_copies() -> None:
    best: Local = Local(3)
    assert best.position.value == best != best.position
    assert str(best.position) == "x3_at" and str(best.copy("step", 2).position) == "x3s2_at"
    reasons: Copies = (("row", 1), ("step", 4))
    assert best.copy("row", 1).copy("step", 4) == Local(3, reasons)
    assert best.is_step(best) and best.copy("step", 0).is_step(best)
    assert best.copy("step", 0).copy("step", 1).is_step(best.copy("step", 0))
    assert not best.copy("read", 0).is_step(best) and not best.is_step(best.copy("step", 0))
    assert not Local(4).copy("step", 0).is_step(best)
