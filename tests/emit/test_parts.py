"""A module is taken apart into its kernels."""

from __future__ import annotations

import pytest

import symdl as sd
from symdl.emit.canonical import canonical
from symdl.emit.parts import Part, in_whole, parts

n = sd.Dim("n")
X, Y = sd.tensor("X", (n, 4)), sd.tensor("Y", (n, 3))


def source_of(*outputs: sd.Tensor) -> str:
    """The module, without the listing of its calls."""
    return sd.compile(list(outputs)).source.partition("\n\n\n# ")[0]


MANY = sum((sd.tensor(f"T{k}", (n, 3)) for k in range(70)), Y)


def test_each_kernel_is_a_module_with_the_imports_that_it_needs() -> None:
    source = source_of(sd.softmax(X), sd.cumsum(Y, axis=1))
    found = parts(source)
    assert [part.name for part in found] == ["kernel_0", "kernel_1"]
    for part in found:
        assert part.source.count("@njit") == 1 and part.source.endswith("\n\n\nentries = [kernel]\n")
        compile(part.source, "part", "exec")
    uses = [{"import exp": "import exp" in part.source, "exp(": "exp(" in part.source} for part in found]
    assert [set(use.values()) for use in uses] in ([{True}, {False}], [{False}, {True}])


def test_a_part_depends_on_its_kernel_only() -> None:
    alone = [canonical(part.source) for part in parts(source_of(sd.softmax(X)))]
    beside = [canonical(part.source) for part in parts(source_of(sd.cumsum(Y, axis=1), sd.softmax(X)))]
    assert set(alone) < set(beside)


def test_a_kernel_of_many_arguments_has_its_entry() -> None:
    source = source_of(MANY)
    assert "by_row(kernel_" in source
    found = [part for part in parts(source) if part.source.endswith("entries = [by_row(kernel)]\n")]
    assert found and in_whole(found[0].name, "kernel_entry") == f"{found[0].name}_entry"


@pytest.mark.parametrize(
    "change",
    [
        ("entries = [", "more = 1\nentries = [0, "),
        ("entries = [", "def helper():\n    pass\n\n\nentries = ["),
        ("entries = [", "others = ["),
        ("@njit(", "@compiled("),
    ],
)
def test_a_module_with_more_in_it_is_one_part(change: tuple[str, str]) -> None:
    source = source_of(sd.softmax(X)).replace(*change)
    assert parts(source) == (Part(source),)
    assert in_whole("", "double_entry") == "double_entry"
