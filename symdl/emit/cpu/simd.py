"""Statements on tiles of samples.

Enters: the items of a kernel. Leaves: `TileWriter`, which writes its lines. Inside a loop over lanes, what
differs between samples is one value with a lane for each of a tile: arithmetic is written as for numbers,
choices and functions by name. ``live`` is the number of samples from the tile's first one on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from symdl.emit.scalar import Printer, condition, in_tile, integer, number
from symdl.emit.statements import Writer
from symdl.emit.syntax import Syntax
from symdl.lower.cpu.vectorize import values_of
from symdl.lower.ir.integers import ZERO, Pick, Poly, from_terms, rebuild, variables
from symdl.lower.ir.loops import (
    IDENTITY,
    LANE,
    ROW,
    TILE,
    Condition,
    Fold,
    Item,
    Let,
    Loop,
    Start,
    Statement,
    Store,
    Update,
    Within,
    statements,
    terms,
)
from symdl.lower.ir.scalars import Body, Load, Node

_ATOMIC = 9


class _TilePrinter(Printer):
    """Writes expressions of which some differ between samples: those of the locals in `several`."""

    def __init__(self, syntax: Syntax, assign: Callable[[str], None]) -> None:
        super().__init__(syntax, assign)
        self.wrapping = {}  # operators of tiles wrap around
        self.several: set[str] = set()
        self.last = False
        """Whether the body written last differs between samples."""
        self.scopes: list[dict[Poly, str]] = []
        """Names of positions, apart from a number that is added, in the blocks around."""
        self.places = 0
        self.values: list[dict[Body, str]] = []
        """Names of values in the blocks around, as long as nothing is written."""

    def element(self, tensor: int | str, position: Poly) -> str:
        """Return what reads an element, or one of each sample of a tile."""
        base, name, step = in_tile(position)
        if name == LANE:
            return f"tile_at({tensor}, {self.place(base)})"
        if name == ROW:
            return f"rows_at({tensor}, {self.place(base)}, {integer(step)}, live)"
        return f"{tensor}[{self.place(base)}]"

    def forget(self) -> None:
        """Take it that memory has changed."""
        for values in self.values:
            values.clear()

    def place(self, position: Poly) -> str:
        """Return a position; what it shares with others that differ by a number gets a name."""
        moving = from_terms({m: f for m, f in position.terms if m})
        if len(moving.terms) < 2 or not self.scopes:
            return integer(position)
        name = next((s[moving] for s in self.scopes if moving in s), "")
        if not name:
            name = self.scopes[-1][moving] = f"p{self.places}"
            self.places += 1
            self.assign(f"{name} = {integer(moving)}")
        rest = (position - moving).number or 0
        return f"{name} + {rest}" if rest > 0 else f"{name} - {-rest}" if rest else name

    def body(self, body: Body) -> str:
        """Return the text of a body; `last` says whether it differs between samples."""
        self.flags: list[bool] = []
        text = super().body(body)
        self.last = self.flags[-1]
        return text

    def differs(self, polys: Iterable[Poly]) -> bool:
        """Say whether integer expressions differ between samples."""
        names = set().union(*map(variables, polys))
        return bool(names & {LANE, ROW}) or any(n.partition("_at")[0] in self.several for n in names)

    def node(self, node: Node, texts: list[tuple[str, int]]) -> tuple[str, int]:
        """Return the text of a node and how tightly it binds."""
        value = node.value
        own = value in self.several if isinstance(value, str) else self.differs(_polys(node))
        flag = own or any(self.flags[a] for a in node.args)
        self.flags.append(flag)
        args = [texts[a][0] for a in node.args]
        if isinstance(value, Load) and node.op == "load":
            return self.element(value.tensor, value.where[0]), _ATOMIC
        if flag and isinstance(value, Poly) and node.op == "index":
            return f"each(real, {integer(value)})", _ATOMIC
        if not flag or not args:
            return super().node(node, texts)
        if node.op == "select":
            return f"choose({', '.join(args)})", _ATOMIC
        if node.op in ("and", "or"):
            sign = "&" if node.op == "and" else "|"
            return f"(({args[0]}) {sign} ({args[1]}))", _ATOMIC
        if node.op == "not":
            return f"(~({args[0]}))", _ATOMIC
        if node.op == "pow":
            return f"each_of_two(pow, {', '.join(args)})", _ATOMIC
        if node.op == "uniform" and isinstance(value, Poly):
            return f"each(real, each_of_three(uniform, {', '.join(args)}, {integer(value)}))", _ATOMIC
        if node.op in self.syntax.functions:
            name = "each" if len(args) == 1 else "each_of_two"
            return f"{name}({self.syntax.functions[node.op]}, {', '.join(args)})", _ATOMIC
        return super().node(node, texts)


def _mask(guard: Condition) -> str:
    """Return the text of a guard that differs between samples."""
    if isinstance(guard, Within):
        value, extent = integer(guard.value), integer(guard.extent)
        return f"({value} >= 0) & ({value} < {extent})"
    return condition(guard)


def _beside(poly: Poly) -> set[str]:
    """Return the variables of an expression outside positions of elements."""
    apart = rebuild(poly, lambda a: ZERO if isinstance(a, Pick) else None)
    return variables(apart)


def _polys(node: Node) -> list[Poly]:
    value = node.value
    if isinstance(value, Poly):
        return [value]
    if isinstance(value, tuple):
        return list(value)
    return list(value.where) if isinstance(value, Load) else []


class TileWriter(Writer):
    """Writes the body of a kernel that may have loops over tiles of samples."""

    def __init__(self, syntax: Syntax, describe: Callable[[int], str]) -> None:
        super().__init__(syntax, describe)
        self.printer: Printer = self.printer
        self.tile: _TilePrinter | None = None

    def loop(self, item: Loop, depth: int) -> None:
        """Write a loop."""
        if item.kind != "lanes":
            super().loop(item, depth)
            return
        outer = self.printer
        self.tile = self.printer = _TilePrinter(self.syntax, self.line)
        self.tile.count, self.tile.wide = outer.count, outer.wide
        self.line(self.syntax.loops[item.kind].format(var=item.var, extent=integer(item.extent)))
        self.depth = depth + 1
        self.line(f"live = {integer(item.extent)} - {TILE} * {item.var}")
        if any(ROW in _beside(p) for s in statements(item.items) for p in values_of(s)):
            self.line(f"{ROW} = sample_numbers()")
        self.block(item.items, depth + 1)
        outer.count = self.tile.count
        self.printer, self.tile = outer, None

    def block(self, items: tuple[Item, ...], depth: int) -> None:
        """Write a block."""
        if self.tile is None:
            super().block(items, depth)
            return
        self.tile.scopes.append({})
        self.tile.values.append({})
        super().block(items, depth)
        self.tile.scopes.pop()
        self.tile.values.pop()

    def statement(self, item: Statement) -> None:
        """Write a statement."""
        tile = self.tile
        if tile is None:
            super().statement(item)
            return
        guarded = not isinstance(item, Start | Store) and bool(item.guards)
        if guarded:  # what is named under a condition is not known after it
            tile.scopes.append({})
            tile.values.append({})
        self.in_lanes(item, tile)
        if guarded:
            tile.scopes.pop()
            tile.values.pop()

    def in_lanes(self, item: Statement, tile: _TilePrinter) -> None:
        """Write a statement on tiles."""
        if isinstance(item, Start):
            tile.several.add(item.name)
            self.line(f"{item.name} = spread({number(IDENTITY[item.op])})")
            if item.op == "argmax":
                self.line(f"{item.name}_at = spread(0)")
        elif isinstance(item, Let):
            self.let(item, tile)
        elif isinstance(item, Store):
            text, differs = self.written(item.body, tile)
            self.put(item, text if differs else f"spread({text})")
        elif isinstance(item, Fold) and item.name in tile.several:
            some = self.conditions(item.guards, tile)
            self.step(item, tile, some)
        else:
            some = self.conditions(item.guards, tile)
            text, differs = self.written(item.body, tile)
            self.update(item, text if differs else f"spread({text})", some)

    def written(self, body: Body, tile: _TilePrinter) -> tuple[str, bool]:
        """Return the text of a body and whether it differs between samples."""
        text = tile.body(body)
        return text, tile.last

    def conditions(self, guards: tuple[Condition, ...], tile: _TilePrinter) -> str:
        """Write the conditions that all samples share; return those that differ."""
        self.guarded(tuple(g for g in guards if not tile.differs(terms(g))))
        some = [_mask(g) for g in guards if tile.differs(terms(g))]
        return " & ".join(f"({text})" for text in some)

    def let(self, item: Let, tile: _TilePrinter) -> None:
        """Write the value of a local."""
        zero = "0" if item.integer else number(0.0)
        shared = tuple(g for g in item.guards if not tile.differs(terms(g)))
        apart = len(shared) < len(item.guards)
        if not shared:
            some = self.conditions(item.guards, tile)
            text, differs = self.written(item.body, tile)
            self.line(f"{item.name} = {f'choose({some}, {text}, {zero})' if some else text}")
        else:
            polys = [p for node in item.body.nodes for p in _polys(node)]
            names = {n.value for n in item.body.nodes if n.op == "local"}
            differs = tile.differs(polys) or bool(names & tile.several)
            several = apart or differs
            self.line(f"{item.name} = {f'spread({zero})' if several else zero}")
            some = self.conditions(item.guards, tile)
            text, _ = self.written(item.body, tile)
            if some:
                text = f"choose({some}, {text}, {zero})"
            self.line(f"{item.name} = {text}")
        if apart or differs:
            tile.several.add(item.name)

    def step(self, item: Fold, tile: _TilePrinter, some: str) -> None:
        """Write one step of a running value of each sample."""
        name, zero = item.name, number(IDENTITY[item.op])
        if item.op in ("sum", "prod"):
            text, _ = self.written(item.body, tile)
            sign = "+" if item.op == "sum" else "*"
            neutral = zero if item.op == "sum" else number(1.0)
            self.line(f"{name} {sign}= {f'choose({some}, {text}, {neutral})' if some else text}")
            return
        held = self.held(item.body, tile)
        nan = f"({held} != {held})"
        better = f"({held} > {name}) | ({nan} & ({name} == {name}))"
        if item.op == "max":
            better = f"({held} > {name}) | {nan}"
        if some:
            better = f"({better}) & {some}"
        if item.at is not None:
            self.line(f"{held}_more = {better}")
            better = f"{held}_more"
            self.line(f"{name}_at = choose({better}, {integer(item.at)}, {name}_at)")
        self.line(f"{name} = choose({better}, {held}, {name})")

    def held(self, body: Body, tile: _TilePrinter) -> str:
        """Return the name of a value that several running values of a block may take."""
        own = any(node.op == "local" for node in body.nodes)
        name = "" if own else next((values[body] for values in tile.values if body in values), "")
        if not name:
            text, differs = self.written(body, tile)
            name = f"{tile.prefix}{tile.count}"
            tile.count += 1
            self.line(f"{name} = {text if differs else f'spread({text})'}")
            if not own:
                tile.values[-1][body] = name
        return name

    def update(self, item: Fold | Update, text: str, some: str) -> None:
        """Write a step of a sum over samples, or of one for each sample in memory."""
        zero = number(0.0)
        if some:
            text = f"choose({some}, {text}, {zero})"
        if isinstance(item, Fold):
            self.line(f"{item.name} += total({text}, live)")
            return
        _, name, _ = in_tile(item.where[0])
        place = self.at(item)
        if not name:
            self.line(f"{place} += total({text}, live)")
            if self.tile is not None:
                self.tile.forget()
        elif item.op == "max":
            held = f"{self.printer.prefix}{self.printer.count}"
            self.printer.count += 1
            self.line(f"{held} = {text}")
            self.put(item, f"choose(({held} > {place}) | ({held} != {held}), {held}, {place})")
        else:
            self.put(item, f"{place} {'+' if item.op == 'sum' else '*'} ({text})")

    def at(self, item: Update) -> str:
        assert self.tile is not None
        return self.tile.element(item.tensor, item.where[0])

    def put(self, item: Store | Update, text: str) -> None:
        """Write a value of each sample to memory."""
        assert self.tile is not None
        self.tile.forget()
        base, name, step = in_tile(item.where[0])
        place = self.tile.place(base)
        if name == LANE:
            self.line(f"put_tile({item.tensor}, {place}, {text})")
        else:
            self.line(f"put_rows({item.tensor}, {place}, {integer(step)}, {text}, live)")
