"""A cached kernel is that of its key.

Kind: something found on disk is taken for what its name says. The checksum of a file of machine code covered
the content alone, and every kernel is ``kernel_0``, so that exchanged files computed each other's function;
the text of a module was checked, and the bytecode beside it was run. Now what is checked is what is run, it
says for whom it was made, and anything else is made again. Right values are those of a process that finds no
file.
"""

from __future__ import annotations

import ast
import gc
import hashlib
import json
import os
import py_compile
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite import binding

import symdl
import symdl as sd
from symdl.emit.cpu.syntax import CPU
from symdl.emit.parts import parts
from symdl.express.program import collect
from symdl.run import modules as cache
from symdl.run import pruning
from symdl.run.build import Built
from symdl.run.cpu.cache import foundation, keys
from symdl.run.cpu.cache import objects as machine
from symdl.targets import find

PACKAGE = Path(symdl.__file__).parent


def module(expression: str) -> str:
    """A module with one function; all have the same name."""
    return f"""
from numba import njit, types

from symdl.run.cpu.intrinsics.frames import vector_at
from symdl.run.cpu.intrinsics.pointers import OPTIONS

integers = types.CPointer(types.int64)


@njit(types.int64(integers), **OPTIONS)
def kernel_0_entry(frame):
    return vector_at(frame, 0)[0] {expression}


entries = [kernel_0_entry]
"""


DOUBLE, MORE = module("* 2"), module("+ 100")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that holds both."""
    folder = tmp_path_factory.mktemp("made") / "kernels"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYMDL_CACHE", str(folder))
        for source in (DOUBLE, MORE):
            machine.load(source)
    yield folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which a test may damage, as the folder of generated modules."""
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path / "kernels"))
    return Path(shutil.copytree(made, tmp_path / "kernels"))


def code_of(source: str, folder: Path) -> Path:
    return key_of(source).path(folder)


def key_of(source: str) -> keys.Key:
    (part,) = parts(source)
    return keys.key_of(part.source)


def text_of(source: str, folder: Path) -> Path:
    return folder / f"{cache.name_of(source, foundation.foundation())}.py"


def fresh(source: str, folder: Path, value: int = 5) -> int:
    """What a process would compute that has loaded nothing yet."""
    cache._load.cache_clear()
    machine._load.cache_clear()
    found: machine.Machine = machine._load(source, folder)
    return found.call("kernel_0", np.array([value]))()


def exchange(one: Path, other: Path) -> None:
    one.rename(spare := one.with_suffix(".spare"))
    other.rename(one)
    spare.rename(other)


def test_files_that_changed_places(folder: Path) -> None:
    exchange(code_of(DOUBLE, folder), code_of(MORE, folder))
    assert (fresh(DOUBLE, folder), fresh(MORE, folder)) == (10, 105)
    exchange(keys.listing(DOUBLE, folder), keys.listing(MORE, folder))
    assert (fresh(DOUBLE, folder), fresh(MORE, folder)) == (10, 105)
    exchange(text_of(DOUBLE, folder), text_of(MORE, folder))
    for source in (DOUBLE, MORE):
        code_of(source, folder).unlink()
    assert (fresh(DOUBLE, folder), fresh(MORE, folder)) == (10, 105)
    assert text_of(DOUBLE, folder).read_text() == DOUBLE and text_of(MORE, folder).read_text() == MORE


def sealed(body: bytes) -> bytes:
    return hashlib.sha256(body).digest() + body


def renamed(data: bytes, **changes: object) -> bytes:
    """The same machine code with another head, and a checksum that is right."""
    head, _, code = data[32:].partition(b"\n")
    return sealed(json.dumps({**json.loads(head), **changes}).encode() + b"\n" + code)


def without(data: bytes, name: str) -> bytes:
    head, _, code = data[32:].partition(b"\n")
    return sealed(
        json.dumps({k: v for k, v in json.loads(head).items() if k != name}).encode() + b"\n" + code
    )


DAMAGE: dict[str, Callable[[bytes, bytes], bytes]] = {
    "empty": lambda d, _: b"",
    "only a checksum": lambda d, _: d[:32],
    "cut in the head": lambda d, _: d[:60],
    "cut at the end": lambda d, _: d[:-1],
    "longer": lambda d, _: d + b"\0",
    "one bit": lambda d, _: d[:-9] + bytes([d[-9] ^ 1]) + d[-8:],
    "zeros": lambda d, _: bytes(len(d)),
    "text": lambda d, _: b"<html>not found</html>",
    "another function": lambda _, other: other,
    "code of another": lambda d, o: sealed(d[32:].partition(b"\n")[0] + b"\n" + o[32:].partition(b"\n")[2]),
    "another format": lambda d, _: renamed(d, format=1),
    "another processor": lambda d, _: renamed(d, processor="z80"),
    "another module": lambda d, _: renamed(d, module="symdl_kernels_0"),
    "another source": lambda d, _: renamed(d, source="0"),
    "something more": lambda d, _: renamed(d, more=1),
    "no functions": lambda d, _: without(d, "functions"),
    "no module": lambda d, _: without(d, "module"),
    "odd functions": lambda d, _: renamed(d, functions=[1, None]),
    "odd lengths": lambda d, _: renamed(d, functions=[["kernel_0_entry", "x", -5], ["b", "c", 1e9]]),
    "a list": lambda d, _: sealed(json.dumps([["kernel_0_entry", "x", 3]]).encode() + b"\nabc"),
    "a number": lambda d, _: sealed(b"3\nabc"),
    "no JSON": lambda d, _: sealed(b"{" * 10 + b"\nabc"),
    "no end": lambda d, _: sealed(b"[" * 100_000),
    "no text": lambda d, _: sealed(b"\xff\xfe\n\n"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_file_of_machine_code_that_is_not_the_one(damage: str, folder: Path) -> None:
    path = code_of(DOUBLE, folder)
    right, other = path.read_bytes(), code_of(MORE, folder).read_bytes()
    path.write_bytes(DAMAGE[damage](right, other))
    assert fresh(DOUBLE, folder) == 10
    assert machine._read(path, key_of(DOUBLE)) is not None  # it was made again


@pytest.mark.parametrize("damage", [name for name in DAMAGE if name != "code of another"])
def test_a_listing_of_kernels_that_is_not_the_one(damage: str, folder: Path) -> None:
    path = keys.listing(DOUBLE, folder)
    right, other = path.read_bytes(), keys.listing(MORE, folder).read_bytes()
    path.write_bytes(DAMAGE[damage](right, other))
    assert fresh(DOUBLE, folder) == 10
    assert path.read_bytes() == right  # it was made again


@pytest.mark.parametrize("damage", [name for name in DAMAGE if name not in ("one bit", "longer")])
def test_a_text_that_is_not_the_one(damage: str, folder: Path) -> None:
    path = text_of(DOUBLE, folder)
    path.write_bytes(DAMAGE[damage](code_of(DOUBLE, folder).read_bytes(), MORE.encode()))
    code_of(DOUBLE, folder).unlink()
    assert fresh(DOUBLE, folder) == 10 and path.read_text() == DOUBLE


def test_bytecode_is_neither_read_nor_written(folder: Path) -> None:
    assert not (folder / "__pycache__").exists()
    text, code = text_of(DOUBLE, folder), code_of(DOUBLE, folder)
    status = text.stat()
    text.write_text(DOUBLE.replace("* 2", "* 9"))  # of the same length, made at the same time
    os.utime(text, ns=(status.st_atime_ns, status.st_mtime_ns))
    target = cache_from_source(str(text))
    for mode in (py_compile.PycInvalidationMode.TIMESTAMP, py_compile.PycInvalidationMode.UNCHECKED_HASH):
        py_compile.compile(str(text), cfile=target, invalidation_mode=mode)
        text.write_text(DOUBLE)
        os.utime(text, ns=(status.st_atime_ns, status.st_mtime_ns))
        code.unlink()
        assert fresh(DOUBLE, folder) == 10


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "kept").write_text("of somebody")


def as_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))


def as_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def open_to_others(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data.replace(b"* 2", b"* 9"))
    path.chmod(0o666)


def unreadable(path: Path) -> None:
    path.chmod(0)


ODD = [as_folder, as_link, as_loop, as_pipe, open_to_others, unreadable, Path.unlink]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
@pytest.mark.parametrize("change", ODD, ids=lambda change: change.__name__)
@pytest.mark.parametrize("which", ["text", "code", "both"])
def test_a_file_that_is_no_file_of_ours(change: Callable[[Path], None], which: str, folder: Path) -> None:
    paths = {"text": text_of(DOUBLE, folder), "code": code_of(DOUBLE, folder)}
    if which == "text":
        paths["code"].unlink()
    for path in paths.values() if which == "both" else [paths[which]]:
        change(path)
    assert fresh(DOUBLE, folder) == 10 and fresh(MORE, folder) == 105
    assert not list(folder.glob("*.tmp"))
    if change is as_link:
        assert not (folder / "nowhere").exists()  # the link was replaced, not what it points to
    if change is as_folder and which != "code":
        assert (paths["text"] / "kept").exists()


def test_a_folder_that_cannot_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a full disk a function works; nothing is left behind but the time at which room was made."""

    def full(*_: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("open", "replace"):
        for path in folder.iterdir():
            path.unlink()
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            assert fresh(DOUBLE, folder) == 10
        assert {path.name for path in folder.iterdir()} <= {pruning.MARK}


def test_left_over_files_do_no_harm(folder: Path) -> None:
    for path in (text_of(DOUBLE, folder), code_of(DOUBLE, folder)):
        (folder / f"{path.name}.tmp").write_text("half of")
    (folder / "tmp123.tmp").write_bytes(b"")
    assert fresh(DOUBLE, folder) == 10


def test_many_writers(folder: Path) -> None:
    """Writers and readers at once: each reads nothing, or one whole file."""
    path, key = code_of(DOUBLE, folder), key_of(DOUBLE)
    right = path.read_bytes()

    def work(number: int) -> bool:
        if number % 2:
            cache.write(path, right if number % 4 == 1 else right[: number * 10])
        data = cache.content(path)
        return data is not None and (data == right or data == right[: len(data)])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))
    cache.write(path, right)
    assert machine._read(path, key) is not None and not list(folder.glob("*.tmp"))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_change_of_any_byte(made: Path, data: st.DataObject) -> None:
    """Bytes changed, put in or left out anywhere: the file is not taken for the one it was."""
    path, key = code_of(DOUBLE, made), key_of(DOUBLE)
    right = path.read_bytes()
    at = data.draw(st.one_of(st.integers(0, 400), st.integers(0, len(right))))
    new, gone = data.draw(st.binary(max_size=3)), data.draw(st.integers(0, 3))
    changed = right[:at] + new + right[at + gone :]
    other = made / "changed.code"
    other.write_bytes(changed)
    other.chmod(0o600)
    assert (machine._read(other, key) is not None) == (changed == right)


def imported(text: str) -> set[str]:
    """The modules of this package that a source imports, ``run.native`` for instance."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("symdl."):
            name = (node.module or "").removeprefix("symdl.")
            inner = [f"{name}.{alias.name}" for alias in node.names]
            modules = [i for i in inner if (PACKAGE / f"{i.replace('.', '/')}.py").exists()]
            found |= set(modules) or {name}
    return found


def test_a_key_covers_all_that_machine_code_is_made_of() -> None:
    """All that modules and libraries import, and that imports; of other stages only constants are read.

    What compiles, keeps and links machine code is covered, and the forms under which kernels are the same.
    What that needs besides, to read files and to start processes, is in no machine code; nor are errors.
    """
    left = {name.removeprefix("symdl.") for name in CPU.imports if name.startswith("symdl.")}
    left |= {"run.cpu.gemm.packed", "run.cpu.intrinsics.factors", "run.cpu.loops.entries"}
    left |= {"run.cpu.loops.operations"}
    left |= {"run.cpu.intrinsics.routines", "run.cpu.intrinsics.decompositions"}
    left |= {"emit.canonical", "emit.parts"}
    found: set[str] = set()
    while left:
        name = left.pop()
        found.add(name)
        if name.startswith("run.") and not name.startswith("run.cpu.cache."):
            text = (PACKAGE / f"{name.replace('.', '/')}.py").read_text("utf-8")
            left |= imported(text) - found - {"errors"}
    files = {f"{name.replace('.', '/')}.py" for name in found}
    known = set(foundation.files())
    assert files <= known
    assert {name for name in known - files if not name.startswith("run/cpu/")} == set()


def test_a_library_is_known_by_what_it_is_for_and_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path))
    made = []

    def library(name: str) -> machine.Library:
        def make() -> list[Any]:
            made.append(name)
            found: list[Any] = cache.load(DOUBLE if name == "double" else MORE).entries
            return found

        return machine.Library(name, make)

    def value(name: str) -> int:
        machine._library.cache_clear()
        return machine.load(library(name)).call("kernel_0", np.array([5]))()

    assert [value("double"), value("more"), value("double")] == [10, 105, 10]
    assert made == ["double", "more"]
    changed = (*foundation.foundation(), "another line")
    monkeypatch.setattr(keys, "foundation", lambda: changed)
    assert value("double") == 10 and made == ["double", "more", "double"]


@pytest.mark.parametrize("linked", [True, False])
def test_code_holds_all_code_that_it_calls(linked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that was freed is a crash later, or somebody else's code."""
    if not linked:
        monkeypatch.setattr(machine, "_can_link", lambda: False)
        machine._load.cache_clear()
    matrix = sd.tensor("A", (3, 3))
    program = collect([sd.det(matrix), sd.inv(matrix)])
    built = Built(program, dtype="float64", target=find("cpu"), schedule="fused", training=False)
    kernels = getattr(built.module, "kernels", None)  # of a module for the processor
    machine._library.cache_clear()
    gc.collect()
    assert {"factor", "determinant_of", "invert_factored"} <= {
        name for found in machines_held(kernels) for name in found.addresses
    }


def machines_held(kept: Any) -> Iterator[machine.Machine]:
    if isinstance(kept, machine.Machine):
        yield kept
        kept = kept.kept
    if isinstance(kept, tuple | list):
        for each in kept:
            yield from machines_held(each)


def test_other_settings_and_compilers_have_other_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    before, other = key_of(DOUBLE), key_of(MORE)
    assert other.module != before.module and other.source != before.source
    with monkeypatch.context() as patch:
        patch.setattr(binding, "llvm_version_info", (1, 2, 3))
        assert key_of(DOUBLE).processor != before.processor
    with monkeypatch.context() as patch:
        patch.setattr(binding, "get_host_cpu_name", lambda: "z80")
        assert key_of(DOUBLE).processor != before.processor
    assert key_of(DOUBLE) == before
