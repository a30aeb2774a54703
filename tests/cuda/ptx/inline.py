"""A kernel with its functions written out in place of their calls.

Enters a `Module` and the name of an entry; leaves a `Program`: one list of instructions with jumps to
positions. Names of an inlined function get a number of the call behind them. Its parameters are the
variables of the caller that the call names, so that nothing is copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tests.cuda.ptx.syntax import (
    Address,
    Both,
    Function,
    Immediate,
    Instruction,
    Module,
    Name,
    Operand,
    Place,
    Register,
    Several,
    Variable,
)
from tests.cuda.ptx.types import PtxError, PtxType


@dataclass(frozen=True)
class Program:
    """Instructions in one list, with the position each label and the lists of labels lead to."""

    entry: str
    parameters: tuple[Variable, ...]
    registers: Mapping[str, PtxType]
    variables: tuple[Variable, ...]
    body: tuple[Instruction, ...]
    labels: Mapping[str, int]
    tables: Mapping[str, tuple[str, ...]]
    threads: int
    """The most of a block, or 0."""


def program_of(module: Module, entry: str) -> Program:
    """Return the kernel `entry` of `module`, calls inlined; `PtxError` on recursion and unknown functions."""
    kernel = module.functions.get(entry)
    if kernel is None or not kernel.entry:
        raise PtxError(f"no kernel {entry!r}; there are {', '.join(module.entries) or 'none'}")
    writer = _Writer(module)
    writer.write(kernel, {}, "", Place(0), ())
    used = {p.name for p in kernel.parameters}
    variables = (*module.variables, *(v for v in writer.variables if v.name not in used))
    return Program(
        entry,
        kernel.parameters,
        writer.registers,
        variables,
        tuple(writer.body),
        writer.labels,
        writer.tables,
        kernel.threads,
    )


class _Writer:
    def __init__(self, module: Module) -> None:
        self.module = module
        self.calls = 0
        self.body: list[Instruction] = []
        self.labels: dict[str, int] = {}
        self.registers: dict[str, PtxType] = {}
        self.variables: list[Variable] = []
        self.tables: dict[str, tuple[str, ...]] = {}

    def write(
        self, function: Function, names: Mapping[str, str], tag: str, call: Place, stack: tuple[str, ...]
    ) -> None:
        """Append the body of `function`; `names` are its parameters as the caller calls them."""
        own = {*function.labels, *function.registers, *function.tables, *(v.name for v in function.variables)}
        names = {**{name: name + tag for name in own}, **names}
        self.registers.update({names[n]: of for n, of in function.registers.items()})
        self.variables.extend(replace(v, name=names[v.name]) for v in function.variables)
        self.tables.update({names[t]: tuple(names[n] for n in ls) for t, ls in function.tables.items()})
        at: dict[int, list[str]] = {}
        for label, position in function.labels.items():
            at.setdefault(position, []).append(names[label])
        end = f"end{tag}"
        for position, instruction in enumerate(function.body):
            self.labels.update(dict.fromkeys(at.get(position, ()), len(self.body)))
            instruction = renamed(instruction, names, call)
            if instruction.opcode == "call":
                self.call(instruction, (*stack, function.name))
            elif instruction.opcode == "ret" and tag:
                self.body.append(
                    replace(instruction, opcode="bra", modifiers=("uni",), operands=(Name(end),))
                )
            else:
                self.body.append(instruction)
        self.labels.update(dict.fromkeys((*at.get(len(function.body), ()), end), len(self.body)))

    def call(self, call: Instruction, stack: tuple[str, ...]) -> None:
        operands = list(call.operands)
        results = operands.pop(0) if isinstance(operands[0], Several) else Several(())
        target = operands.pop(0)
        given = operands.pop(0) if operands else Several(())
        if not (isinstance(target, Name) and isinstance(given, Several) and isinstance(results, Several)):
            raise call.error("calls of this form are not understood")
        function = self.module.functions.get(target.name)
        if function is None:
            raise call.error(f"{target.name} has no body in this module")
        if function.name in stack:
            raise call.error("recursion")
        if call.guard is not None:
            raise call.error("calls under a predicate are not understood")
        self.calls += 1
        pairs = [*zip(function.results, results.parts, strict=True)]
        pairs += zip(function.parameters, given.parts, strict=True)
        names = {variable.name: str(part) for variable, part in pairs}
        self.write(function, names, f"#{self.calls}", call.place, stack)


def renamed(instruction: Instruction, names: Mapping[str, str], call: Place) -> Instruction:
    """Put other names in; what has no line of source of its own has that of the call."""
    place = instruction.place
    if not place.source and call.source:
        place = replace(place, file=call.file, source=call.source)
    guard = instruction.guard
    if guard is not None:
        guard = replace(guard, name=names.get(guard.name, guard.name))
    operands = tuple(_renamed(operand, names) for operand in instruction.operands)
    return replace(instruction, operands=operands, guard=guard, place=place)


def _renamed(operand: Operand, names: Mapping[str, str]) -> Operand:
    if isinstance(operand, Both):
        return Both(_part(operand.first, names), _part(operand.second, names))
    if isinstance(operand, Several):
        return Several(tuple(_any(part, names) for part in operand.parts))
    if isinstance(operand, Address):
        return replace(operand, base=_any(operand.base, names))
    return _any(operand, names)


def _part(register: Register, names: Mapping[str, str]) -> Register:
    return replace(register, name=names.get(register.name, register.name))


def _any(operand: Register | Immediate | Name, names: Mapping[str, str]) -> Register | Immediate | Name:
    if isinstance(operand, Register):
        return _part(operand, names)
    if isinstance(operand, Name):
        return replace(operand, name=names.get(operand.name, operand.name))
    return operand
