"""Who owns the memory of a result.

Kind: a result changes after it was returned, because a later call was given its memory. The cause was a count
of references, which an interpreter may keep as it likes (from Python 3.14 on, locals are not counted). Now
the results of a call are views of a lease, and its end says that they are gone. Right values are exact: twice
the argument.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import io
import pickle
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided, sliding_window_view

import symdl as sd
from symdl.run import results
from symdl.run.memory import address

SMALL, MIDDLE, LARGE = 6, 1 << 11, 1 << 14
"""Elements of a result below a kilobyte, of one in new memory, and of one whose memory is used again."""
SIZES = {"small": SMALL, "middle": MIDDLE, "large": LARGE}

n = sd.Dim("n")
X = sd.tensor("X", (n,))
twice = sd.compile(X * 2)
several = sd.compile([X * 2, X + 1, X.sum(), X])
scalar = sd.compile(2 * sp.Symbol("X"))
rows = sd.compile([2 * sp.Symbol("X"), sp.Symbol("X") + 1])
slopes = sd.compile(sp.Symbol("X") ** 2, wrt=[sp.Symbol("X")])
slow = sd.compile(2 * sp.Symbol("X"), target="python")


CALLS: dict[str, Callable[[Any], Any]] = {
    "a tensor": lambda x: twice(X=x),
    "one of several": lambda x: several(X=x)[0],
    "scalar": lambda x: scalar(X=x),
    "one of a row": lambda x: rows(X=x)[0],
    "a slope": lambda x: slopes(X=x)[1]["X"],
}
"""Calls whose result is twice the argument: the only one, a row of an array of all, or one beside others."""


class Holder:
    """Gives out its array by NumPy's protocol only, and ends in a cycle."""

    def __init__(self, array: Any) -> None:
        self.array, self.me = array, self

    @property
    def __array_interface__(self) -> Any:
        return self.array.__array_interface__


def generator(array: Any) -> Iterator[Any]:
    while True:
        yield array.copy()


def error_with(array: Any) -> BaseException:
    def deep(kept: Any) -> None:
        raise ValueError(len(kept))

    try:
        deep(array)
    except ValueError as error:
        return error
    raise AssertionError


def local_of(error: BaseException) -> Any:
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_locals["kept"]


def started(array: Any) -> Iterator[Any]:
    """A generator that has begun, and holds the array as a local only."""
    found = generator(array)
    next(found)
    return found


def masked(array: Any) -> Any:
    return np.ma.array(array, copy=False)


def bases(array: Any) -> list[Any]:
    """Return all that can be had of what an array lies in, the last one last."""
    found = []
    while (array := getattr(array, "base", None)) is not None:
        found.append(array)
    return found


def same(kept: Any) -> Any:
    return kept


def raw(kept: Any) -> Any:
    return np.frombuffer(kept, "float64")


WAYS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "itself": (same, same),
    "slice": (lambda r: r[1:], same),
    "steps": (lambda r: r[::-2], same),
    "reshaped": (lambda r: r.reshape(2, -1), same),
    "turned": (lambda r: r.reshape(2, -1).T, same),
    "integers": (lambda r: r.view("int64"), lambda k: k.view("float64")),
    "real part": (lambda r: r.real, same),
    "diagonal": (lambda r: np.diagonal(r.reshape(2, -1)), same),
    "broadcast": (lambda r: np.broadcast_to(r, (3, *r.shape)), same),
    "windows": (lambda r: sliding_window_view(r, 2), same),
    "strided": (lambda r: as_strided(r, r.shape, r.strides), same),
    "asarray": (np.asarray, same),
    "matrix": (lambda r: r.view(np.matrix), same),
    "record": (lambda r: r.view(np.recarray), np.asarray),
    "masked": (masked, lambda k: k.data),
    "in objects": (lambda r: np.array([r, None], dtype=object), lambda k: k[0]),
    "flat": (lambda r: r.flat, lambda k: k[:]),
    "iterator": (iter, lambda k: np.array(list(k))),
    "nditer": (lambda r: np.nditer(r), lambda k: k.operands[0]),
    "base": (lambda r: r.base, lambda k: k),
    "view of base": (lambda r: r.base[...], lambda k: k),
    "last base": (lambda r: bases(r)[-1], lambda k: k),
    "view of last base": (lambda r: bases(r)[-1][...], lambda k: k),
    "base as array": (lambda r: r.base.view(np.ndarray), lambda k: k),
    "memoryview": (memoryview, raw),
    "data": (lambda r: r.data, raw),
    "bytes view": (lambda r: memoryview(r).cast("B"), raw),
    "frombuffer": (lambda r: np.frombuffer(r, "float64"), same),
    "BytesIO": (lambda r: io.BytesIO(r), lambda k: raw(k.getvalue())),
    "ctypes array": (lambda r: (ctypes.c_double * len(r)).from_buffer(r), raw),
    "as_ctypes": (np.ctypeslib.as_ctypes, raw),
    "ctypes": (
        lambda r: r.ctypes,
        lambda k: np.ctypeslib.as_array((ctypes.c_double * k.shape[0]).from_address(k.data)),
    ),
    "ctypes pointer": (
        lambda r: (r.ctypes.data_as(ctypes.POINTER(ctypes.c_double)), len(r)),
        lambda k: np.ctypeslib.as_array(k[0], (k[1],)),
    ),
    "interface": (lambda r: np.asarray(Holder(r)), same),
    "capsule": (lambda r: r.__dlpack__(), lambda k: np.from_dlpack(Capsule(k))),
    "from_dlpack": (np.from_dlpack, same),
    "PickleBuffer": (pickle.PickleBuffer, raw),
    "out of band": (lambda r: out_of_band(r), lambda k: raw(k[0])),
    "cycle": (Holder, lambda k: k.array),
    "method": (lambda r: r.copy, lambda k: k()),
    "closure": (lambda r: lambda: r, lambda k: k()),
    "generator": (started, next),
    "traceback": (error_with, local_of),
}
"""Ways to keep a result, and for each how to read it afterwards."""


class Capsule:
    """What DLPack's reader asks for."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


def out_of_band(array: Any) -> list[Any]:
    found: list[Any] = []
    pickle.dumps(array, protocol=5, buffer_callback=found.append)
    return found


if importlib.util.find_spec("torch") is not None:
    import torch

    WAYS["torch.from_numpy"] = torch.from_numpy, lambda k: k.numpy()
    WAYS["torch.as_tensor"] = lambda r: torch.as_tensor(r)[None], lambda k: k.numpy()[0]
    WAYS["torch.from_dlpack"] = torch.utils.dlpack.from_dlpack, lambda k: k.numpy()


def disturb(count: int, call: Callable[[Any], Any]) -> None:
    """Call everything again, with and without keeping the latest result."""
    for value in (-1.0, -2.0, -3.0, -4.0, -5.0):
        later = call(np.full(count, value))
        call(np.full(count, value - 0.5))
        assert later[0] == later[-1] == 2 * value


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "way", [pytest.param(w, marks=pytest.mark.torch) if w.startswith("torch") else w for w in WAYS]
)
def test_every_way_to_keep_a_result_keeps_it(way: str, size: str, call: str) -> None:
    (keep, read), run = WAYS[way], CALLS[call]
    given = np.arange(SIZES[size]) + 0.5
    disturb(len(given), run)  # so that there is memory to be taken again
    kept = keep(run(given))
    if "base" in way:  # the result is somewhere in it
        assert (2 * given[-8:]).tobytes() in np.array(kept).tobytes()
        disturb(len(given), run)
        assert (2 * given[-8:]).tobytes() in np.array(kept).tobytes()
        return
    disturb(len(given), run)
    found = np.asarray(read(kept))
    assert found.size and np.isin(found, 2 * given).all()


@pytest.mark.parametrize("call", CALLS)
def test_what_is_behind_the_lease_cannot_be_had(call: str) -> None:
    """Whichever arrays a result is a view of, the lease is the last that can be had, and holds them all."""
    result = CALLS[call](np.zeros(5 * LARGE))
    *between, lease = bases(result)
    assert type(result) is np.ndarray and type(lease) is results.Lease
    assert all(type(array) is np.ndarray for array in between)
    assert bases(lease) == bases(lease[1:])[:-1] == bases(lease.view(np.ndarray))[:-1] == []
    assert result.flags.writeable and result.flags.aligned and result.ctypes.data % 64 == 0
    gone, view = weakref.ref(lease), between[-1][...] if between else result[...]
    del between, lease, result
    assert gone() is not None
    del view
    assert gone() is None


@pytest.mark.parametrize("size", SIZES)
def test_one_of_several_outputs_keeps_the_memory_of_all(size: str) -> None:
    count = SIZES[size]
    for number in range(4):
        kept = several(X=np.full(count, 1.5))[number]
        right = np.array(kept)
        for value in (2.0, 3.0, 4.0):
            several(X=np.full(count, value))
        assert np.array_equal(kept, right)
        assert right.ravel()[0] == (3.0, 2.5, 1.5 * count, 1.5)[number]


@pytest.mark.parametrize("compiled", [scalar, slow], ids=["cpu", "python"])
def test_results_of_scalar_functions(compiled: Any) -> None:
    for count in (1, 300, LARGE, 5 * LARGE) if compiled is scalar else (1, 300):
        kept = [compiled(X=np.full(count, float(v))) for v in range(6)]
        kept.append(compiled(X=np.full((count, 2), 7.0))[:, 1])
        right = [*range(6), 7]
        assert all((k == 2 * v).all() for k, v in zip(kept, right, strict=True))


def test_slopes_by_symbols_that_do_not_occur_are_arrays_of_their_own() -> None:
    x, y, z = sp.symbols("x y z")
    _, slopes = sd.compile(x**2, wrt=[x, y, z])(x=np.arange(4.0))
    slopes["y"][0] = 5.0
    assert np.array_equal(slopes["z"], np.zeros(4)) and np.array_equal(slopes["x"], 2 * np.arange(4.0))
    constant = sd.compile(sp.Integer(3))
    assert constant() == constant() == 3.0


def test_large_memory_is_used_again_when_its_results_are_gone() -> None:
    given = np.zeros(1 << 17)
    seen = set()
    for _ in range(20):
        result = twice(X=given)  # lets go of the one before only now
        seen.add(address(result))
    assert len(seen) <= 2, "the latest result, and the one before it"
    del result
    gc.collect()
    first = address(twice(X=given))
    assert first in seen
    for way in WAYS.values():  # memory comes back from all of them
        kept = way[0](twice(X=given))
        del kept
    gc.collect()
    assert {address(twice(X=given)) for _ in range(5)} <= {address(twice(X=given)), first} | seen


def test_a_lease_ends_with_the_last_of_its_results() -> None:
    room = results.Room()
    block, start, first = room.take(1 << 20)
    assert (address(block) + start, first % 64) == (first, 0)
    view: Any = np.ndarray((4,), "float64", block, start)[1:]
    gone = weakref.ref(block)
    del block
    assert gone() is not None and room.take(1 << 20)[2] != first
    del view
    assert gone() is None and room.take(1 << 20)[2] == first


def test_nobody_is_given_what_another_call_is_about_to_get(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call inside another one, such as that of a signal's handler, while the outer one makes its lease."""
    room, inner = results.Room(), []
    room.take(1 << 20)
    lease = results.Lease

    def late(*arguments: Any) -> Any:
        monkeypatch.setattr(results, "Lease", lease)
        inner.append(room.take(1 << 20))
        return lease(*arguments)

    monkeypatch.setattr(results, "Lease", late)
    outer = room.take(1 << 20)
    assert len(inner) == 1 and inner[0][2] != outer[2]


def test_threads_keep_what_they_got() -> None:
    wrong: list[int] = []

    def work(number: int) -> None:
        kept: list[Any] = []
        for turn in range(60):
            count = (SMALL, MIDDLE, LARGE)[turn % 3]
            kept.append((float(number + turn / 64), twice(X=np.full(count, number + turn / 64))))
            del kept[: -(turn % 4 + 1)]
            wrong.extend(1 for value, array in kept if not (array == 2 * value).all())

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not wrong


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([*SIZES]), st.sampled_from([*WAYS]), st.integers(0, 3)),
        min_size=4,
        max_size=24,
    )
)
def test_any_order_of_keeping_and_letting_go(steps: list[tuple[str, str, int]]) -> None:
    """Results are kept in any way and let go in any order; what is still held never changes."""
    held: list[tuple[float, str, Any]] = []
    for turn, (size, way, drop) in enumerate(steps):
        value = 1.0 + turn / 8
        result = twice(X=np.full(SIZES[size], value))
        held.append((value, way, WAYS[way][0](result)))
        del result
        del held[:drop]
    for value, way, kept in held:
        found = np.asarray(WAYS[way][1](kept))
        within = "base" in way and np.float64(2 * value).tobytes() in found.tobytes()
        assert within or (found == 2 * value).all()


def test_the_address_of_an_array_is_where_its_data_are() -> None:
    whole = np.zeros((4, 6))
    for array in (whole, whole[1:, 2], whole.T, whole[::-1], np.float32(1).reshape(1), whole.view(np.matrix)):
        assert address(array) == array.ctypes.data
