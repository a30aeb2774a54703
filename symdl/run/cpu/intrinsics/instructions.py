"""What hand-made instructions are put together from.

Enters: an LLVM builder, types and values. Leaves: instructions. Only llvmlite's documented interface is used.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

SHORT, LONG = ir.IntType(32), ir.IntType(64)
BYTES = ir.IntType(8).as_pointer()


def call(builder: Any, name: str, result: Any, args: Any, **options: Any) -> Any:
    """Call a function by its name, one of LLVM's or of the C library's."""
    module = builder.module
    kind = ir.FunctionType(result, [value.type for value in args])
    function = module.globals.get(name) or ir.Function(module, kind, name)
    return builder.call(function, args, **options)


def slot(builder: Any, kind: Any, count: int = 1) -> Any:
    """Return the address of memory for so many values on the stack of the function."""
    with builder.goto_entry_block():  # one that is made in a loop would grow
        return builder.alloca(kind, size=ir.Constant(LONG, count))


def spread(builder: Any, value: Any, lanes: int) -> Any:
    """Return a vector with one value in all lanes."""
    blank = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    first = builder.insert_element(blank, value, ir.Constant(SHORT, 0))
    return builder.shuffle_vector(first, blank, ir.Constant(ir.VectorType(SHORT, lanes), [0] * lanes))


def constant(kind: Any, value: Any) -> Any:
    """Return a number of a type, in all lanes if that is one of vectors."""
    return ir.Constant(kind, [value] * kind.count if isinstance(kind, ir.VectorType) else value)


def place(builder: Any, base: Any, at: Any, kind: Any) -> Any:
    """Return the address of a value of some type that begins at an element."""
    return builder.bitcast(builder.gep(base, [at]), kind.as_pointer())


def element(kind: Any) -> Any:
    """Return the type of a value, or of a vector's elements."""
    return kind.element if isinstance(kind, ir.VectorType) else kind


def with_element(kind: Any, other: Any) -> Any:
    """Return a type with other elements and as many lanes."""
    return ir.VectorType(other, kind.count) if isinstance(kind, ir.VectorType) else other


def suffix(kind: Any) -> str:
    """Return how LLVM's functions are named for a type: ``f32``, ``v16f64``, ``i64``."""
    if isinstance(kind, ir.VectorType):
        return f"v{kind.count}{suffix(kind.element)}"
    return {ir.FloatType(): "f32", ir.DoubleType(): "f64"}.get(kind) or f"i{kind.width}"
