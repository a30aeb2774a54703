"""PTX written by hand, for tests of the interpreter that need no compiler."""

from __future__ import annotations

from collections.abc import Sequence

REGISTERS = (".pred %p", ".b16 %rs", ".b32 %r", ".b64 %rd", ".f32 %f", ".f64 %fd")


def module(
    body: str, parameters: Sequence[str] = ("u64",), *, outside: str = "", name: str = "kernel"
) -> str:
    """Return a module with one kernel, whose parameters of these types are ``p0``, ``p1``, ….

    Registers ``%p0`` to ``%p63``, ``%rs…``, ``%r…``, ``%rd…``, ``%f…`` and ``%fd…`` are declared; `outside`
    stands before the kernel.
    """
    listed = ",\n".join(f"\t.param .{of} p{number}" for number, of in enumerate(parameters))
    declared = "".join(f"\t.reg {register}<64>;\n" for register in REGISTERS)
    head = f".version 9.0\n.target sm_90\n.address_size 64\n{outside}\n"
    return f"{head}.visible .entry {name}(\n{listed}\n)\n{{\n{declared}{body}\n\tret;\n}}\n"


THREAD = """
    mov.u32 %r1, %tid.x;
    mov.u32 %r2, %ctaid.x;
    mov.u32 %r3, %ntid.x;
    mad.lo.u32 %r0, %r2, %r3, %r1;
"""
"""The number of the thread in the grid in %r0, in the block in %r1, of the block in %r2."""


def pointer(register: str, parameter: int, *, index: str = "%r0", width: int = 4) -> str:
    """Put the address of an element of an array that is a parameter into a register."""
    return f"""
    ld.param.u64 {register}, [p{parameter}];
    cvta.to.global.u64 {register}, {register};
    mad.wide.u32 {register}, {index}, {width}, {register};
"""
