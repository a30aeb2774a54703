"""Recurrences as the operator Scan.

Enters: a recurrence, and the values of what it reads. Leaves: one Scan, whose body computes a step. States
of earlier steps go from step to step, what belongs to a step of other tensors is given to it, the parts of
all steps leave it as whole tensors. Weights and sizes are seen from the body as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from symdl.express.equations import Equation
from symdl.express.tensors import Tensor
from symdl.onnx.writing.layout import Grid
from symdl.onnx.writing.nodes import Graph, Made
from symdl.onnx.writing.steps import Step

BACKWARDS = -(2**63) + 1
"""Where a slice that runs backwards to the first element ends."""


@dataclass(slots=True)
class Scan:
    """A recurrence that is being written.

    Attributes:
        graph: the graph around it.
        step: what its body computes.
        outside: the value of a tensor that the recurrence does not define.
        body: the graph of one step.
        made: the values inside.
    """

    graph: Graph
    step: Step
    outside: Callable[[Tensor], Made]
    body: Graph = field(init=False)
    made: dict[Tensor, Made] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.body = self.graph.inner()
        for tensor in (*self.step.states, *self.step.given):
            self.made[tensor] = Made(self.body.fresh(str(tensor.name or "part")), tensor.dtype)

    def value(self, tensor: Tensor) -> Made:
        """Return what an equation of the body reads."""
        return self.made[tensor] if tensor in self.made else self.outside(tensor)

    def ready(self, equation: Equation) -> bool:
        """Say whether the body has what an equation of it reads."""
        own = {*self.step.now.values()}
        return all(t in self.made or t not in own for t in equation.reads())

    @property
    def complete(self) -> bool:
        """Whether everything that a step computes is written."""
        return all(t in self.made for t in self.step.now.values())

    def close(self, grid: Grid, wanted: Mapping[Tensor, str]) -> dict[Tensor, Made]:
        """Write the operator, and return the values of the tensors that are wanted, whole, by these names.

        `grid` is that of some equation outside; it tells what sizes are.
        """
        from onnx import helper

        step, body, states = self.step, self.body, self.step.states
        following = [now for before in step.before.items() for now in self._following(*before)]
        computed = [*following, *(self.made[step.now[t]] for t in wanted)]
        results = [body.node("Identity", value) for value in computed]
        about = [*states, *(step.now[t] for t in wanted)]
        graph = helper.make_graph(
            body.needed([r.name for r in results])[0],
            "step",
            [body.described(t, self.made[t].name) for t in (*states, *step.given)],
            [body.described(t, r.name) for t, r in zip(about, results, strict=True)],
        )
        sources = {part: source for source, part in step.slices.items()}
        reads = [self._zero(grid, state) for state in states]
        reads += [self._given(*sources[t]) if t in sources else self._numbers(grid) for t in step.given]
        names = [self.graph.fresh("Scan") for _ in results]
        self.graph.nodes.append(
            helper.make_node(
                "Scan",
                [r.name for r in reads],
                names,
                name=names[0],
                body=graph,
                num_scan_inputs=len(step.given),
            )
        )
        trajectories = zip(wanted.items(), names[len(states) :], strict=True)
        return {t: self._whole(Made(made, t.dtype), t, name) for (t, name), made in trajectories}

    def _whole(self, value: Made, tensor: Tensor, name: str) -> Made:
        """Return the parts of all steps, as they leave the operator, as a tensor, under this name."""
        value = self._forward(value)
        axis = self.step.recurrence.axes[tensor]
        order = [*range(1, axis + 1), 0, *range(axis + 1, tensor.rank)]
        return self.graph.named(self.graph.node("Transpose", value, perm=order) if axis else value, name)

    def _following(self, tensor: Tensor, states: list[Tensor]) -> list[Made]:
        """Return what the states of a tensor are a step later."""
        return [self.made[t] for t in (self.step.now[tensor], *states[:-1])]

    def _zero(self, grid: Grid, state: Tensor) -> Made:
        """Return what a state is before the first step; guards keep it from being used."""
        number = self.graph.array(0 if state.dtype == "int64" else 0.0)
        return self.graph.node("Expand", number, grid.extents(state.shape)) if state.rank else number

    def _numbers(self, grid: Grid) -> Made:
        """Return the numbers of the steps, in the order in which they run."""
        start, one = self.graph.array(0), self.graph.array(1)
        end = grid.extent(self.step.recurrence.extent)
        return self._forward(self.graph.node("Range", start, end, one))

    def _given(self, tensor: Tensor, axis: int) -> Made:
        """Return a tensor from outside with its axis of steps in front, in the order in which they run."""
        value = self.outside(tensor)
        if axis:
            others = [a for a in range(tensor.rank) if a != axis]
            value = self.graph.node("Transpose", value, perm=[axis, *others])
        return self._forward(value)

    def _forward(self, value: Made) -> Made:
        """Return a value whose steps run backwards the other way round, any other as it is."""
        if self.step.recurrence.direction > 0:
            return value
        ends = (self.graph.whole([number]) for number in (-1, BACKWARDS, 0, -1))
        return self.graph.node("Slice", value, *ends)
