"""How often the kernels of a bridge are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from symdl.interop.derivatives import Differentiable


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Differentiable]:
    """Return a list to which each call from now on adds the function that is called."""
    calls: list[Differentiable] = []
    call = Differentiable.__call__

    def noted(self: Differentiable, values: Sequence[Any], **options: Any) -> tuple[Any, ...]:
        calls.append(self)
        return call(self, values, **options)

    monkeypatch.setattr(Differentiable, "__call__", noted)
    return calls
