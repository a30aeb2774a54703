"""The loops over the launch list, the same for every target.

Enters: what a target does its own way, such as how it finds an array. Leaves: functions of the launch list
(`symdl.emit.operations`), of the places of all buffers, and of all sizes and factors. Targets that compile
them take them as they are here; in plain Python one can step through them.

A place is what a target knows of an array; `real_at` and `integer_at` turn it into one that can be indexed,
and `first_of` does that with the vectors that Python passes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symdl.emit.operations import Operation

Function = Callable[..., Any]


def multiply_loop(*, real: Any, real_at: Function, multiply_matrices: Function) -> Function:
    """Return what does a row of matrix products; `real` is the type of reals."""

    def multiply(line: Any, pointers: Any, sizes: Any, factors: Any, blas: Any) -> None:
        left, right, result = (
            real_at(pointers[line[1]]),
            real_at(pointers[line[2]]),
            real_at(pointers[line[3]]),
        )
        factor = real(factors[line[4]])
        m, n, k = sizes[line[6]], sizes[line[7]], sizes[line[8]]
        left_lead, right_lead, lead = sizes[line[9]], sizes[line[10]], sizes[line[11]]
        for p in range(sizes[line[12]]):
            for q in range(sizes[line[13]]):
                a = sizes[line[14]] + p * sizes[line[17]] + q * sizes[line[20]]
                b = sizes[line[15]] + p * sizes[line[18]] + q * sizes[line[21]]
                c = sizes[line[16]] + p * sizes[line[19]] + q * sizes[line[22]]
                if m > 0 and n > 0 and k > 0:
                    multiply_matrices(
                        blas,
                        line[5],
                        m,
                        n,
                        k,
                        factor,
                        left,
                        a,
                        left_lead,
                        right,
                        b,
                        right_lead,
                        result,
                        c,
                        lead,
                    )
                else:
                    for i in range(m):
                        for j in range(n):
                            result[c + i * lead + j] = real(0.0)

    return multiply


def gather_single_loop(*, disjoint: Function, gather_eight: Function) -> Function:
    """Return ``target[i] = source[order[first + i]]``; `disjoint` tells that arrays do not overlap."""

    def gather_single(source: Any, target: Any, order: Any, first: int, count: int) -> None:
        disjoint()
        if count < 8:
            for i in range(count):
                target[i] = source[order[first + i]]
        else:  # the last eight may be gathered in part twice
            for i in range(0, count - 8, 8):
                gather_eight(target, i, source, order, first + i)
            gather_eight(target, count - 8, source, order, first + count - 8)

    return gather_single


def gather_loop(*, disjoint: Function, copy_four: Function) -> Function:
    """Return ``target[i] = source[order[first + i]]``, `width` elements from `column` on.

    Samples have `lead` elements in both.
    """

    def gather(
        source: Any, target: Any, order: Any, first: int, count: int, width: int, lead: int, column: int
    ) -> None:
        disjoint()
        if 4 <= width <= 32:  # four at a time; the last four may be gathered in part twice
            for i in range(count):
                start = order[first + i] * lead + column
                for j in range(0, width - 4, 4):
                    copy_four(target, i * lead + j, source, start + j)
                copy_four(target, i * lead + width - 4, source, start + width - 4)
        else:
            for i in range(count):
                start = order[first + i] * lead + column
                for j in range(width):
                    target[i * lead + j] = source[start + j]

    return gather


def combine_loop(*, plus: Function) -> Function:
    """Return what adds the first `count` elements of each part to those of an array."""

    def combine(target: Any, parts: Any, count: int, number: int, distance: int) -> None:
        for part in range(number):
            for i in range(count):
                target[i] = plus(target[i], parts[part * distance + i])

    return combine


def combine_row(*, array_at: Function, combine: Function) -> Function:
    """Return what does a row of `Operation.COMBINE`, or of its twin, with a `combine_loop`."""

    def combine_parts(line: Any, pointers: Any, sizes: Any, _factors: Any, _table: Any) -> None:
        target, parts = array_at(pointers[line[1]]), array_at(pointers[line[2]])
        combine(target, parts, sizes[line[3]], sizes[line[4]], sizes[line[5]])

    return combine_parts


def gather_single_row(*, array_at: Function, integer_at: Function, gather: Function) -> Function:
    """Return what does a row of `Operation.GATHER_SINGLE_REALS`, or of its twin, with a
    `gather_single_loop`."""

    def gather_samples(line: Any, pointers: Any, sizes: Any, _factors: Any, _table: Any) -> None:
        source, target = array_at(pointers[line[1]]), array_at(pointers[line[2]])
        gather(source, target, integer_at(pointers[line[3]]), sizes[line[4]] + line[5], line[6])

    return gather_samples


def gather_row(*, array_at: Function, integer_at: Function, gather: Function) -> Function:
    """Return what does a row of `Operation.GATHER_REALS`, or of its twin, with a `gather_loop`."""

    def gather_samples(line: Any, pointers: Any, sizes: Any, _factors: Any, _table: Any) -> None:
        source, target = array_at(pointers[line[1]]), array_at(pointers[line[2]])
        order, first = integer_at(pointers[line[3]]), sizes[line[4]] + line[5]
        gather(source, target, order, first, line[6], line[7], line[8], line[9])

    return gather_samples


def total_row(*, real_at: Function, total_at: Function, larger: Function) -> Function:
    """Return what does a row of `Operation.TOTAL`; totals are float64."""

    def add_to_total(line: Any, pointers: Any, sizes: Any, _factors: Any, _table: Any) -> None:
        # A mean over the batch times the number of samples, a sum, or (below 0 stands for it) a maximum.
        total, value = total_at(pointers[line[2]]), real_at(pointers[line[1]])
        kept, new, count = total[line[3]], value[0] * 1.0, sizes[line[4]]
        total[line[3]] = larger(kept, new) if count < 0 else kept + new * count

    return add_to_total


def execute_loop(
    *, row_of: Function, integer_at: Function, call_kernel: Function, perform: Function
) -> Function:
    """Return what does rows of the launch list one after another.

    It returns the row of a failed check, or -1. What is not said here is done by `perform`, which gets the
    code of the operation before what all functions of a row get.
    """
    check, repeat, shift, kernel = map(
        int, (Operation.CHECK, Operation.REPEAT, Operation.SHIFT, Operation.KERNEL)
    )

    def execute(
        code: Any, width: int, row: int, end: int, pointers: Any, sizes: Any, factors: Any, table: Any
    ) -> int:
        while row < end:
            line = row_of(code, row, width)
            op = line[0]
            if op == check:
                values = integer_at(pointers[line[1]])
                for i in range(sizes[line[2]]):
                    if not 0 <= values[i] < sizes[line[3]]:
                        return row
            elif op == repeat:
                sizes[line[1]] += 1
                if sizes[line[1]] < sizes[line[2]]:
                    row = line[3]
                    continue
                sizes[line[1]] = 0
            elif op == shift:
                sizes[line[1]] += sizes[line[2]] * sizes[line[3]]
            elif op == kernel:
                call_kernel(line, pointers, sizes)
            else:
                perform(op, line, pointers, sizes, factors, table)
            row += 1
        return -1

    return execute


def once_loop(*, execute: Function, first_of: Function) -> Function:
    """Return what does a call: all rows, one after another."""

    def once(code: Any, pointers: Any, sizes: Any, factors: Any, blas: Any) -> int:
        places, numbers, scales = first_of(pointers), first_of(sizes), first_of(factors)
        done: int = execute(first_of(code), code.shape[1], 0, code.shape[0], places, numbers, scales, blas)
        return done

    return once


def epoch_loop(
    *,
    execute: Function,
    first_of: Function,
    row_of: Function,
    barrier: Function,
    begin: Function,
    end: Function,
) -> Function:
    """Return what takes batches of ``span[2]`` samples, from position ``span[0]`` to ``span[1]``.

    A row of `script`: the rows of `code` from here to there, or -1: a barrier, where workers wait for each
    other. ``sizes[slot]`` is the position of the batch, if `slot` is not below 0. ``end(begin())`` surrounds
    it all. It returns the row of a failed check, or -1.
    """

    def epoch(
        code: Any,
        script: Any,
        pointers: Any,
        sizes: Any,
        factors: Any,
        blas: Any,
        arrivals: Any,
        workers: int,
        slot: int,
        span: Any,
    ) -> int:
        state = begin()
        rows, width = first_of(code), code.shape[1]
        lines, length = first_of(script), script.shape[0]
        places, numbers, scales = first_of(pointers), first_of(sizes), first_of(factors)
        position, last, batch = span[0], span[1], span[2]
        failed = -1
        while position < last:
            if slot >= 0:
                numbers[slot] = position
            for at in range(length):
                task = row_of(lines, at, 2)
                if task[0] >= 0:
                    failed = execute(rows, width, task[0], task[1], places, numbers, scales, blas)
                if failed >= 0 or (task[0] < 0 and barrier(arrivals, workers)):
                    position = last
                    break
            position += batch
        end(state)
        return failed

    return epoch
