"""Graphs of NVIDIA's driver.

Enters: a connection. Leaves: `Graph`s, captured from a stream or made of others. They end with their objects.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from symdl.run.cuda.connection import Connection


@dataclass(slots=True, weakref_slot=True, eq=False)
class Graph:
    """A graph: its nodes, and what was made of them to be launched."""

    nodes: Any = None
    handle: Any = None


@contextmanager
def captured(driver: Connection, stream: int) -> Iterator[Graph]:
    """Collect launches in a graph."""
    made, mode = Graph(), driver.api.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
    with driver.alone():
        driver.call(driver.api.cuStreamBeginCapture, driver.streams[stream], mode)
        try:
            yield made
        finally:
            _own(driver, made, driver.call(driver.api.cuStreamEndCapture, driver.streams[stream]))
        _make_ready(driver, made)


def repeated(driver: Connection, graph: Graph, count: int) -> Graph:
    """Return a graph with another one in it so many times, one behind the other."""
    made = Graph()
    with driver.alone():
        _own(driver, made, driver.call(driver.api.cuGraphCreate, 0))
        before: list[Any] = []
        for _ in range(count):
            given = (made.nodes, before, len(before), graph.nodes)
            before = [driver.call(driver.api.cuGraphAddChildGraphNode, *given)]
        _make_ready(driver, made)
    return made


def _own(driver: Connection, graph: Graph, nodes: Any) -> None:
    """Give a graph its nodes, which end with it."""
    graph.nodes = nodes
    weakref.finalize(graph, driver.api.cuGraphDestroy, nodes)


def _make_ready(driver: Connection, graph: Graph) -> None:
    graph.handle = driver.call(driver.api.cuGraphInstantiate, graph.nodes, 0)
    weakref.finalize(graph, driver.api.cuGraphExecDestroy, graph.handle)
