"""Kernels on disk: found again by what they were made of, and by nothing less."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from tests.cuda.conftest import on
from tests.cuda.device import Loaded, SimulatedDevice
from tests.cuda.toolchain import needs_compiler

TYPES = ("float32", "float64")


def total(name: str) -> Callable[..., None]:
    from symdl.run.cuda.samples import total_kernel

    made: Callable[..., None] = total_kernel(np.dtype(name).type)
    return made


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The names of kernels that were compiled; the folder of what is kept is empty at first."""
    from symdl.run.cuda import kept
    from symdl.run.cuda.compiler import translate

    names: list[str] = []

    def noted(function: Callable[..., None], *arguments: Any) -> str:
        names.append(function.__name__)
        return translate(function, *arguments)

    monkeypatch.setattr(kept, "translate", noted)
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path))
    return names


@needs_compiler
def test_kernels_of_ours_are_kept_by_what_they_are_made_of(compiled: list[str]) -> None:
    from symdl.run.cuda.kept import ptx

    texts = {}
    for name in TYPES:
        texts[name] = ptx(total(name), ("float64*", f"{name}*", "int64", "int64"), "sm_90", 32)
    assert len(compiled) == len(set(texts.values())) == 2
    for name, text in texts.items():
        assert ptx(total(name), ("float64*", f"{name}*", "int64", "int64"), "sm_90", 32) == text
    assert len(compiled) == 2
    ptx(total("float32"), ("float64*", "float32*", "int64", "int64"), "sm_80", 32)
    ptx(total("float32"), ("float64*", "float32*", "int64", "uint32"), "sm_80", 32)
    made = ptx(total("float32"), ("float64*", "float32*", "int64", "uint32"), "sm_80", 64)
    assert len(compiled) == 5 and ".maxntid 64, 1, 1" in made


@needs_compiler
def test_a_warm_start_compiles_nothing(compiled: list[str]) -> None:
    n = sd.Dim("n")
    samples = {"X": np.ones((5, 3)), "t": np.array([0, 1, 1, 0, 1])}

    def fit() -> None:
        X, t = sd.tensor("X", (n, 3)), sd.tensor("t", (n,), dtype="int64")
        device = SimulatedDevice()
        model = sd.Model(sd.nn.cross_entropy(sd.nn.dense(X, 2, name="only"), t), target=on(device))
        model.fit(samples, optimizer=sd.nn.SGD(0.1), batch_size=2, epochs=1)
        device.settled()

    fit()
    assert {"gather_kernel", "add_to_total", "advance"} < set(compiled)
    compiled.clear()
    fit()
    assert not compiled


def kernels(outputs: Any, dtype: str = "float32") -> dict[str, tuple[Callable[..., None], tuple[str, ...]]]:
    """Return the kernels of a program with the types of their arguments."""
    from tests.cuda.generated import generated

    compile: Any = sd.compile
    return {k.name: (k.function, k.kinds) for k in generated(compile(outputs, target="cuda", dtype=dtype))}


@needs_compiler
def test_equal_kernels_of_different_programs_are_compiled_once(compiled: list[str]) -> None:
    from symdl.run.cuda.kept import ptx

    n, m = sd.Dim("n"), sd.Dim("samples")
    X, H = sd.tensor("X", (n, 3)), sd.tensor("H", (m, 3))
    first, second = kernels(sd.softmax(X)), kernels([sd.softmax(H), H.sum(axis=0)])
    texts = {name: ptx(*kernel, "sm_90", 256) for name, kernel in (first | second).items()}
    once = list(compiled)
    assert len(once) == len(set(once)) == len(texts) == 4  # softmax in two forms, the sum in two
    for name, kernel in first.items():
        assert kernel[0] is not second[name][0]
        assert ptx(*kernel, "sm_90", 256) == texts[name]
    assert compiled == once


@needs_compiler
def test_a_device_loads_equal_kernels_once(compiled: list[str]) -> None:
    device = Assembling()
    target = on(device)
    X, H = sd.tensor("X", (sd.Dim("n"), 3)), sd.tensor("H", (4, 3))
    for tensor in (X, H):
        sd.compile(sd.exp(tensor), target=target)(**{tensor.name: np.zeros((4, 3))})
    assert len(device.images) == len(compiled) == 1


DIFFERENT: tuple[Callable[[sd.Tensor], sd.Tensor], ...] = (
    lambda x: sd.exp(x),
    lambda x: sd.sin(x),
    lambda x: sd.exp(-x),
    lambda x: 2 * x,
    lambda x: 3 * x,
    lambda x: x // 2,
    lambda x: x % 2,
    lambda x: x.max(axis=1),
    lambda x: x.sum(axis=1),
)


@needs_compiler
def test_what_differs_has_another_name() -> None:
    from symdl.run.cuda.kept import name_of

    X = sd.tensor("X", (sd.Dim("n"), 3))
    named = [name_of(*k, 256) for f in DIFFERENT for d in TYPES for k in kernels(f(X), d).values()]
    named += [name_of(k, (*kinds[:-1], "int64"), 256) for k, kinds in kernels(sd.exp(X)).values()]
    named += [name_of(*k, 512) for k in kernels(sd.exp(X)).values()]
    assert len(named) == len(set(named)) > 2 * len(DIFFERENT)


class Assembling(SimulatedDevice):
    """A device with an assembler, whose machine code is PTX behind a mark."""

    MARK = b"\x7fELF"

    def __init__(self, *, architecture: str = "sm_90", version: int = 1, refuses: bool = False) -> None:
        super().__init__(architecture=architecture)
        self.assembler, self.refuses = f"assembler {version}", refuses
        self.assembled = 0
        self.images: list[str | bytes] = []

    def assemble(self, text: str) -> bytes | None:
        self.assembled += 1
        return None if self.refuses else self.MARK + text.encode()

    def load(self, module: str | bytes) -> Loaded:
        self.images.append(module)
        return super().load(module.removeprefix(self.MARK) if isinstance(module, bytes) else module)


ARGUMENTS = ("int64*", "int64")


def loaded(device: Assembling) -> str | bytes:
    """Load a kernel of ours; return what the device was given."""
    from symdl.run.cuda.kept import load
    from symdl.run.cuda.samples import advance

    load(advance, ARGUMENTS, device, 32)
    return device.images[-1]


@needs_compiler
def test_machine_code_is_kept_for_an_architecture_and_a_version(compiled: list[str], tmp_path: Path) -> None:
    first = Assembling()
    image = loaded(first)
    assert isinstance(image, bytes) and first.assembled == len(compiled) == 1
    again = Assembling()
    assert loaded(again) == image and not again.assembled
    assert len(list(tmp_path.glob("*.cubin"))) == 1
    newer = Assembling(version=2)
    assert loaded(newer) == image and newer.assembled == 1
    assert len(compiled) == 1  # the PTX is the same
    older = Assembling(architecture="sm_80")
    assert loaded(older) != image and older.assembled == 1
    assert len(compiled) == 2


@needs_compiler
@pytest.mark.parametrize("suffix", ["cubin", "ptx"])
@pytest.mark.parametrize("change", ["a byte", "its end", "others may write", "another kernel's", "gone"])
def test_a_file_that_is_not_just_that_is_made_again(
    suffix: str, change: str, compiled: list[str], tmp_path: Path
) -> None:
    from symdl.run.cuda.kept import ptx
    from symdl.run.cuda.samples import gather_kernel

    right = unnumbered(loaded(Assembling()))
    (path,) = tmp_path.glob(f"*.{suffix}")
    known, data = set(tmp_path.iterdir()), path.read_bytes()
    if change == "a byte":
        path.write_bytes(data[:-10] + bytes([data[-10] ^ 1]) + data[-9:])
    elif change == "its end":
        path.write_bytes(data[:-1])
    elif change == "others may write":
        path.chmod(0o666)
    elif change == "another kernel's":
        ptx(gather_kernel, ("float32*", "float32*", "int64*", *["int64"] * 4), "sm_90", 256)
        (other,) = set(tmp_path.iterdir()) - known
        path.write_bytes(other.read_bytes())
    else:
        path.unlink()
    if suffix == "ptx":  # it is only asked for where there is no machine code
        for each in tmp_path.glob("*.cubin"):
            each.unlink()
    compiled.clear()
    device = Assembling()
    assert unnumbered(loaded(device)) == right
    assert device.assembled == 1
    assert compiled == (["advance"] if suffix == "ptx" else [])
    assert unnumbered(loaded(Assembling())) == right


def unnumbered(image: str | bytes) -> bytes:
    """Return machine code without the numbers that Numba puts into names."""
    assert isinstance(image, bytes)
    return re.sub(rb"_\d+|B\d+v\d+|v\d+B\d+", b"", image)


@needs_compiler
def test_what_an_assembler_refuses_is_loaded_as_ptx(compiled: list[str], tmp_path: Path) -> None:
    for _ in range(2):
        image = loaded(Assembling(refuses=True))
        assert isinstance(image, str) and ".entry" in image
    assert not list(tmp_path.glob("*.cubin")) and len(compiled) == 1


def test_kernels_are_kept_by_the_texts_of_all_that_they_are_built_on() -> None:
    """Whoever changes a function that is taken into kernels gets new ones."""
    from symdl.run.cuda import kept

    folder = kept.PACKAGE / "run" / "cuda"
    texts = {file.stem: file.read_text("utf-8") for file in folder.glob("*.py")}
    built_on = {name for name, text in texts.items() if "@inlined" in text or "import block" in text}
    assert built_on <= {*kept._MODULES, "compiler"}
