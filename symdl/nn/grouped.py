"""Settings for groups of parameters.

Enters: an optimizer for each group. Leaves: one optimizer, by which every group moves as its own says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from symdl.errors import ExpressionError
from symdl.express.naming import checked_name
from symdl.express.ordering import order
from symdl.express.program import Program
from symdl.express.replacing import renew
from symdl.express.tensors import Tensor
from symdl.nn.protocol import Optimizer, check_optimizer, updates_of
from symdl.nn.steps import Update

REST = "rest"
"""The group of the parameters that no path names."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """Optimizers for groups of parameters: ``Grouped({"first": SGD(0.01), "rest": Adam(1e-3)})``.

    So rates, weight decays and whole optimizers differ from parameter to parameter. Each group has a learning
    rate of its own, which is read and set by its name: ``model.learning_rate = {"first": 0.001}``.

    Attributes:
        groups: an optimizer for each group by its name. Without `by` the name is that of a parameter, or a
            path: ``"first"`` is ``"first.W"`` and ``"first.b"``; the longest that fits counts, and
            ``"rest"`` is what no other names.
        by: a function from a parameter, a tensor with `name`, `shape` and `rank`, to the name of its group.

    Raises:
        ExpressionError: there is no group, or a group has no optimizer.

    Example:
        >>> groups = {"matrices": sd.nn.AdamW(1e-3), "others": sd.nn.Adam(1e-3)}
        >>> optimizer = sd.nn.Grouped(groups, by=lambda p: "matrices" if p.rank > 1 else "others")
    """

    groups: Mapping[str, Optimizer]
    by: Callable[[Tensor], str] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.groups, Mapping) or not self.groups:
            raise ExpressionError(
                f"groups = {self.groups!r}", cure='give an optimizer by the name of each: {"first": SGD(0.1)}'
            )
        for name, optimizer in self.groups.items():
            checked_name(name, "group")
            check_optimizer(optimizer)

    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Mapping[Tensor, Tensor],
        loss: Tensor | None = None,
    ) -> tuple[Update, ...]:
        """Return the updates of all groups; states that belong to no parameter begin with the group's name.

        Raises:
            ExpressionError: a parameter belongs to no group.
        """
        members: dict[str, list[Tensor]] = {name: [] for name in self.groups}
        for p in parameters:
            members[self.group_of(p)].append(p)
        pairs: list[Update] = []
        known = {*gradients.values()} if loss is None else {*gradients.values(), loss}
        for name, optimizer in self.groups.items():
            if members[name]:
                found = updates_of(optimizer, members[name], gradients, loss)
                pairs += _owned(found, name, members[name], known)
        return tuple(pairs)

    def group_of(self, parameter: Tensor) -> str:
        """Return the name of a parameter's group.

        Raises:
            ExpressionError: there is none.
        """
        name = str(parameter.name)
        known = ", ".join(map(repr, self.groups))
        if self.by is not None:
            group = self.by(parameter)
            if group not in self.groups:
                raise ExpressionError(
                    f"the group of {name} is {group!r}", cure=f"by= must return one of {known}"
                )
            return group
        fitting = [path for path in self.groups if name == path or name.startswith(f"{path}.")]
        if not fitting and REST not in self.groups:
            raise ExpressionError(
                f"{name} belongs to none of the groups {known}",
                cure='give {"rest": an optimizer} for what no other group names',
            )
        return max(fitting, key=len, default=REST)

    def unknown(self, names: Sequence[str]) -> list[str]:
        """Return the paths that fit none of these names of parameters."""
        paths = [] if self.by is not None else [path for path in self.groups if path != REST]
        return [path for path in paths if not any(n == path or n.startswith(f"{path}.") for n in names)]


def _owned(
    pairs: Sequence[Update], group: str, parameters: Sequence[Tensor], given: set[Tensor]
) -> list[Update]:
    """Return updates whose states begin with a group's name, but for those that begin with a parameter's."""
    known = {*parameters, *given}
    wanted = [new for _, new in pairs]
    found = order(wanted, lambda t: None if t in known else t.equation)
    paths = tuple(f"{p.name}." for p in parameters)
    states = dict.fromkeys(t for t in (*(old for old, _ in pairs), *found.inputs) if t.role == "state")
    new = {
        t: Tensor(f"{group}.{t.name}", t.shape, dtype=t.dtype, role="state", init=t.init)
        for t in states
        if not str(t.name).startswith(paths)
    }
    for together in Program(found.inputs, found.equations, (), recurrences=found.recurrences).groups:
        if any(t in new for e in together for t in e.reads()):
            renew(together, new)
    return [(new.get(old, old), new.get(value, value)) for old, value in pairs]
