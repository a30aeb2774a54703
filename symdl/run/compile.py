"""``sd.compile``: from an output to a function of arrays.

Enters: tensors or a scalar SymPy expression, and by what to differentiate. Leaves: `Compiled`, or for an
expression a `ScalarFunction` that broadcasts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypedDict, Unpack, get_args, overload

from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.each import differentiate_each
from symdl.differentiate.jacobian import jacobian, jacobians
from symdl.differentiate.prepare import prepare
from symdl.errors import CompileError
from symdl.express.complexes import ComplexTensor
from symdl.express.conditions import Condition
from symdl.express.dims import dims_of
from symdl.express.operations import functions_of, stable_graphs
from symdl.express.program import Fact, Program, collect, dropped
from symdl.express.surface import define
from symdl.express.tensors import Tensor
from symdl.lower.lowered import Schedule
from symdl.run import complexes
from symdl.run.autotune import MOST_WORKERS, chosen, cores
from symdl.run.compiled import Compiled, DTypeName, TargetName
from symdl.run.derived import Derived, derived, facts_told
from symdl.run.packing import WithGradients, WithJacobians, alone
from symdl.run.runtime import ResultsIn, Target
from symdl.run.scalar_function import ScalarFunction
from symdl.run.storage import Storage
from symdl.targets import find

Output = Tensor | Condition | ComplexTensor
Wrt = str | Tensor | Sequence[str | Tensor] | None
Several = tuple[Any, ...]
Gradients = tuple[Any, dict[str, Any]]


class Options(TypedDict, total=False):
    """What `compile` may be told besides the output and what to differentiate with respect to."""

    dtype: DTypeName
    target: TargetName | Target
    schedule: Schedule
    facts: Sequence[Fact]
    threads: int | None
    results: ResultsIn
    storage: Storage


@overload
def compile(output: Output, *, wrt: None = None, **options: Unpack[Options]) -> Compiled[Any]: ...


@overload
def compile(
    output: Output,
    *,
    wrt: str | Tensor | Sequence[str | Tensor],
    **options: Unpack[Options],
) -> Compiled[Gradients]: ...


@overload
def compile(
    output: Sequence[Output], *, wrt: None = None, **options: Unpack[Options]
) -> Compiled[Several]: ...


@overload
def compile(
    output: Sequence[Output],
    *,
    wrt: str | Tensor | Sequence[str | Tensor],
    **options: Unpack[Options],
) -> Compiled[tuple[Several, dict[str, Several]]]: ...


@overload
def compile(output: Any, *, wrt: None = None, **options: Unpack[Options]) -> ScalarFunction[Any]: ...


@overload
def compile(output: Any, *, wrt: Any, **options: Unpack[Options]) -> ScalarFunction[Gradients]: ...


def compile(
    output: Any,
    *,
    wrt: Any = None,
    dtype: DTypeName = "float64",
    target: TargetName | Target = "cpu",
    schedule: Schedule = "fused",
    facts: Sequence[Fact] = (),
    threads: int | None = None,
    results: ResultsIn = "alike",
    storage: Storage | None = None,
) -> Compiled[Any] | ScalarFunction[Any]:
    """Compile an output, and its gradients if `wrt` is given.

    Args:
        output: a tensor or a list of tensors; or a SymPy expression in ordinary symbols, a list or a matrix
            of them, such as residuals: what they have in common is computed once. A comparison is the tensor
            of its ones and zeros.
        wrt: what to differentiate with respect to: ``"parameters"``, a tensor or its name, or a
            list of them; for expressions, their symbols.
        dtype: of all real arrays.
        target: ``"cpu"``, ``"cuda"`` (a graphics processor), or ``"python"``: loops without a compiler; or
            one with options (`symdl.target`).
        schedule: ``"fused"``, or ``"naive"`` for one kernel an equation.
        facts: declared knowledge, such as `sd.sums_to_one`.
        threads: the most cores that an expression at many points uses; None for all. ``SYMDL_THREADS``
            comes first. Results do not depend on it.
        results: where they lie: ``"alike"``, on the device if an argument is there (of any library that has
            ``__cuda_array_interface__`` or DLPack; results have both), ``"host"`` or ``"target"``.
        storage: narrow types of inputs by name, such as ``{"W": "float16", "image": "uint8"}``: arrays of
            these types are read where they are, without a copy. Arithmetic and gradients have `dtype`. Reals
            can be float16, bfloat16 (see `symdl.bfloat16`) or integers from int8 to uint32, int64 such
            integers. Other arrays are rounded; integers that do not fit are refused. Not on ``"cuda"``.

    Returns:
        A function of keyword arguments, one an input; an input that dropped out of a derivative may be given
        or left out. Sizes are at least 1. Without `wrt` it returns the array of the output (a tuple for a
        list of tensors); with `wrt` the value and a dictionary of gradients by name, of a tensor with axes
        Jacobians of shape ``output.shape + input.shape``. Of a list of tensors these are a tuple of values,
        and by name a tuple of Jacobians, one an output; an output that is not computed from an input has
        zeros. Values of rank 0 are NumPy scalars. Of complex numbers `symdl.ComplexTensor` tells.

        For expressions the arguments broadcast, numbers with arrays of points. Every result has a value at
        each point, so have derivatives with respect to a number: their sum over the points is the derivative
        of the sum. The values of k expressions are one array of shape ``(k, *points)``, of a matrix of shape
        (r, c) ``(r, c, *points)``; derivatives have the shape of the values.

    Raises:
        CompileError: `output` or `wrt` is nothing that can be compiled, `facts` about an expression, no such
            target, `storage` of no input.
        ArgumentError: `threads` is no positive integer.

    Example:
        >>> x, y = sp.symbols("x y")
        >>> f = sd.compile(x**2*y, wrt=[x, y], target="python")
        >>> value, slopes = f(x=3.0, y=2.0)
        >>> print(value, slopes["x"], slopes["y"])
        18.0 12.0 9.0
    """
    options = _options(dtype, find(target), schedule, threads, results) | {"storage": storage}
    output = [_flags(o) for o in output] if isinstance(output, list | tuple) else _flags(output)
    if complexes.is_complex(output):
        return _complex(output, wrt, facts, options)
    expressions, shape = functions_of(output)
    if expressions:
        return _scalar(expressions, shape, wrt, facts, options)
    return (_list if isinstance(output, list) else _one)(output, wrt, facts, options)


def _list(
    outputs: Sequence[Any], wrt: Any, facts: Sequence[Fact], options: dict[str, Any], pack: Any = None
) -> Compiled[Any]:
    """Return a function of several tensors, and of their Jacobians."""
    program = collect(_tensors(outputs), facts=facts)
    _check_sizes(program)
    if wrt is not None:
        return Compiled(**_several(program.outputs, program, wrt), dropped=dropped(program), **options)
    ready = _derived("values", program.outputs, program.facts, lambda: prepare(program)[0])
    return Compiled(ready, pack=pack, dropped=dropped(program), **options)


def _complex(output: Any, wrt: Any, facts: Sequence[Fact], options: dict[str, Any]) -> Compiled[Any]:
    """Return a function of outputs of which some are complex."""
    if wrt is not None:
        raise CompileError(
            "a complex output has no gradient",
            cure="differentiate a real loss such as (abs(z)**2).sum(), or the parts: [z.re, z.im]",
        )
    tensors, pack = complexes.parts(output)
    return _list([_flags(t) for t in tensors], None, facts, options, pack)


def _one(output: Any, wrt: Any, facts: Sequence[Fact], options: dict[str, Any]) -> Compiled[Any]:
    """Return a function of one tensor, or of a formula of elements of tensors, and of its derivatives."""
    tensor = output if isinstance(output, Tensor) else define(None, (), output)
    written = collect([tensor], facts=facts)
    _check_sizes(written)
    if wrt is None:
        ready = _derived("value", [tensor], written.facts, lambda: prepare(written)[0])
        return Compiled(ready, pack=alone, dropped=dropped(written), **options)
    return Compiled(**_differentiated(tensor, written, wrt), dropped=dropped(written), **options)


def _differentiated(tensor: Tensor, written: Program, wrt: Any) -> dict[str, Any]:
    """Return the program with the derivatives of a tensor, and how its results are arranged."""
    parts, told = complexes.chosen(wrt, written.inputs) or (wrt, None)
    by = _chosen(parts, written.inputs)
    pack = WithGradients([str(t.name) for t in by]) if told is None else complexes.packed(told)
    if not tensor.rank:
        program = _derived(
            "gradients",
            [tensor, *by],
            written.facts,
            lambda: differentiate(tensor, by, facts=written.facts, exact=True).program,
        )
        return {"program": program, "pack": pack}

    def columns() -> Program:
        each = [jacobian(tensor, t, facts=written.facts) for t in by]
        return prepare(collect([tensor, *each], facts=written.facts))[0]

    return {"program": _derived("Jacobians", [tensor, *by], written.facts, columns), "pack": pack}


def _several(outputs: Sequence[Tensor], written: Program, wrt: Any) -> dict[str, Any]:
    """Return the program with the Jacobians of several tensors, and how its results are arranged."""
    by = _chosen(wrt, written.inputs)
    program = _derived(
        f"Jacobians of {len(outputs)} outputs",
        [*outputs, *by],
        written.facts,
        lambda: jacobians(outputs, by, facts=written.facts),
    )
    return {"program": program, "pack": WithJacobians([str(t.name) for t in by])}


def _derived(
    what: str, asked: Sequence[Tensor], facts: Sequence[Fact], make: Callable[[], Program]
) -> Program:
    """Return what `make` returns, found on disk if it was derived from equal tensors."""
    told, tensors = facts_told(facts)
    return derived([what, len(asked), told], [*asked, *tensors], lambda: Derived(make())).program


def _options(
    dtype: str, target: Target, schedule: Schedule, threads: int | None, results: ResultsIn
) -> dict[str, Any]:
    """Return what `Compiled` is told."""
    if results not in get_args(ResultsIn):
        raise CompileError(f"results={results!r}", cure="use 'alike', 'host' or 'target'")
    found: dict[str, Any] = {"dtype": dtype, "target": target, "schedule": schedule, "results": results}
    return found | {"threads": chosen(threads) or min(cores(), MOST_WORKERS)}


def _flags(output: Any) -> Any:
    """Return a comparison as the tensor of its zeros and ones, and all else as it is."""
    return output.as_tensor() if hasattr(output, "as_tensor") else output


def _check_sizes(program: Program) -> None:
    """Refuse a size that no input shows, so that no call could tell it."""
    known = {d for t in program.inputs for size in t.shape for d in dims_of(size)}
    unknown = [d for d in program.dims if d not in known]
    if unknown:
        raise CompileError(
            f"no input has the size {unknown[0]}, so no call can tell it",
            shapes={str(t.name or "output"): t.shape for t in (*program.inputs, *program.outputs)},
            cure="use an integer, or read an input with that size",
        )


def _tensors(outputs: Sequence[Any]) -> list[Tensor]:
    wrong = [o for o in outputs if not isinstance(o, Tensor)]
    if wrong or not outputs:
        raise CompileError(f"{wrong[0]!r} is no tensor" if wrong else "there is no output")
    return list(outputs)


def _chosen(wrt: Wrt, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the tensors to differentiate with respect to."""
    if isinstance(wrt, str) and wrt == "parameters":
        found = tuple(t for t in inputs if t.role == "parameter")
        if not found:
            raise CompileError("the output depends on no parameter", cure="name tensors in wrt")
        return found
    names = {t.name: t for t in inputs}
    several: Sequence[Any] = [wrt] if isinstance(wrt, str | Tensor) else list(wrt or ())
    chosen = [names.get(w) if isinstance(w, str) else w for w in several]
    for asked, tensor in zip(several, chosen, strict=True):
        if not isinstance(tensor, Tensor) or tensor not in inputs:
            raise CompileError(
                f"{asked} is no input or parameter of the output",
                cure=f"choose from {', '.join(str(t.name) for t in inputs)}",
            )
        if tensor.dtype == "int64":
            raise CompileError(f"{tensor.name} holds integers; there is no gradient with respect to it")
    if not chosen:
        raise CompileError("wrt is empty", cure='use wrt=None, "parameters" or names')
    return tuple(t for t in chosen if isinstance(t, Tensor))


def _scalar(
    several: list[Any],
    shape: tuple[int, ...] | None,
    wrt: Any,
    facts: Sequence[Fact],
    options: dict[str, Any],
) -> ScalarFunction[Any]:
    if facts:
        raise CompileError("facts are about tensors; an expression has none", cure="leave facts out")
    if options.pop("storage"):
        raise CompileError("storage is of tensors; an expression has none", cure="leave storage out")
    program = stable_graphs(several)
    if wrt is None:
        return ScalarFunction(program, None, shape, options)
    known = {str(t.name): t for t in program.inputs}
    asked = list(wrt) if isinstance(wrt, list | tuple) else [wrt]
    names = list(known) if asked == ["parameters"] else list(dict.fromkeys(map(str, asked)))
    if names:  # a symbol that does not occur has the derivative 0
        chosen = [known.get(name) or Tensor(name, (), role="input") for name in names]
        program = differentiate_each(program.outputs, chosen)
    return ScalarFunction(program, names, shape, options)
