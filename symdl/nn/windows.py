"""Windows that slide over axes: what convolution and pooling share.

Enters: sizes, kernel sizes, strides, paddings, dilations. Leaves: for each axis the position that a window
reads, ``stride*h + dilation*r - before``, its guard, and the size of the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import sympy as sp

from symdl.errors import ShapeError
from symdl.express.dims import Extent, Index, as_extent, at_most, is_whole
from symdl.express.equations import Divisible, Guard, InRange

Sizes: TypeAlias = int | Sequence[int]
"""One number for every axis, or one an axis."""

Padding: TypeAlias = str | int | Sequence[int] | Sequence[Sequence[int]]
"""One number, one an axis, ``(before, after)`` an axis, or ``"same"``: the output has the input's size."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window over one axis of `size` elements; with `ceil` the last one may reach beyond the padding."""

    size: Extent
    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1
    ceil: bool = False
    what: str = "a window"

    @property
    def span(self) -> int:
        """The number of elements from the first to the last that a window reads."""
        return self.dilation * (self.kernel - 1) + 1

    def count(self) -> Extent:
        """Return the number of places of the window.

        Raises:
            ShapeError: the window does not fit, or a stride meets a symbolic size.
        """
        room = sp.expand(self.size + sp.Integer(self.before + self.after - self.span))
        if not isinstance(self.size, int) and self.stride != 1:
            raise ShapeError(
                f"{self.what}: stride {self.stride} needs an integer size, not {self.size}",
                cure="declare that axis with a number, or use stride 1",
            )
        if not at_most(0, room):
            raise ShapeError(
                f"{self.what}: {self.span} elements of a window do not fit {self.size} elements with padding"
                f" ({self.before}, {self.after})",
                cure="use a smaller kernel or dilation, or more padding; axes are samples, channels, places:"
                " where channels come last, move them, such as by sd.transpose(x, (0, 3, 1, 2))",
            )
        if not room.is_Integer:
            return as_extent(room + 1)
        places, rest = divmod(int(room), self.stride)
        beyond = self.ceil and rest and (places + 1) * self.stride < int(self.size) + self.before
        return places + 2 if beyond else places + 1

    def position(self, place: Index, offset: Index) -> sp.Expr:
        """Return what the window at `place` reads for its own element `offset`."""
        return self.stride * place + self.dilation * offset - self.before

    def guards(self, place: Index, offset: Index) -> list[Guard]:
        """Return the guard that keeps the position inside the axis, none if it is without padding."""
        inside = not self.before and not self.after and not self.reaches_beyond
        return [] if inside else [InRange(sp.expand(self.position(place, offset)), self.size)]

    def read(self, place: Index, offset: Index) -> tuple[sp.Expr, list[Guard]]:
        """Return the element that is read, and where there is one."""
        return self.position(place, offset), self.guards(place, offset)

    @property
    def reaches_beyond(self) -> bool:
        """Say whether the last window reaches beyond the padding."""
        return self.ceil and self.count() != replace(self, ceil=False).count()

    def spread(self) -> Extent:
        """Return the size of the axis on which a transposed convolution spreads `size` elements."""
        full = sp.expand((self.size - sp.Integer(1)) * self.stride + self.span - self.before - self.after)
        if not at_most(1, full):
            raise ShapeError(
                f"{self.what}: the transposed convolution of {self.size} elements leaves {full}",
                cure="pad less",
            )
        return as_extent(full)

    def source(self, place: Index, offset: Index) -> tuple[sp.Expr, list[Guard]]:
        """Return the element whose window puts its element `offset` at `place`, and where there is one."""
        shifted = place + self.before - self.dilation * offset
        guards: list[Guard] = [] if self.stride == 1 else [Divisible(shifted, self.stride)]
        position = shifted if self.stride == 1 else sp.floor(sp.expand(shifted / self.stride))
        return position, [*guards, InRange(position, self.size)]


def place_names(axes: int) -> tuple[tuple[Index, ...], tuple[Index, ...]]:
    """Return index variables for the places of a window and for its own elements, one an axis each."""
    known = {1: ("t", "r"), 2: ("hw", "rs")}
    places, offsets = known.get(axes, (range(axes), range(axes)))
    if axes in known:
        return tuple(map(Index, places)), tuple(map(Index, offsets))  # type: ignore[arg-type]
    return tuple(Index(f"h{a}") for a in places), tuple(Index(f"r{a}") for a in offsets)


def windows(
    shape: Sequence[Extent],
    kernel: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    *,
    what: str,
    ceil: bool = False,
) -> tuple[Window, ...]:
    """Return a window for each axis of `shape`.

    Raises:
        ShapeError: a setting that is no positive number, or not one for each axis.
    """
    count = len(shape)
    kernels, strides, dilations = (
        _numbers(v, count, f"{what}: {n}")
        for v, n in ((kernel, "kernel_size"), (stride, "stride"), (dilation, "dilation"))
    )
    spans = [d * (k - 1) for k, d in zip(kernels, dilations, strict=True)]
    pairs = _pairs(padding, count, spans, strides, what)
    return tuple(
        Window(n, k, s, a, b, d, ceil, what)
        for n, k, s, (a, b), d in zip(shape, kernels, strides, pairs, dilations, strict=True)
    )


def extended(frames: Sequence[Window], more: Sizes, what: str) -> tuple[Window, ...]:
    """Return windows whose transpose has so many more elements at the end of each axis.

    Raises:
        ShapeError: a number that is negative, or neither below the stride nor below the dilation.
    """
    counts: tuple[Any, ...] = (more,) * len(frames) if is_whole(more) else tuple(as_sequence(more))
    limits = [max(f.stride, f.dilation) for f in frames]
    if len(counts) != len(frames) or not all(
        is_whole(m) and 0 <= m < limit for m, limit in zip(counts, limits, strict=True)
    ):
        cure = "it must be less than the stride or the dilation"
        raise ShapeError(f"{what}: output_padding = {more!r}", cure=cure)
    return tuple(replace(f, after=f.after - int(m)) for f, m in zip(frames, counts, strict=True))


def _numbers(value: Sizes, count: int, what: str) -> tuple[int, ...]:
    numbers: tuple[Any, ...] = (value,) * count if is_whole(value) else tuple(as_sequence(value))
    if len(numbers) != count or not all(is_whole(n) and n >= 1 for n in numbers):
        raise ShapeError(f"{what} = {value!r}", cure=f"pass a positive integer, or {count} of them")
    return tuple(int(n) for n in numbers)


def as_sequence(value: Any) -> Sequence[Any]:
    """Return a sequence as it is, and an empty one for what is none, which no layer accepts."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _pairs(
    padding: Padding, count: int, spans: Sequence[int], strides: Sequence[int], what: str
) -> list[tuple[int, int]]:
    if padding == "same":
        if any(s != 1 for s in strides):
            raise ShapeError(f"{what}: padding='same' needs stride 1")
        return [(span // 2, span - span // 2) for span in spans]
    entries: list[Any] = [padding] * count if is_whole(padding) else list(as_sequence(padding))
    pairs = [(e, e) if is_whole(e) else tuple(as_sequence(e)) for e in entries]
    if len(pairs) != count or not all(
        len(p) == 2 and all(is_whole(side) and side >= 0 for side in p) for p in pairs
    ):
        cure = f"pass an integer, {count} of them, a pair for each of {count} axes, or 'same'"
        raise ShapeError(f"{what}: padding = {padding!r}", cure=cure)
    return [(int(before), int(after)) for before, after in pairs]
