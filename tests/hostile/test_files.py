"""Files that are cut, foreign, damaged, or made by somebody who means harm: one kind of error, soon.

Right is: what is read is read, everything else is a `DataError` that names the file and a cure; nothing of a
file is run, and no file makes a process take much more memory than the file has.
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import DataError
from symdl.train.idx import _UNPACKED
from symdl.train.reading import read_columns

FOREIGN = {"empty": b"", "text": b"<html>not found</html>", "pickle": b"\x80\x04cos\nsystem\n(S'true'\ntR."}
FOREIGN |= {"another archive": b"Rar!\x1a\x07\x01\x00" + bytes(64), "zeros": bytes(300)}


def refused(read: Callable[[Path], Any], path: Path, data: bytes) -> DataError:
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        read(path)
    error = caught.value
    assert path.name in error.message and error.cure and len(str(error)) < 1000, error
    return error


# Models -----------------------------------------------------------------------------------------------------


def network() -> sd.Model:
    x = sd.tensor("x", (sd.Dim("n"), 3))
    h = sd.tanh(x @ sd.parameter("w", (3, 2)) + sd.parameter("b", (2,)))
    return sd.Model((h**2).sum(axis=1).mean(), output=h, target="python")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("saved") / "m.safetensors"
    network().save(path)
    return path.read_bytes()


def parted(data: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """The header of a file, what in it is ours, and the arrays."""
    length = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8 : 8 + length])
    return head, json.loads(head["__metadata__"]["symdl"]), data[8 + length :]


def joined(head: Any, body: bytes, length: int | None = None) -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def with_own(data: bytes, own: Any) -> bytes:
    head, _, body = parted(data)
    return joined({**head, "__metadata__": {"symdl": own if isinstance(own, str) else json.dumps(own)}}, body)


def load(path: Path) -> Any:
    return sd.load(path, target="python")


def test_a_file_that_is_no_model(saved: bytes, tmp_path: Path) -> None:
    head, own, body = parted(saved)
    w = head["w"]
    attacks = {
        **FOREIGN,
        **{f"cut at {at}": saved[:at] for at in (7, 40, len(saved) // 2, len(saved) - 1)},
        "longer": saved + b"x",
        "a header of 4 EiB": joined(head, body, length=2**62),
        "a header beyond the file": joined(head, body, length=90_000_000),
        "brackets": joined(b"[" * 200_000, b""),
        "an array beyond the file": joined(
            {**head, "w": {**w, "shape": [2**40], "data_offsets": [0, 2**42]}}, body
        ),
        "a negative shape": joined({**head, "w": {**w, "shape": [-3]}}, body),
        "objects": joined({**head, "w": {**w, "dtype": "OBJ"}}, body),
        "two arrays in one place": joined({**head, "w": {**w, "data_offsets": [0, 24]}}, body),
        "brackets inside": with_own(saved, "[" * 100_000),
        "a number": with_own(saved, "3"),
        "a long number": with_own(saved, "1" * 5000),
        "another format": with_own(saved, {**own, "format": 99}),
        "a number nobody can hold": with_own(saved, {**own, "format": 10**30}),
        "another dtype": with_own(saved, {**own, "dtype": "object"}),
    }
    for name, data in attacks.items():
        error = refused(load, tmp_path / "m.safetensors", data)
        assert error.stage == "data", name


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the ways to all entries of what JSON holds."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, inner in pairs:
        yield (*path, key)
        yield from places(inner, (*path, key))


ODD = (
    None,
    -1,
    0,
    1,
    3,
    10**12,
    10**30,
    1.5,
    float("nan"),
    True,
    "w",
    "\x1b[31m",
    "__class__",
    [],
    {},
    [[0]],
)


def test_any_entry_of_a_model_may_be_anything(saved: bytes, tmp_path: Path) -> None:
    """The model is refused, or is one: then it computes, or says by an error of ours why not."""
    chance, path, (_, own, _) = random.Random(0), tmp_path / "m.safetensors", parted(saved)
    every = list(places({key: own[key] for key in own if key not in ("versions", "target")}))
    refusals = 0
    for _ in range(250):
        changed, way = copy.deepcopy(own), chance.choice(every)
        inner = changed
        for key in way[:-1]:
            inner = inner[key]
        inner[way[-1]] = chance.choice(ODD)
        path.write_bytes(with_own(saved, changed))
        try:
            load(path)
        except DataError as error:
            assert path.name in error.message and error.cure, way
            refusals += 1
    assert refusals > 150


def test_equations_of_a_file_read_nothing_outside_of_their_tensors(saved: bytes, tmp_path: Path) -> None:
    """Otherwise a file could show its reader memory that is not its own."""
    _, own, _ = parted(saved)
    (x,) = (row for row in own["network"]["tensors"] if row.get("name") == "x")
    x["shape"][1] = 1  # of which the sum still reads three
    said = refused(load, tmp_path / "m.safetensors", with_own(saved, own))
    assert "outside" in said.message


def test_weights_of_another_model_change_nothing(saved: bytes, tmp_path: Path) -> None:
    model, path = network(), tmp_path / "m.safetensors"
    before = {name: array.copy() for name, array in model.parameters.items()}
    head, own, body = parted(saved)
    for data in (*FOREIGN.values(), saved[:-1], with_own(saved, {**own, "training": {}})):
        refused(model.load, path, data)
    renamed = {{"w": "\x1b[2J"}.get(name, name): entry for name, entry in head.items()}
    path.write_bytes(joined(renamed, body))
    with pytest.raises(DataError) as caught:
        model.load(path)
    assert "\x1b" not in str(caught.value)
    assert all((model.parameters[name] == array).all() for name, array in before.items())


# Tables and arrays ------------------------------------------------------------------------------------------


def npy(described: str, body: bytes = b"") -> bytes:
    """An array in NumPy's format: a line of Python's notation, then the bytes."""
    line = described.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(line)) + line + body


def of(descr: str = "<f8", shape: str = "(1,)") -> str:
    return f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}"


def archive(name: str, data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, data)
    return made.getvalue()


def patched(data: bytes, local: int, central: int, value: bytes) -> bytes:
    """An archive with another value in the heads of its entries."""
    found = bytearray(data)
    for mark, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        at = found.find(mark)
        while at >= 0:
            found[at + offset : at + offset + len(value)] = value
            at = found.find(mark, at + 4)
    return bytes(found)


def test_archives_of_arrays(tmp_path: Path) -> None:
    made, objects = io.BytesIO(), io.BytesIO()
    np.savez(made, X=np.arange(12.0).reshape(4, 3), t=np.arange(4))
    np.savez(objects, X=np.array([{"a": 1}], object))
    good = made.getvalue()
    packed = archive("X.npy", npy(of(), bytes(8)))
    attacks = {
        **FOREIGN,
        **{f"cut at {at}": good[:at] for at in (10, len(good) // 2, len(good) - 3)},
        "objects": objects.getvalue(),
        "encrypted": patched(packed, 6, 8, b"\x01\x00"),
        "an unknown method": patched(packed, 8, 10, b"\x63\x00"),
        "another method": patched(packed, 8, 10, b"\x0c\x00"),
        "a wrong checksum": good.replace(np.arange(12.0).tobytes()[16:24], b"\xff" * 8),
        "more than there is": archive("X.npy", npy(of(shape="(1000000000000,)"))),
        "less than nothing": archive("X.npy", npy(of(shape="(-1,)"))),
        "no integer holds it": archive("X.npy", npy(of(shape="(9223372036854775807, 4)"))),
        "brackets": archive("X.npy", npy("(" * 60_000)),
        "code": archive("X.npy", npy("__import__('os').system('touch hacked')")),
        "records": archive("X.npy", npy(of("|V8"), bytes(8))),
        "times": archive("X.npy", npy(of("<M8[s]"), bytes(8))),
        "no array": archive("X.txt", b"hello"),
        "a bomb": patched(packed, 22, 24, struct.pack("<I", 2 * _UNPACKED)),
        "an array alone": npy(of(), bytes(8)),
    }
    for name, data in attacks.items():
        assert refused(read_columns, tmp_path / "a.npz", data), name
    path = tmp_path / "a.npz"
    path.write_bytes(good)
    assert read_columns(path)["X"].shape == (4, 3)
    path.write_bytes(archive("../../x.npy", npy(of(), bytes(8))))
    assert list(read_columns(path)) == ["../../x"] and set(tmp_path.iterdir()) == {path}


def idx(code: int, shape: tuple[int, ...], body: bytes = b"") -> bytes:
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + body


def test_idx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(idx(8, (400,), bytes(range(200)) * 2))
    attacks = {
        **FOREIGN,
        "cut": idx(8, (4,), b"123"),
        "longer": idx(8, (4,), b"12345"),
        "more than there is": idx(0xE, (2**32 - 1,) * 4, b"x"),
        "axes": idx(8, (1,) * 200, b"x"),
        "nothing, but wide": idx(8, (0, *(2**32 - 1,) * 3)),
        "no type": idx(7, (4,), b"1234"),
        "cut, packed": packed[:-6],
        "a wrong checksum": packed[:-8] + bytes(8),
        "no packing": b"\x1f\x8b" + bytes(50),
        "packed twice": gzip.compress(packed),
    }
    for name, data in attacks.items():
        assert refused(read_columns, tmp_path / "a-idx1-ubyte.gz", data), name
    monkeypatch.setattr("symdl.train.idx._UNPACKED", 1 << 16)
    bomb = gzip.compress(idx(8, (1 << 24,), bytes(1 << 24)))
    assert "unpacks to more" in str(refused(read_columns, tmp_path / "a-idx1-ubyte.gz", bomb))


def test_lines_of_text(tmp_path: Path) -> None:
    attacks = {
        "empty": b"",
        "bytes": b"a,b\n\xff,1\n",
        "another encoding": "a,b\n1,2\n".encode("utf-16"),
        "a line too short": b"a,b\n1\n",
        "a quote that does not end": b'a,b\n"1,2\n3,4',
        "a cell of 200,000 characters": b"a\n" + b"x" * 200_000 + b"\n",
        "a name twice, in 100,000": b",".join(b"c%d" % k for k in (*range(100_000), 7)) + b"\n",
        "a command in a name": b"\x1b[31m\n1\n2,3\n",
    }
    for name, data in attacks.items():
        error = refused(read_columns, tmp_path / "a.csv", data)
        assert "\x1b" not in str(error), name
    (tmp_path / "b.csv").mkdir()
    for path in (tmp_path / "b.csv", tmp_path / "no.csv", tmp_path / "a.pkl"):
        with pytest.raises(DataError):
            read_columns(path)


def test_parquet(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    made = io.BytesIO()
    parquet.write_table(arrow.table({"a": [1, 2, 3], "b": ["x", "y", None]}), made)
    good = made.getvalue()
    attacks = {
        **FOREIGN,
        "cut": good[:-10],
        "without a head": good[4:],
        "a foot beyond the file": good[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1",
        "encrypted": b"PARE" + good[4:-4] + b"PARE",
    }
    for name, data in attacks.items():
        assert refused(read_columns, tmp_path / "a.parquet", data), name


def test_onnx(tmp_path: Path) -> None:
    """The rest is in tests/interop: arrays outside of the folder, too large, of other types."""
    pytest.importorskip("onnx")
    x = sd.tensor("x", (sd.Dim("n"), 3))
    good = sd.to_onnx(x @ sd.parameter("w", (3, 2)), values={"w": np.ones((3, 2))}).SerializeToString()
    for data in (*FOREIGN.values(), good[:-20], good[20:]):
        refused(lambda path: sd.from_onnx(str(path)), tmp_path / "a.onnx", data)
    chance = random.Random(0)
    for _ in range(150):
        data = bytearray(good)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        try:
            sd.from_onnx(bytes(data))
        except sd.SymdlError as error:
            assert error.cure or isinstance(error, DataError)
