"""Positions in the order of their keys, on a device.

Enters: keys, and room. Leaves: `sort`, which launches the kernels below; what they leave says
`symdl.lower.equations.sorting`. What is sorted are pairs of a key and its position, in one number.

A warp has a stretch of positions and takes 32 of them at a time, in order. Its threads find out by votes
which of them have the same digit, so that no order depends on who is faster: there are no atomics. Few
positions are sorted by one block in one launch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdl.errors import ArgumentError
from symdl.lower.equations.sorting import ALONE, BITS, DIGITS, PIECE, SEGMENT, STRETCH, passes
from symdl.run.cuda.choice import BLOCK, WARP
from symdl.run.cuda.compiler import cuda, inlined
from symdl.run.cuda.launching import Launcher
from symdl.run.cuda.numbers import block, blocks, thread, threads

_ALL = np.uint32(0xFFFFFFFF)
_ONE_BLOCK = 512
"""Threads of the block that sorts alone."""
_MOST = 1 << 31
"""Positions, or keys, that are too many."""
_WARPS, _MOST_WARPS = BLOCK // WARP, _ONE_BLOCK // WARP
_TABLE, _LARGE_TABLE = _WARPS * DIGITS, _MOST_WARPS * DIGITS


@inlined
def pair_of(key: Any, position: Any, below: Any) -> Any:
    """Return a key and its position in one number; `below` stands for no key."""
    if key < 0 or key >= below:
        key = below
    return (key << 32) + position


@inlined
def digit_at(pairs: Any, at: Any, end: Any, shift: Any) -> Any:
    """Return a digit of the key at a place, or one that no key has behind the end."""
    return (pairs[at] >> shift) & (DIGITS - 1) if at < end else np.int64(DIGITS)


@inlined
def alike(digit: Any) -> Any:
    """Return, one bit a thread, which threads of the warp have the same digit."""
    found = _ALL
    for bit in range(BITS + 1):
        ones = cuda.ballot_sync(_ALL, (digit >> bit) & 1)
        found &= ones if (digit >> bit) & 1 else ~ones
    return np.uint32(found)


@inlined
def before(mask: Any) -> Any:
    """Return how many of these threads come before this one."""
    below = (np.uint32(1) << np.uint32(thread() % WARP)) - np.uint32(1)
    return np.int64(cuda.popc(np.uint32(mask & below)))


@inlined
def clear(table: Any, size: Any) -> None:
    """Set counts to zero; all threads of the block."""
    at = thread()
    while at < size:
        table[at] = np.int32(0)
        at += threads()
    cuda.syncthreads()


@inlined
def count_digits(table: Any, pairs: Any, begin: Any, end: Any, shift: Any) -> None:
    """Count the digits of a warp's stretch in its row of a table."""
    row = thread() // WARP * DIGITS
    while begin < end:
        digit = digit_at(pairs, begin + thread() % WARP, end, shift)
        mask = alike(digit)
        if digit < DIGITS and before(mask) == 0:
            table[row + digit] += np.int32(cuda.popc(mask))
        cuda.syncwarp()
        begin += WARP


@inlined
def place_digits(table: Any, pairs: Any, target: Any, begin: Any, end: Any, shift: Any) -> None:
    """Put the pairs of a warp's stretch where its row of a table says, one behind the other."""
    row = thread() // WARP * DIGITS
    while begin < end:
        at = begin + thread() % WARP
        digit = digit_at(pairs, at, end, shift)
        mask = alike(digit)
        rank = before(mask)
        if digit < DIGITS:
            target[np.int64(table[row + digit]) + rank] = pairs[at]
        cuda.syncwarp()
        if digit < DIGITS and rank == 0:
            table[row + digit] += np.int32(cuda.popc(mask))
        cuda.syncwarp()
        begin += WARP


@inlined
def sum_before(value: Any, room: Any) -> Any:
    """Return what the threads before this one hold together; `room` has a place for each warp."""
    total = value
    for power in range(5):
        other = cuda.shfl_up_sync(_ALL, total, 1 << power)
        if thread() % WARP >= 1 << power:
            total += other
    if thread() % WARP == WARP - 1:
        room[thread() // WARP] = total
    cuda.syncthreads()
    for warp in range(thread() // WARP):
        total += room[warp]
    cuda.syncthreads()
    return total - value


def pair_kernel(keys: Any, pairs: Any, count: int, below: int, first: int) -> None:
    """Make pairs."""
    at = block() * threads() + thread()
    while at < count:
        pairs[at] = pair_of(keys[at] - first, at, np.int64(below))
        at += blocks() * threads()


def count_kernel(pairs: Any, counts: Any, count: int, shift: int, stretches: int) -> None:
    """Count the digits of every stretch: those of one digit lie side by side."""
    table = cuda.shared.array(_TABLE, np.int32)
    first = block() * _WARPS
    while first < stretches:
        clear(table, _TABLE)
        mine = first + thread() // WARP
        begin = mine * STRETCH
        count_digits(table, pairs, begin, min(begin + STRETCH, np.int64(count)), np.int64(shift))
        if mine < stretches:
            at = thread() % WARP
            while at < DIGITS:
                counts[at * stretches + mine] = np.int64(table[thread() // WARP * DIGITS + at])
                at += WARP
        cuda.syncthreads()
        first += blocks() * _WARPS


def add_kernel(counts: Any, stretches: int) -> None:
    """Turn the counts of each digit into those of all stretches before; their sums stand behind all."""
    digit = (block() * threads() + thread()) // WARP
    while digit < DIGITS:
        total, begin = np.int64(0), np.int64(0)
        while begin < stretches:
            at = begin + thread() % WARP
            value = counts[digit * stretches + at] if at < stretches else np.int64(0)
            running = value
            for power in range(5):
                other = cuda.shfl_up_sync(_ALL, running, 1 << power)
                if thread() % WARP >= 1 << power:
                    running += other
            if at < stretches:
                counts[digit * stretches + at] = total + running - value
            total += cuda.shfl_sync(_ALL, running, WARP - 1)
            begin += WARP
        if thread() % WARP == 0:
            counts[DIGITS * np.int64(stretches) + digit] = total
        digit += blocks() * threads() // WARP


def place_kernel(pairs: Any, target: Any, counts: Any, count: int, shift: int, stretches: int) -> None:
    """Put every pair where its digit and its stretch say; a block has as many threads as there are digits."""
    table = cuda.shared.array(_TABLE, np.int32)
    room = cuda.shared.array(WARP, np.int64)
    base = sum_before(counts[DIGITS * np.int64(stretches) + thread()], room)
    first = block() * _WARPS
    while first < stretches:
        for warp in range(min(np.int64(_WARPS), stretches - first)):
            begin = base + counts[thread() * stretches + first + warp]
            table[warp * DIGITS + thread()] = np.int32(begin)
        cuda.syncthreads()
        begin = (first + thread() // WARP) * STRETCH
        end = min(begin + STRETCH, np.int64(count))
        place_digits(table, pairs, target, begin, end, np.int64(shift))
        cuda.syncthreads()
        first += blocks() * _WARPS


def sort_kernel(keys: Any, pairs: Any, target: Any, count: int, below: int, first: int, digits: int) -> None:
    """Do all of that in one block; the last pass writes to `target` if there is an odd number of them."""
    table = cuda.shared.array(_LARGE_TABLE, np.int32)
    room = cuda.shared.array(WARP, np.int64)
    at = thread()
    while at < count:
        pairs[at] = pair_of(keys[at] - first, at, np.int64(below))
        at += threads()
    stretch = (count + threads() - 1) // threads() * WARP
    begin = thread() // WARP * stretch
    end = min(begin + stretch, np.int64(count))
    shift = np.int64(32)
    while shift < 32 + BITS * np.int64(digits):
        clear(table, _LARGE_TABLE)  # behind which pairs are seen by all
        count_digits(table, pairs, begin, end, shift)
        cuda.syncthreads()
        total = np.int64(0)
        if thread() < DIGITS:
            for warp in range(_MOST_WARPS):
                total += table[warp * DIGITS + thread()]
        base = sum_before(total, room)
        if thread() < DIGITS:
            for warp in range(_MOST_WARPS):
                here = np.int64(table[warp * DIGITS + thread()])
                table[warp * DIGITS + thread()] = np.int32(base)
                base += here
        cuda.syncthreads()
        place_digits(table, pairs, target, begin, end, shift)
        pairs, target = target, pairs
        shift += BITS
        cuda.syncthreads()


@inlined
def first_with(pairs: Any, count: Any, key: Any) -> Any:
    """Return where the pairs with this or a larger key begin: a binary search."""
    low, high = np.int64(0), np.int64(count)
    while low < high:
        middle = (low + high) // 2
        if pairs[middle] >> 32 < key:
            low = middle + 1
        else:
            high = middle
    return low


def result_kernel(pairs: Any, segments: Any, order: Any, count: int, below: int) -> None:
    """Write the positions of sorted pairs, and of each key where they begin and end, and whole pieces do."""
    at = block() * threads() + thread()
    while at < count or at < below:
        if at < count:
            order[at] = pairs[at] & 0xFFFFFFFF
        if at < below:
            begin, end = first_with(pairs, count, at), first_with(pairs, count, at + 1)
            piece = (begin + PIECE - 1) // PIECE
            last = max(piece, end // PIECE)
            segments[at * SEGMENT] = begin
            segments[at * SEGMENT + 1] = min(piece * PIECE, end)
            segments[at * SEGMENT + 2] = piece
            segments[at * SEGMENT + 3] = last
            segments[at * SEGMENT + 4] = min(last * PIECE, end)
            segments[at * SEGMENT + 5] = end
        at += blocks() * threads()


def sort(
    launcher: Launcher, keys: int, order: int, segments: int, *, count: int, below: int, first: int
) -> None:
    """Sort `count` positions by their keys, which lie at an address, as the other two do.

    Raises:
        ArgumentError: there are too many for a position and a key in one number.
    """
    if max(count, below) >= _MOST:
        raise ArgumentError(
            f"{count} positions among {below} elements cannot be sorted: each must be less than {_MOST}",
            cure="pass fewer samples at a time",
        )
    pairs, target = order + 8 * count, order + 16 * count
    counts, digits = order + 24 * count, passes(below)
    pointer, number = "int64*", "uint32"
    if count <= ALONE:
        kinds = (pointer, pointer, pointer, *[number] * 2, "int64", number)
        given = (keys, pairs, target, count, below, first, digits)
        launcher.launch(sort_kernel, kinds, given, grid=1, block=_ONE_BLOCK)
    else:
        stretches = -(-count // STRETCH)
        grid = launcher.blocks(-(-count // BLOCK))
        made = (keys, pairs, count, below, first)
        launcher.launch(pair_kernel, (pointer, pointer, number, number, "int64"), made, grid=grid)
        grid = launcher.blocks(-(-stretches // _WARPS))
        for digit in range(digits):
            source, other = (pairs, target) if digit % 2 == 0 else (target, pairs)
            shift = 32 + BITS * digit
            several = (count, shift, stretches)
            kinds = (pointer, pointer, *[number] * 3)
            launcher.launch(count_kernel, kinds, (source, counts, *several), grid=grid)
            launcher.launch(add_kernel, (pointer, number), (counts, stretches), grid=DIGITS // _WARPS)
            kinds = (pointer, pointer, pointer, *[number] * 3)
            launcher.launch(place_kernel, kinds, (source, other, counts, *several), grid=grid)
    grid = launcher.blocks(-(-max(count, below) // BLOCK))
    last = (target if digits % 2 else pairs, segments, order, count, below)
    launcher.launch(result_kernel, (pointer, pointer, pointer, number, number), last, grid=grid)
