"""PyTorch's own sample inputs, as `python -m tests.samples` counts them all."""

from __future__ import annotations

import os
import zlib

import pytest

from .counting import counted, kept, operators, samples, share, verdict
from .spellings import ALL
from .why import WHY
from .without import WITHOUT

pytest.importorskip("torch")
pytest.importorskip("expecttest")  # PyTorch's list of its operators imports it
pytestmark = pytest.mark.torch

FEW = 2 if os.environ.get("CI") else 6
GROUPS = 40


def test_nearly_all_samples_agree_and_every_other_one_is_listed() -> None:
    agree, apply = share(kept())
    assert agree >= 0.97 * apply


def test_every_operator_has_a_spelling_or_a_word_why_not() -> None:
    assert not ALL.keys() & WITHOUT.keys()
    assert ALL.keys() | WITHOUT.keys() == operators().keys()
    assert kept().keys() == ALL.keys()


def test_every_difference_is_explained() -> None:
    listed = kept()
    differing = {
        name for name, row in listed.items() for why in row.get("exceptions", {}) if "differs" in why
    }
    assert differing == WHY.keys()


@pytest.mark.parametrize("group", range(GROUPS))
def test_samples_go_as_listed(group: int) -> None:
    for name in kept():
        if zlib.crc32(name.encode()) % GROUPS != group:
            continue
        row, found = kept()[name], samples(name)
        assert row["samples"] == len(found), name
        why = {n: reason for reason, places in row.get("exceptions", {}).items() for n in places}
        few = sorted(range(len(found)), key=lambda n: zlib.crc32(f"{name} {n}".encode()))[:FEW]
        for n in few:
            got = counted(name, [verdict(name, found[n])]).get("exceptions", {})
            assert bool(got) == (n in why), f"{name}, sample {n}: {got or 'agrees'}, listed {why.get(n)}"
