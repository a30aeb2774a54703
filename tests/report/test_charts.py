"""Charts: round values at axes, points where they belong, nothing read as markup."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdl.report.charts import Axis, Series, chart, rounded_up


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_round_and_on_the_axis(low: float, length: float) -> None:
    axis = Axis("", low, low + length, False, 0.0, 100.0)
    ticks = axis.ticks()
    assert 1 <= len(ticks) <= 6
    for tick in ticks:
        assert -1e-3 <= axis.place(tick) <= 100 + 1e-3


@given(st.floats(1e-9, 1e9))
def test_steps_are_rounded_up(step: float) -> None:
    found = rounded_up(step)
    assert step * (1 - 1e-9) <= found <= 2.5 * step * (1 + 1e-9)
    lead = found / 10.0 ** math.floor(math.log10(found) + 1e-9)
    assert min(abs(lead - n) for n in (1, 2, 5, 10)) < 1e-6


@pytest.mark.parametrize("log", [False, True])
def test_points_lie_in_order_inside_and_what_is_no_number_is_left_out(log: bool) -> None:
    points = [(1.0, 8.0), (2.0, math.nan), (3.0, 4.0), (4.0, math.inf), (5.0, 1.0)]
    svg = chart("<a>", [Series("<b>", points)], x="<x>", y="y", log_y=log, mark=(3.0, "<m>"))
    way = re.findall(r'class="s0" d="M([\d.,\sL]+)"', svg)[-1]
    places = [tuple(map(float, place.split(","))) for place in way.split(" L")]
    assert len(places) == 3
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert [y for _, y in places] == sorted(y for _, y in places)  # downwards: values fall
    assert all(0 <= x <= 640 and 0 <= y <= 300 for x, y in places)
    for name in ("&lt;a&gt;", "&lt;b&gt;", "&lt;x&gt;", "&lt;m&gt;"):
        assert name in svg
    assert "nan" not in svg and "inf" not in svg


def test_nothing_is_drawn_of_nothing() -> None:
    assert chart("a", [Series("b", [(1.0, math.nan)])], x="x", y="y") == ""
    assert "<circle" in chart("a", [Series("b", [(1.0, 2.0)])], x="x", y="y")
