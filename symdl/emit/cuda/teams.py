"""The body of a kernel, once for each kind of team.

Enters: the items of a kernel. Leaves: for each team that may do its rows the nodes that templates print: a
thread does a row alone; a warp or a block shares it; in a block seen as 32 columns, threads that stand above
each other share one, and neighbours have neighbouring rows. Matrix products have tiles in place of rows
(`symdl.emit.cuda.tiles`), and rows that are elements side by side come in vectors, too
(`symdl.emit.cuda.vectors`). The launch picks one form when it knows the sizes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from symdl.emit import printed
from symdl.emit.cuda.rows import Rows
from symdl.emit.cuda.tiles import in_tiles
from symdl.emit.cuda.vectors import VECTORS, VectorWriter
from symdl.emit.names import Names
from symdl.emit.printed import Printed
from symdl.emit.statements import Told
from symdl.emit.syntax import Syntax
from symdl.lower.cuda.flat import flat
from symdl.lower.cuda.teams import Alike, Barrier, Scan, Shared, Stage, Work, work
from symdl.lower.cuda.tiles import SPLIT, TILINGS, matrix_product
from symdl.lower.ir.integers import product
from symdl.lower.ir.loops import KernelItem, Start, Stated, Store, Update, statements

_NUMBER, _COUNT = "block() * threads() + thread()", "blocks() * threads()"
"""Which thread of all one is, and how many there are."""


@dataclass(frozen=True, slots=True)
class Team:
    """How the code of one kind of team is written.

    Attributes:
        name: what the kernel's name ends in, and what the functions that combine values begin with.
        alone: under which condition a thread takes part if there is one row only.
        first: the first row, and `step` the distance to the next one.
        member: the number of a thread in its team, and `size` how many there are.
        one: under which condition a thread stores for its team.
        barrier: what waits for the others.
        room: elements of shared memory that combining values takes.
    """

    name: str
    alone: str
    first: str
    step: str
    member: str = ""
    size: str = ""
    one: str = ""
    barrier: str = ""
    room: int = 0


THREADS = Team("threads", f"{_NUMBER} == 0", _NUMBER, _COUNT)
MATRICES = Team("matrices", THREADS.alone, THREADS.first, THREADS.step)
"""Threads that are busy with a matrix each: they come in small blocks, which more multiprocessors take."""
WARPS = Team(
    "warps",
    f"{_NUMBER} < 32",
    f"({_NUMBER}) // 32",
    f"{_COUNT} // 32",
    member="thread() % 32",
    size="32",
    one="thread() % 32 == 0",
    barrier="cuda.syncwarp()",
)
BLOCKS = Team(
    "blocks",
    "block() == 0",
    "block()",
    "blocks()",
    member="thread()",
    size="threads()",
    one="thread() == 0",
    barrier="cuda.syncthreads()",
    room=32,
)
COLUMNS = Team(
    "columns",
    "block() == 0",
    "block() * 32",
    "blocks() * 32",
    member="thread() // 32",
    size="threads() // 32",
    one="thread() < 32 and live",
    barrier="cuda.syncthreads()",
    room=512,
)


def forms(made: Work) -> tuple[str, ...]:
    """Return the names of the forms of a kernel: those of tilings of a matrix product, or of teams."""
    if matrix_product(made):
        return *(tiling.name for tiling in TILINGS), *SPLIT
    return *(team.name for team in teams(made)), *((VECTORS,) if flat(made) else ())


def teams(made: Work) -> tuple[Team, ...]:
    """Return the teams that may do the rows of a kernel."""
    if not made.stages:
        return (MATRICES if made.matrices else THREADS,)
    if made.stride == "grid" and made.grid:
        return (THREADS, BLOCKS if made.scans else COLUMNS)
    return (WARPS, BLOCKS)


def bodies(
    items: tuple[KernelItem, ...], syntax: Syntax, names: Names, stated: Mapping[int, Stated]
) -> dict[str, tuple[Printed, ...]]:
    """Return the nodes of a kernel's body for each of its forms."""
    made = work(items)
    found: dict[str, tuple[Printed, ...]] = {}
    matrices = matrix_product(made)
    if matrices:
        return in_tiles(matrices, TILINGS, items, syntax, names, stated)
    for team in teams(made):
        writer = _TeamWriter(syntax, names, Told(items, stated), team)
        writer.sizes(items)
        writer.rows(made)
        found[f"_{team.name}"] = tuple(writer.open)
    side_by_side = flat(made)
    if side_by_side:
        vectors = VectorWriter(syntax, names, Told(items, stated), side_by_side)
        vectors.sizes(items)
        vectors.rows(made)
        found[f"_{VECTORS}"] = tuple(vectors.open)
    return found


class _TeamWriter(Rows):
    """Makes the nodes of a kernel for one kind of team."""

    def __init__(self, syntax: Syntax, names: Names, told: Told, team: Team) -> None:
        super().__init__(syntax, names, told)
        self.team = team

    def rows(self, made: Work) -> None:
        """Write the loop over rows, and what is done in each."""
        self.rooms(made.stages)
        with self.deeper() as body:
            if self.team is COLUMNS:
                self.let("live", f"first + thread() % 32 < {self.integer(made.rows)}")
                row = "row" if len(made.grid) > 1 else self.var(made.grid[0])
                self.let(row, f"min(first + thread() % 32, {self.integer(made.rows - 1)})")
            if len(made.grid) > 1:
                self.unravel(made.grid, "row")
            self.stages(made)
        if not made.grid:
            self.add(printed.When, self.team.alone, tuple(body))
            return
        var = "first" if self.team is COLUMNS else "row" if len(made.grid) > 1 else self.var(made.grid[0])
        self.add(printed.Stride, var, self.team.first, self.integer(made.rows), self.team.step, tuple(body))

    def rooms(self, stages: Sequence[Stage]) -> None:
        """Make the shared memory in which values are combined."""
        combined = [start for stage in stages if isinstance(stage, Shared) for start in stage.combined]
        combined += [stage.start for stage in stages if isinstance(stage, Scan)]
        if not self.team.room:
            return
        if any(not start.whole for start in combined):
            self.let("room", f"cuda.shared.array({self.team.room}, real)")
        if any(start.whole for start in combined):
            self.let("wholes", f"cuda.shared.array({self.team.room}, np.int64)")
        if any(start.op == "argmax" for start in combined):
            self.let("places", f"cuda.shared.array({self.team.room}, np.int64)")

    def stages(self, made: Work) -> None:
        """Write what is done in a row."""
        if not self.team.member:
            self.block(made.items)
            return
        for stage in made.stages:
            if isinstance(stage, Barrier):
                self.add(printed.Call, self.team.barrier)
            elif isinstance(stage, Alike):
                for item in stage.items:
                    self.alike(item)
            elif isinstance(stage, Scan):
                self.scan(stage)
            else:
                self.shared(stage)

    def alike(self, item: KernelItem) -> None:
        """Write a statement that all threads do alike; one of them stores."""
        with self.under(self.team.one if isinstance(item, Store | Update) else ""):
            self.block((item,))

    def shared(self, stage: Shared) -> None:
        """Write loops that are dealt out to the team, and combine what they run up."""
        loops = stage.loops
        var = "at" if len(loops) > 1 else self.var(loops[0])
        extent = self.integer(product(loop.extent for loop in loops))
        stores = any(isinstance(s, Store | Update) for s in statements(stage.items))
        with self.under("live" if stores and self.team is COLUMNS else ""):
            with self.deeper() as body:
                if len(loops) > 1:
                    self.unravel(loops, "at")
                self.block(stage.items)
            self.add(printed.Stride, var, self.team.member, extent, self.team.size, tuple(body))
        for start in stage.combined:
            self.combine(start)

    def scan(self, stage: Scan) -> None:
        """Write a loop whose steps the team takes together, as many at once as it has members."""
        (loop,), start, step = stage.loops, stage.start, stage.step
        var, extent, name = self.var(loop), self.integer(loop.extent), self.names.of(start.name)
        function = f"{self.team.name[:-1]}_{'exclusive' if stage.exclusive else 'inclusive'}_{start.op}"
        room = [("wholes" if start.whole else "room")] if self.team.room else []
        with self.deeper() as body:
            self.let(var, f"first + {self.team.member}")
            self.let("term", self.identity(start))
            with self.under(f"{var} < {extent}"):
                self.block(stage.first)
                self.told.tell(step, self.open, self.indent)
                with self.where(step.guards):
                    self.let("term", self.printer.body(step.body))
            self.let(f"{name}, after", f"{function}({', '.join([name, 'term', *room])})")
            with self.under(f"{var} < {extent}"):
                self.block(stage.rest)
            self.let(name, "after")
        self.add(printed.Stride, "first", "0", extent, self.team.size, tuple(body))

    def combine(self, start: Start) -> None:
        """Give all threads of the team what they hold together."""
        name, at = self.names.of(start.name), ""
        room = ["wholes" if start.whole else "room"] if self.team.room else []
        if start.op == "argmax":
            at = self.names.of(start.name.position)
            room += ["places"] if self.team.room else []
        arguments = ", ".join([name, *([at] if at else []), *room])
        self.let(f"{name}, {at}" if at else name, f"{self.team.name[:-1]}_{start.op}({arguments})")
