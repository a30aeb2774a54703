"""Buffers in use at the same time do not overlap; states are updated in place where that is safe."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim
from symdl.express.operators import elementwise
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.lower.ir.integers import Size, constant, of
from symdl.lower.ir.names import TensorId
from symdl.lower.memory.buffers import ALIGNMENT, Buffer, arena
from tests.lowering import lower

n = Dim("n")


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 40), st.booleans()), max_size=14)
)
def test_buffers_in_use_do_not_overlap(spans: list[tuple[int, int, int, bool]]) -> None:
    buffers = [
        Buffer(TensorId(t), "arena", constant(size) * of(Size("n")), whole, min(a, b), max(a, b))
        for t, (a, b, size, whole) in enumerate(spans)
    ]
    offsets, length = arena(buffers, {"n": 3}, 4)
    places = [
        (start, start + max(1, 3 * size * (8 if whole else 4)))
        for start, (_, _, size, whole) in zip(offsets, spans, strict=True)
    ]
    assert all(start % ALIGNMENT == 0 and end <= length for start, end in places)
    for one, (a, b) in zip(buffers, places, strict=True):
        for other, (c, d) in zip(buffers, places, strict=True):
            if one is not other and one.first <= other.last and other.first <= one.last:
                assert b <= c or d <= a


def test_memory_is_used_again() -> None:
    h: Tensor = tensor("X", (n, 8))
    for layer in range(20):
        h = elementwise(lambda x: x + 1, h @ parameter(f"W{layer}", (8, 8)))
    plan = lower(collect([h.sum()])).plan
    _, length = arena(plan.buffers, {"n": 10}, 8)
    assert length <= 3 * 10 * 8 * 8


def test_an_update_of_the_same_element_is_in_place() -> None:
    W, G = parameter("W", (4, 3)), tensor("G", (4, 3))
    lowered = lower(collect([G.sum()], updates=[(W, W - G)]))
    assert len(lowered.plan.in_place) == 1
    assert all(b.kind != "arena" for b in lowered.plan.buffers)


def test_an_update_that_reads_other_elements_is_not() -> None:
    W = parameter("W", (4, 4))
    lowered = lower(collect([], updates=[(W, W.T)]))
    assert not lowered.plan.in_place
    assert len(lowered.calls) == 2  # the new value, then its copy


def test_a_later_reader_of_the_old_value_comes_before_the_update() -> None:
    W, X = parameter("W", (4, 4)), tensor("X", (n, 4))
    out = (X @ W).sum()
    lowered = lower(collect([out], updates=[(W, W * 2)]))
    assert len(lowered.plan.in_place) == 1
