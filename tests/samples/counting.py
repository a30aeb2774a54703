"""Which samples there are of an operator, and how they go.

The operators and their samples are those by which PyTorch tests itself (`op_db`), in float64. Of an operator
with more than `MOST` samples so many are taken, evenly from all.
"""

from __future__ import annotations

import functools
import json
import random
import warnings
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .sample import Verdict, judge
from .spellings import ALL
from .why import WHY

MOST = 16


@functools.cache
def operators() -> dict[str, Any]:
    """Return PyTorch's descriptions of its operators by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    import torch

    return {op.full_name: op for op in op_db if torch.float64 in op.dtypes}


def samples(name: str) -> list[Any]:
    """Return the samples of an operator, the same ones whenever it is called."""
    import torch

    op = operators()[name]
    seed = zlib.crc32(name.encode())
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(op.sample_inputs("cpu", torch.float64, requires_grad=op.supports_autograd))
    if len(found) <= MOST:
        return found
    return [found[i * len(found) // MOST] for i in range(MOST)]


def verdict(name: str, sample: Any, *, target: str | None = None) -> Verdict:
    """Return how one sample goes; what fails in another way than by an error of symdl differs."""
    try:
        return judge(ALL[name], operators()[name], sample, target=target)
    except Exception as error:
        return Verdict("differs", f"{type(error).__name__}: {error}".split("\n")[0])


EMPTY = "not expressible: an axis of no elements"
"""Sizes are at least 1: these samples do not apply."""
FILE = Path(__file__).with_name("exceptions.json")

Row = dict[str, Any]
"""How many ``samples`` an operator has, and under ``exceptions`` which do not agree, by reason."""


def counted(name: str, verdicts: Sequence[Verdict]) -> Row:
    """Return the row of an operator."""
    exceptions: dict[str, list[int]] = {}
    for number, v in enumerate(verdicts):
        if v.kind != "agrees":
            reason = f"differs: {WHY[name]}" if v.kind == "differs" and name in WHY else str(v)
            exceptions.setdefault(reason, []).append(number)
    return {"samples": len(verdicts)} | ({"exceptions": exceptions} if exceptions else {})


def share(table: Mapping[str, Row]) -> tuple[int, int]:
    """Return how many samples agree, and how many apply."""
    all_of_them = sum(row["samples"] for row in table.values())
    reasons: Counter[str] = Counter()
    for row in table.values():
        reasons.update({reason: len(places) for reason, places in row.get("exceptions", {}).items()})
    applying = all_of_them - reasons[EMPTY]
    return applying - (reasons.total() - reasons[EMPTY]), applying


def summary(table: Mapping[str, Row]) -> list[str]:
    """Return the totals as text."""
    agree, apply = share(table)
    empty = sum(row["samples"] for row in table.values()) - apply
    return [
        f"{len(table)} operators: {agree} of {apply} samples agree ({agree / max(apply, 1):.2%});",
        f"{empty} more have an axis of no elements",
    ]


def kept() -> dict[str, Row]:
    """Return the table as it is kept."""
    found: dict[str, Row] = json.loads(FILE.read_text())
    return found


def write(table: Mapping[str, Row]) -> None:
    """Keep a table."""
    lines = (f"{json.dumps(name)}: {json.dumps(row)}" for name, row in table.items())
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
