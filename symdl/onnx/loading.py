"""A model as the package ``onnx`` has it, from a file, bytes, or one that is there already.

Enters: what somebody hands over, which may be damaged or hostile. Leaves: a checked ``ModelProto`` with all
its arrays inside. Arrays in other files are read from the folder of the model and nowhere else, and only
where their size is what their shape says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from symdl.errors import DataError, require_extra

LARGEST = 2**31 - 1
"""Bytes of a model with its arrays: what the format's own messages can hold."""
_CURE = "export the model again, and look at what comes out with onnx.checker.check_model"


def loaded(source: Any) -> Any:
    """Return the model.

    Raises:
        DataError: no such file, no model, one that breaks the rules of the format, arrays outside of its
            folder, or one that is too large.
        MissingExtraError: the package ``onnx`` is not installed.
    """
    onnx = require_extra("onnx", "onnx")
    folder: Path | None = None
    if isinstance(source, onnx.ModelProto):
        model = onnx.ModelProto()
        model.CopyFrom(source)
    else:
        content, folder = _content(source)
        model = onnx.ModelProto()
        try:
            model.ParseFromString(content)
        except Exception as error:  # protobuf's own, which has several homes
            raise DataError(f"{_called(source)} is no ONNX model: {error}", cure=_CURE) from error
    _fetch(model, folder)
    for entry in model.graph.output:
        if entry.type.HasField("tensor_type"):  # whose shape may be left out: nobody reads it
            entry.type.tensor_type.shape.SetInParent()
    try:
        onnx.checker.check_model(model)
        if model.functions:
            model = onnx.inliner.inline_local_functions(model)
    except Exception as error:
        raise DataError(f"{_called(source)} breaks the rules of the format: {error}", cure=_CURE) from error
    return model


def _called(source: Any) -> str:
    return str(source) if isinstance(source, str | os.PathLike) else "what was given"


def _content(source: Any) -> tuple[bytes, Path | None]:
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source), None
    try:
        path = Path(source)
        size = path.stat().st_size
        if size > LARGEST:
            raise DataError(f"{path} has {size:,} bytes, and a model has at most {LARGEST:,}")
        return path.read_bytes(), path.resolve().parent
    except TypeError as error:
        kind = type(source).__name__
        raise DataError(f"a {kind} is no model", cure="pass a path, bytes or a ModelProto") from error
    except OSError as error:
        cure = "name a file that you may read"
        raise DataError(f"{source} cannot be read: {error.strerror or error}", cure=cure) from error


def arrays_of(graph: Any) -> Iterator[Any]:
    """Every array that stands in a graph, in its attributes and in graphs inside of it."""
    todo = [graph]
    while todo:
        part = todo.pop()
        yield from part.initializer
        for sparse in part.sparse_initializer:
            yield sparse.values
            yield sparse.indices
        for node in part.node:
            for attribute in node.attribute:
                yield attribute.t
                yield from attribute.tensors
                todo += [attribute.g] if attribute.HasField("g") else []
                todo += attribute.graphs


def _fetch(model: Any, folder: Path | None) -> None:
    """Put the arrays of other files into the model."""
    import onnx

    graphs = [model.graph, *model.functions]
    outside = [
        array
        for graph in graphs
        for array in (arrays_of(graph) if hasattr(graph, "initializer") else ())
        if array.data_location == onnx.TensorProto.EXTERNAL
    ]
    room = LARGEST - model.ByteSize()
    for array in outside:
        said = {entry.key: entry.value for entry in array.external_data}
        where = said.get("location", "")
        if folder is None:
            raise DataError(
                f"the array {array.name!r} lies in the file {where!r}", cure="pass the model's path"
            )
        path = (folder / where).resolve()
        if not where or Path(where).is_absolute() or not path.is_relative_to(folder):
            raise DataError(f"the array {array.name!r} lies in {where!r}, outside the folder of the model")
        size = _bytes_of(array)
        room -= size
        if room < 0:
            raise DataError(f"the arrays of the model have more than {LARGEST:,} bytes")
        array.raw_data = _slice(path, said, size, array.name)
        array.data_location = onnx.TensorProto.DEFAULT
        del array.external_data[:]


def _bytes_of(array: Any) -> int:
    """The number of bytes that an array's shape and type tell."""
    import onnx

    size = onnx.helper.tensor_dtype_to_np_dtype(array.data_type).itemsize
    for axis in array.dims:
        if axis < 0:
            raise DataError(f"the array {array.name!r} has the shape {tuple(array.dims)}")
        size *= axis
    return int(size)


def _slice(path: Path, said: dict[str, str], size: int, name: str) -> bytes:
    try:
        start, length = int(said.get("offset", 0)), int(said.get("length", size))
        if start < 0 or length != size or not path.is_file() or path.stat().st_size < start + size:
            raise ValueError(f"{size:,} bytes from {start:,} on are not there")
        with path.open("rb") as file:
            file.seek(start)
            return file.read(size)
    except (OSError, ValueError) as error:
        raise DataError(f"the array {name!r} cannot be read from {path.name}: {error}") from error
