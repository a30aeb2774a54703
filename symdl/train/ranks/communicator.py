"""How processes meet: MPI, through mpi4py.

Enters: a communicator of mpi4py. Leaves: `Ranks`: sums over all processes, what one says to all, and an end
for all of them if one fails.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError, TrainingError, require_extra

Array = NDArray[Any]
Value = TypeVar("Value")
_REDUCED = {"sum": "SUM", "max": "MAX", "prod": "PROD"}
"""What MPI calls the reductions that it has."""


class Ranks:
    """The processes of a communicator.

    Args:
        communicator: an ``Intracomm`` of mpi4py, such as ``MPI.COMM_WORLD``.

    Attributes:
        rank, size: the number of this process, from 0, and how many there are.
        volume: bytes that this process has given into sums and other reductions so far.

    Raises:
        MissingExtraError: mpi4py is not installed.
        ArgumentError: it is no communicator.
    """

    def __init__(self, communicator: Any) -> None:
        self._mpi = require_extra("mpi4py.MPI", "mpi")
        if not isinstance(communicator, self._mpi.Intracomm):
            raise ArgumentError(
                f"communicator={communicator!r} is none of mpi4py", cure="pass mpi4py.MPI.COMM_WORLD"
            )
        self._communicator = communicator
        self.rank, self.size = int(communicator.rank), int(communicator.size)
        self.volume = 0

    @property
    def first(self) -> bool:
        """Whether this is the process that speaks for all: shows progress and calls callbacks."""
        return self.rank == 0

    def share(self, positions: Array) -> Array:
        """Return the part of a batch that is this process's, perhaps nothing."""
        count = len(positions)
        return positions[count * self.rank // self.size : count * (self.rank + 1) // self.size]

    def merged(self, parts: Sequence[tuple[str, Array]]) -> list[Array]:
        """Return reductions over all processes: each array with those at its place elsewhere.

        Those of one kind and type travel together: a message has a price besides its bytes.

        Args:
            parts: ``"sum"``, ``"max"``, ``"prod"`` or ``"logsumexp"``, and this process's array.
        """
        found = [array for _, array in parts]
        if self.size == 1:
            return found
        groups: dict[tuple[str, np.dtype[Any]], list[int]] = {}
        for at, (op, array) in enumerate(parts):
            groups.setdefault((op, array.dtype), []).append(at)
        for (op, _), places in groups.items():
            whole = self._reduced(op, np.concatenate([found[at].ravel() for at in places]))
            ends = np.cumsum([found[at].size for at in places])[:-1]
            for at, values in zip(places, np.split(whole, ends), strict=True):
                found[at] = values.reshape(found[at].shape)
        return found

    def _reduced(self, op: str, values: Array) -> Array:
        self.volume += values.nbytes
        if op in _REDUCED:
            self._communicator.Allreduce(self._mpi.IN_PLACE, values, op=getattr(self._mpi, _REDUCED[op]))
            return values
        every = np.empty((self.size, *values.shape), values.dtype)
        self._communicator.Allgather(values, every)
        with np.errstate(all="ignore"):
            return np.asarray(np.logaddexp.reduce(every, axis=0))

    def alike(self, arrays: Iterable[Array]) -> None:
        """Make arrays in all processes what they are in the first one."""
        for array in arrays:
            self._communicator.Bcast(array, root=0)

    def same(self, facts: Mapping[str, object]) -> None:
        """Refuse to go on where processes were told different things.

        Raises:
            ArgumentError: in all of them, naming one of these.
        """
        for rank, other in enumerate(self._communicator.allgather(dict(facts))):
            for name, value in facts.items():
                if other[name] != value:
                    raise ArgumentError(
                        f"rank {rank} has {name} = {other[name]}, and rank {self.rank} has {value}",
                        cure="give all ranks the same data and options; each batch is shared out by itself",
                    )

    def agreed(self, work: Callable[[], Value]) -> Value:
        """Do in each process what needs no other one; where one of them fails, all of them raise.

        Raises:
            TrainingError: another process failed; in that one, its own error.
        """
        results, own = [], None
        try:
            results.append(work())
        except Exception as error:
            own = error
        told = self._communicator.allgather(None if own is None else f"{type(own).__name__}: {own}")
        if own is not None:
            raise own
        for rank, text in enumerate(told):
            if text is not None:
                raise TrainingError(f"rank {rank} of {self.size} failed: {text}", cure="see to that rank")
        return results[0]

    def told(self, work: Callable[[], Value]) -> Value:
        """Return in all processes what the first one finds, which works alone."""
        found: Value = self._communicator.bcast(work() if self.first else None, root=0)
        return found

    @contextmanager
    def ending_together(self, *passing: type[Exception]) -> Iterator[None]:
        """End the job if this process fails inside: the others would wait for it for ever.

        Args:
            passing: errors that all processes raise, because they come from what all of them know.
        """
        try:
            yield
        except passing:
            raise
        except BaseException as error:
            if self.size == 1:
                raise
            said = traceback.format_exc() + f"symdl: rank {self.rank} of {self.size} failed: {error}\n"
            sys.stderr.write(said + "symdl: it ends the job, because the other ranks would wait for it\n")
            sys.stderr.flush()
            self._communicator.Abort(1)
            raise
