"""Text of PTX in, a `Module` out.

The text is what NVVM writes, with inline assembly in it: directives, functions with a body of statements that
end with a semicolon, blocks in braces with names of their own. Numbered registers (``%f<107>``) are declared
by their prefix, and those used are listed.
"""

from __future__ import annotations

import math
import re
import struct
from bisect import bisect_right
from collections.abc import Iterator

from tests.cuda.ptx.operands import parse_operands
from tests.cuda.ptx.syntax import (
    SPACES,
    Address,
    Both,
    Function,
    Instruction,
    Module,
    Name,
    Operand,
    Place,
    Register,
    Several,
    Space,
    Variable,
)
from tests.cuda.ptx.types import PtxError, PtxType, type_named

NAME = r"[%$A-Za-z_][\w$.]*"
TOKENS = re.compile(
    r"(?P<space>\s+)|(?P<debug>\.loc\s[^\n]*)|(?P<label>[$A-Za-z_][\w$]*):(?!:)"
    r"|(?P<open>\{)|(?P<close>\})|(?P<statement>[^;{}]*(?:\{[^{}]*\}[^;{}]*)*;)"
)
DEBUG = re.compile(r"\.loc\s+(\d+)\s+(\d+)\s+\d+")
FILE = re.compile(r"\.file\s+(\d+)\s+\"([^\"]*)\"")
GUARD = re.compile(r"@(!?)(%[\w$]+)\s+")
HEADER = re.compile(
    r"(?:\.visible|\.weak|\.extern)?\s*\.(?P<kind>entry|func)\s*(?P<results>\([^)]*\))?\s*(?P<name>[\w$]+)"
    r"\s*(?P<parameters>\([^)]*\))?(?P<directives>[^{;]*)(?P<end>[{;])"
)
VARIABLE = re.compile(
    r"(?:\.(?:visible|weak|common|extern|managed)\s+)*\.(?P<space>global|const|shared|local|param)\b(?P<attributes>[^;={\[]*?)"
    r"(?P<name>[\w$]+)\s*(?P<count>\[\d*\])?\s*(?:=\s*(?P<content>\{[^}]*\}|[^;]+))?\s*$",
    re.DOTALL,
)
DIRECTIVE = re.compile(r"\.([a-z]\w*)\s*([\d\s,]*)")
REGISTERS = re.compile(r"\.reg\s+\.(\w+)\s+(.*)", re.DOTALL)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


def parse(text: str) -> Module:
    """Return what `text` says; `PtxError` names the line of what is not understood."""
    text = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
    files = {int(number): name for number, name in FILE.findall(text)}
    target = re.search(r"\.target\s+(\w+)", text)
    lines = [i for i, letter in enumerate(text) if letter == "\n"]
    functions: dict[str, Function] = {}
    outside, position = [], 0
    for header in HEADER.finditer(text):
        if header.start() < position:
            continue
        outside.append(text[position : header.start()])
        position = header.end()
        if header["end"] == "{":
            end = _closing(text, position)
            body = _Body(text[:end], position, lines, files)
            functions[header["name"]] = body.function(header)
            position = end + 1
    outside.append(text[position:])
    variables = tuple(v for piece in outside for v in _variables(_without_sections(piece)))
    return Module(target[1] if target else "", variables, functions)


def _closing(text: str, start: int) -> int:
    depth = 1
    for brace in re.compile(r"[{}]").finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if not depth:
            return brace.start()
    raise PtxError("a function does not end")


def _without_sections(text: str) -> str:
    """Drop debug sections and the heads that no variable is in."""
    text = re.sub(r"\.section[^{]*\{[^}]*\}", "", text)
    return re.sub(r"\.(version|target|address_size|file|loc)\b[^\n]*", "", text)


def _variables(text: str) -> Iterator[Variable]:
    for piece in text.split(";"):
        found = VARIABLE.search(piece)
        if found:
            yield _variable(found)


def _variable(found: re.Match[str]) -> Variable:
    (space,) = (s for s in SPACES if s == found["space"])
    attributes = found["attributes"]
    align = re.search(r"\.align\s+(\d+)", attributes)
    lanes = 2 if ".v2" in attributes else 4 if ".v4" in attributes else 1
    of = type_named(re.findall(r"\.(pred|[busf]\d+)\b", attributes)[-1])
    count = 1 if found["count"] is None else int(found["count"][1:-1] or 0)
    size = of.bytes * lanes * count
    content = None
    if found["content"] is not None:
        content = b"".join(_literal(n, of) for n in re.findall(r"[^\s{},]+", found["content"])).ljust(
            size, b"\0"
        )
    return Variable(found["name"], space, size, int(align[1]) if align else of.bytes, content)


def _literal(text: str, of: PtxType) -> bytes:
    if text[:2] in ("0f", "0F", "0d", "0D"):
        return int(text[2:], 16).to_bytes((len(text) - 2) // 2, "little")
    if of.kind == "f":
        return struct.pack("<f" if of.bits == 32 else "<d", float(text))
    return (int(text.rstrip("U"), 0) % (1 << of.bits)).to_bytes(of.bytes, "little")


class _Body:
    """Reads the body of one function, which starts behind its brace at `position`."""

    def __init__(self, text: str, position: int, lines: list[int], files: dict[int, str]) -> None:
        self.text, self.position, self.lines, self.files = text, position, lines, files
        self.place = Place(0)
        self.scopes: list[dict[str, str]] = [{}]
        self.blocks = 0
        self.prefixes: dict[str, PtxType] = {}
        self.registers: dict[str, PtxType] = {}
        self.variables: list[Variable] = []
        self.body: list[Instruction] = []
        self.labels: dict[str, int] = {}
        self.tables: dict[str, tuple[str, ...]] = {}

    def function(self, header: re.Match[str]) -> Function:
        while self.position < len(self.text):
            token = TOKENS.match(self.text, self.position)
            if token is None:
                raise PtxError(f"line {self.line}: not understood: {self.text[self.position :][:60]!r}")
            self.token(token)
            self.position = token.end()
        return Function(
            header["name"],
            header["kind"] == "entry",
            _parameters(header["parameters"]),
            _parameters(header["results"]),
            self.registers,
            tuple(self.variables),
            tuple(self.body),
            self.labels,
            self.tables,
            _threads(header["directives"]),
        )

    @property
    def line(self) -> int:
        return bisect_right(self.lines, self.position - 1) + 1

    def token(self, token: re.Match[str]) -> None:
        kind, text = token.lastgroup, token[0]
        if kind == "debug":
            found = DEBUG.match(text)
            if found and int(found[2]):
                self.place = Place(0, self.files.get(int(found[1]), ""), int(found[2]))
        elif kind == "label":
            self.labels[self.scoped(token["label"], new=len(self.scopes) > 1)] = len(self.body)
        elif kind == "open":
            self.scopes.append({})
            self.blocks += 1
        elif kind == "close":
            self.scopes.pop()
        elif kind == "statement":
            self.statement(text[:-1].strip())

    def scoped(self, name: str, *, new: bool = False) -> str:
        """Return the name that is unique in the function, made if it is new in the block."""
        if new and len(self.scopes) > 1:
            self.scopes[-1][name] = f"{name}@{self.blocks}"
        return next((scope[name] for scope in reversed(self.scopes) if name in scope), name)

    def statement(self, text: str) -> None:
        registers = REGISTERS.fullmatch(text)
        if registers:
            self.declare(type_named(registers[1]), registers[2])
        elif text.startswith(".branchtargets"):
            label = next(name for name, at in reversed(self.labels.items()) if at == len(self.body))
            self.tables[label] = tuple(self.scoped(n) for n in re.findall(r"[$\w]+", text)[1:])
        elif text.startswith("."):
            found = VARIABLE.search(text)
            if found:
                variable = _variable(found)
                name = self.scoped(variable.name, new=True)
                self.variables.append(Variable(name, variable.space, variable.size, variable.align))
        elif text:
            self.instruction(text)

    def declare(self, of: PtxType, names: str) -> None:
        for name in re.split(r"\s*,\s*", names.strip()):
            many = re.fullmatch(r"([%\w$]+)<\d+>", name)
            if many:
                self.prefixes[many[1]] = of
            else:
                self.registers[self.scoped(name, new=True)] = of

    def instruction(self, text: str) -> None:
        guard = GUARD.match(text)
        text = text[guard.end() :] if guard else text
        head, _, rest = text.partition(" ") if " " in text.split("\n")[0] else text.partition("\t")
        opcode, *modifiers = re.split(r"\.|::", re.split(r"\s", head)[0])
        rest = text[len(re.split(r"\s", head)[0]) :]
        operands = tuple(self.resolved(operand) for operand in parse_operands(rest, self.line))
        where = Place(self.line, self.place.file, self.place.source)
        held = Register(self.used(guard[2]), guard[1] == "!") if guard else None
        self.body.append(Instruction(opcode, tuple(modifiers), operands, where, held))

    def used(self, name: str) -> str:
        """Return a register's own name, and list it."""
        name = self.scoped(name)
        if name in self.registers or "." in name or name == "_":
            return name
        numbered = re.fullmatch(r"(.*?[A-Za-z_$])(\d+)", name)
        if numbered and numbered[1] in self.prefixes:
            self.registers[name] = self.prefixes[numbered[1]]
        return name

    def resolved(self, operand: Operand) -> Operand:
        """Give names in blocks their own; a name of a register without a percent sign becomes one."""
        if isinstance(operand, Register):
            return Register(self.used(operand.name), operand.negated)
        if isinstance(operand, Name):
            name = self.scoped(operand.name)
            return Register(name) if name in self.registers else Name(name, operand.offset)
        if isinstance(operand, Address):
            base = self.resolved(operand.base)
            if isinstance(base, Several | Both | Address):
                raise PtxError(f"line {self.line}: {operand} is no address")
            return Address(base, operand.offset)
        if isinstance(operand, Several):
            parts = [self.resolved(part) for part in operand.parts]
            return Several(tuple(p for p in parts if not isinstance(p, Several | Both | Address)))
        if isinstance(operand, Both):
            return Both(Register(self.used(operand.first.name)), Register(self.used(operand.second.name)))
        return operand


def _threads(directives: str) -> int:
    """Return the most threads of a block that directives tell, or 0."""
    most = 0
    for name, numbers in DIRECTIVE.findall(directives):
        if name != "maxntid":
            raise PtxError(f"the directive .{name} of a function is not known")
        most = math.prod(int(number) for number in numbers.split(","))
    return most


def _parameters(text: str | None) -> tuple[Variable, ...]:
    pieces = (text or "()").strip()[1:-1].split(",")
    found = [VARIABLE.search(piece.strip()) for piece in pieces if piece.strip()]
    return tuple(_variable(match) for match in found if match)


__all__ = ["Space", "parse"]
