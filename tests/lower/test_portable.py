"""What lowering leaves is the same after a way through data."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symdl.emit.launch_list import launch_list
from symdl.emit.source import module_source
from symdl.errors import InternalError
from symdl.lower import portable
from symdl.lower.ir.scalars import Body, Node
from symdl.lower.lowered import Lowered
from symdl.lower.pipeline import lower
from symdl.targets import TARGETS
from tests.emit.test_shapes import SHAPES


def through(value: Any) -> Any:
    return portable.read(json.loads(json.dumps(portable.written(value))))


@pytest.mark.parametrize("target", sorted(TARGETS))
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_lowered_programs_come_back(name: str, target: str) -> None:
    found = TARGETS[target]
    lowered = lower(SHAPES[name](), lowering=found.lowering, batch="n" if name == "samples" else "")
    back = through(lowered)
    assert isinstance(back, Lowered)
    for field in dataclasses.fields(Lowered):
        if field.name != "program":  # programs are equal only if they are one object
            assert getattr(back, field.name) == getattr(lowered, field.name), field.name
    assert portable.written(back) == portable.written(lowered)
    assert back.structures == lowered.structures
    assert launch_list(back) == launch_list(lowered)
    printed = [module_source(each, syntax=found.syntax, dtype="float32") for each in (lowered, back)]
    assert printed[0] == printed[1]


leaves = (
    st.integers()
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False)
    | st.text()
    | st.fractions()
    | st.builds(lambda op, value: Body((Node(op, (), value),)), st.text(max_size=3), st.fractions())
)
values = st.recursive(
    leaves,
    lambda each: (
        st.lists(each, max_size=4).map(tuple)
        | st.dictionaries(st.integers() | st.text(max_size=3), each, max_size=3)
    ),
    max_leaves=12,
)


def typed(value: object) -> object:
    """A value with the types of all parts: 1 is no True, 0.0 no -0.0."""
    if isinstance(value, tuple):
        return "tuple", *map(typed, value)
    if isinstance(value, dict):
        return "dict", *((typed(k), typed(v)) for k, v in value.items())
    return type(value), repr(value)


@settings(max_examples=20)
@given(values)
def test_values_keep_their_types(value: object) -> None:
    assert typed(through(value)) == typed(value)


def test_equal_parts_are_one_object() -> None:
    body = Body((Node("const", (), Fraction(1, 3)),))
    first, second = through((body, Body((Node("const", (), Fraction(1, 3)),))))
    assert first is second
    assert first == body


def test_only_kinds_of_this_stage_have_a_form_and_are_made() -> None:
    with pytest.raises(InternalError, match="Path"):
        portable.written((Path(),))
    with pytest.raises(InternalError, match="kind"):
        portable.read([["plain", "x"], ["Popen", 0]])
