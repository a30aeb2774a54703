"""Intermediates of a loss called as a lecturer calls them: let r be the residual.

Enters: a tensor, and names for what it is computed from. Leaves: the same tensor over named intermediates;
what a name stands for is found by what it computes, wherever the loss was written.
"""

from __future__ import annotations

from collections.abc import Mapping

from symdl.differentiate.known_values import canonical
from symdl.errors import ExplainError
from symdl.express.program import collect
from symdl.express.replacing import replaced
from symdl.express.tensors import Access, Tensor


def with_names(f: Tensor, let: Mapping[str, Tensor]) -> tuple[Tensor, dict[Tensor, Tensor]]:
    """Return `f` with intermediates named, and what takes the place of tensors that were made anew.

    Args:
        f: any tensor.
        let: for each name what it stands for: an unnamed tensor that `f` is computed from, or one that is
            written as it is there.

    Raises:
        ExplainError: `f` is computed from no such tensor, it has a name already, or the name is taken.
    """
    program = collect([f])
    taken = {t.name for t in (*program.inputs, *program.definitions) if t.name}
    known = {canonical(e): e.lhs for e in reversed(program.equations)}
    names: dict[Tensor, str] = {}
    for name, value in let.items():
        if not isinstance(value, Tensor):
            raise ExplainError(f"{name} stands for {value!r}, which is no tensor", cure="pass a tensor")
        found = _found(value, known, {*program.inputs, *program.definitions})
        if found is None:
            cure = "write it as it is written in the loss, or pass that tensor itself"
            raise ExplainError(f"the loss is computed from nothing like {name}", expression=value, cure=cure)
        if found.name or found in names or found.equation is None:
            other = found.name or names.get(found, found)
            raise ExplainError(f"{name} stands for {other}, which has a name", cure="leave it out")
        if name in taken:
            raise ExplainError(f"another tensor of the loss is called {name}", cure="choose another letter")
        names[found] = name
        taken.add(name)
    new: dict[Tensor, Tensor] = {}
    for group in program.groups:
        if not any(e.lhs in names or any(t in new for t in e.reads()) for e in group):
            continue
        for old in [e.lhs for e in group]:
            of = new.get(old.of, old.of) if old.of is not None else None
            name_ = names.get(old, old.name)
            new[old] = Tensor(name_, old.shape, dtype=old.dtype, role=old.role, of=of, below=old.below)
        for equation in group:
            new[equation.lhs].attach(replaced(equation, new))
    return new.get(f, f), new


def _found(value: Tensor, known: Mapping[object, Tensor], own: set[Tensor]) -> Tensor | None:
    """Return the tensor among `own` that computes the same by the same equations, or None."""
    if value in own:
        return value
    same: dict[Tensor, Tensor] = {}
    for equation in collect([value]).equations:
        if equation.lhs not in own:
            found = known.get(canonical(replaced(equation, same)))
            if found is None:
                return None
            same[equation.lhs] = found
    return same.get(value)


def derivative_names(f: Tensor) -> dict[str, Tensor]:
    """Return names for derivatives that a loss is made of: ``u_x``, ``u_xx`` for ``grad(u.sum(), x)``.

    Only where the differentiated tensor has a name (a layer's output goes by the layer's), and what it is
    differentiated by is given.
    """
    program = collect([f])
    found: dict[str, Tensor] = {}
    names: dict[Tensor, str] = {}
    taken = {t.name for t in (*program.inputs, *program.definitions)}
    made = (t for t in program.definitions if t.role == "cotangent" and t.sources and not t.name)
    for tensor in sorted(made, key=lambda t: t.serial):
        of, source = tensor.of, _summed(tensor.sources[0])
        base = names.get(source) or _short_name(source.name)
        if of is None or not of.name or of.role != "input" or base is None or "." in of.name:
            continue
        if source is tensor.sources[0] and source not in names:
            continue  # of a loss: its gradient is a bar
        name = f"{base}{'' if source in names else '_'}{of.name}"
        names[tensor] = name
        if name not in taken and name not in found:
            found[name] = tensor
    return found


def _summed(output: Tensor) -> Tensor:
    """The field of which a derivative is taken by way of its sum."""
    equation = output.equation
    if equation is None or equation.reduction is None or equation.reduction.op != "sum":
        return output
    return equation.body.tensor if isinstance(equation.body, Access) else output


def _short_name(name: str | None) -> str | None:
    """The name of a layer's output: that of the layer."""
    path, _, word = (name or "").rpartition(".")
    return (path.rpartition(".")[2] if word in ("Z", "A") and path else word) or None
