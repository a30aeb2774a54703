"""The shape of the package: stage order, sizes, and what may not be used."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "symdl"

MATHEMATICS = ("brief", "errors", "express", "nn", "differentiate")
MACHINES = ("lower", "schedule", "emit")
MAY_IMPORT = {
    "brief": (),
    "errors": ("brief",),
    "templating": (),
    "files": ("errors",),
    "tables": (),
    "figures": ("errors", "files"),
    "express": ("brief", "errors"),
    "nn": ("brief", "errors", "express"),
    "differentiate": ("brief", "errors", "express", "nn"),
    "explain": (*MATHEMATICS, "files", "templating"),
    "lower": MATHEMATICS,
    "schedule": (*MATHEMATICS, "lower"),
    "emit": (*MATHEMATICS, "lower", "templating"),
    "run": (*MATHEMATICS, *MACHINES, "files", "tables", "targets"),
    "targets": (*MATHEMATICS, *MACHINES, "run"),
    "onnx": (*MATHEMATICS, "files", "run"),
    "train": (*MATHEMATICS, *MACHINES, "figures", "files", "tables", "run", "targets", "onnx"),
    "check": (*MATHEMATICS, *MACHINES, "tables", "run", "targets"),
    "interop": (*MATHEMATICS, *MACHINES, "files", "tables", "run", "targets", "train", "check"),
    "fitting": (*MATHEMATICS, *MACHINES, "explain", "files", "tables", "run", "targets", "train"),
    "playground": (*MATHEMATICS, "explain", "files", "templating"),
    "plots": (*MATHEMATICS, "figures", "files", "run", "targets", "train"),
    "report": (*MATHEMATICS, *MACHINES, "check", "explain", "files", "run", "targets", "templating", "train"),
    "classroom": (*MATHEMATICS, *MACHINES, "explain", "run", "targets", "check"),
}
"""The stages in order, each with those it may import besides itself.

Whatever else lies in the package (its front door, the command line) may import all of them, and
none of them may import it.
"""

FOR_ALL_TARGETS = ("lower", "schedule", "run/reference", "run/python")
FOR_ONE = ("lower/cpu", "lower/cuda", "lower/python", "lower/c99")
"""Rooms that know no target; what they leave is for all of them."""

TARGETS = ("cpu", "python", "cuda", "c99", "njit")
"""Targets, and languages of files that stand alone: each has rooms of its name."""
DOORS = (
    "__init__.py",
    *("run/compile.py", "run/compiled.py", "run/exported.py", "run/training.py"),
    *("train/model.py", "train/state.py", "cli/kernel.py", "cli/sources.py"),
)
"""Where a target's name becomes an object, by `symdl.targets`, which lies below these files only."""

LONGEST_FILE = 400
LONGEST_CLASS = 150
LONGEST_FUNCTION = 60

BACK_HALF = ("lower/", "schedule/", "emit/", "run/", "train/")
THREADS = ("train/", "run/autotune", "run/epoch", "run/training", "run/bound", "run/loops", "run/python/")
NOT_SAID = (
    ("team helper helpers", BACK_HALF),  # worker, thread
    ("lane lanes", (*THREADS, "run/cpu/threads/", "run/cpu/loops/")),  # of a vector only; else worker
    ("leg legs", BACK_HALF),  # backward phase
    ("tile tiles tiled", BACK_HALF),  # sample layout, register block
    ("strips", BACK_HALF),  # packed panel
    ("stream streams", BACK_HALF),  # streamed gradient
    ("pace", BACK_HALF),  # autotune
)
"""Words that are no part of a name, and where."""
ON_DEVICES = frozenset({"team", "tile", "tiles", "stream", "streams"})
"""Those of them that are the field's words where kernels run on a graphics processor."""

Check = Callable[[Path, Path], Iterator[str]]


def stage_of(path: Path, package: Path) -> str:
    return path.relative_to(package).with_suffix("").parts[0]


def imports(tree: ast.Module, path: Path, package: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported; ``from a import b`` counts as ``a.b``."""
    here = (package.name, *path.relative_to(package).with_suffix("").parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: -node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def stage_order(path: Path, package: Path) -> Iterator[str]:
    stage = stage_of(path, package)
    if stage not in MAY_IMPORT:
        return
    allowed = {stage, *MAY_IMPORT[stage]}
    for line, name in imports(ast.parse(path.read_text("utf-8")), path, package):
        parts = name.split(".")
        if parts[0] == package.name and (len(parts) == 1 or parts[1] not in allowed):
            yield f"line {line}: {stage} imports {name}"


def targets_apart(path: Path, package: Path) -> Iterator[str]:
    where = path.relative_to(package).as_posix()
    if not where.startswith(FOR_ALL_TARGETS) or where.startswith(FOR_ONE):
        return
    for line, name in imports(ast.parse(path.read_text("utf-8")), path, package):
        parts = name.split(".")
        if parts[2:3] in (["cpu"], ["cuda"]) or "/".join(parts[1:3]) in FOR_ONE:
            yield f"line {line}: imports {name}, which is for one target"


def of_one_target(path: Path, package: Path) -> bool:
    """Say whether a file lies in a target's room, or is the list of targets."""
    where = path.relative_to(package)
    return where.as_posix() == "targets.py" or bool(set(where.parts[:-1]).intersection(TARGETS))


def targets_through_their_records(path: Path, package: Path) -> Iterator[str]:
    """What a target does is reached through its object; only the doors turn names into objects."""
    where = path.relative_to(package).as_posix()
    tree = ast.parse(path.read_text("utf-8"))
    for line, name in imports(tree, path, package):
        parts = name.split(".")
        if parts[:2] == [package.name, "targets"] and where not in DOORS:
            yield f"line {line}: imports {name}; take a `Target`"
        inside = parts[1:2] in (["emit"], ["run"]) and parts[2] in TARGETS
        if inside and not of_one_target(path, package):
            yield f"line {line}: imports {name}, which is for one target"


def no_target_by_name(path: Path, package: Path) -> Iterator[str]:
    """Nobody asks for a target's name, but the doors, where it is a default."""
    if of_one_target(path, package):
        return
    tree = ast.parse(path.read_text("utf-8"))
    door = path.relative_to(package).as_posix() in DOORS
    said: set[ast.AST] = set()
    for node in ast.walk(tree):
        if door and isinstance(node, ast.arguments):
            defaults = zip(node.kwonlyargs, node.kw_defaults, strict=True)
            said.update(value for arg, value in defaults if arg.arg == "target" and value is not None)
        if door and isinstance(node, ast.Assign) and ast.unparse(node).startswith("TargetName = Literal["):
            said.update(ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in TARGETS and node not in said:
            yield f"line {node.lineno}: {node.value!r}"


def numba_only_in_run(path: Path, package: Path) -> Iterator[str]:
    if stage_of(path, package) != "run":
        yield from foreign(path, package, {"numba", "llvmlite"})


def sympy_ends_at_freeze(path: Path, package: Path) -> Iterator[str]:
    where = path.relative_to(package)
    beyond = stage_of(path, package) in ("lower", "schedule", "emit", "run")
    if beyond and where.parent.as_posix() not in ("lower/freeze", "run/reference"):
        yield from foreign(path, package, {"sympy"})


def no_pickle(path: Path, package: Path) -> Iterator[str]:
    yield from foreign(path, package, {"pickle", "cPickle", "dill", "cloudpickle", "shelve"})


def foreign(path: Path, package: Path, banned: set[str]) -> Iterator[str]:
    for line, name in imports(ast.parse(path.read_text("utf-8")), path, package):
        if name.split(".")[0] in banned:
            yield f"line {line}: imports {name}"


def no_latex_below(path: Path, package: Path) -> Iterator[str]:
    if stage_of(path, package) not in ("lower", "emit", "run"):
        return
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        name = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "name", "")
        if isinstance(name, str) and "latex" in name.lower():
            yield f"line {getattr(node, 'lineno', 0)}: {name}"


def no_text_becomes_code(path: Path, package: Path) -> Iterator[str]:
    """eval and exec run text; sympify, parse_expr and lambdify do so inside SymPy.

    ``sympify(..., strict=True)`` refuses text, and ``S(3)`` of a number is harmless.
    """
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        plain = isinstance(called, ast.Name)
        name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
        strict = any(
            k.arg == "strict" and isinstance(k.value, ast.Constant) and k.value.value is True
            for k in node.keywords
        )
        number = [type(getattr(a, "value", None)) in (int, float) for a in node.args] == [True]
        if (
            (name in ("eval", "exec", "__import__") and plain)
            or name in ("parse_expr", "lambdify")
            or (name == "sympify" and not strict)
            or (name == "S" and not strict and not number)
        ):
            yield f"line {node.lineno}: {name}(...)"


def short_enough(path: Path, package: Path) -> Iterator[str]:
    text = path.read_text("utf-8")
    lines = len(text.splitlines())
    if lines > LONGEST_FILE:
        yield f"{lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            length -= example_lines(ast.get_docstring(node) or "")
            if length > LONGEST_FUNCTION:
                yield f"line {node.lineno}: {node.name} has {length} lines"
        if isinstance(node, ast.ClassDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_CLASS:
                yield f"line {node.lineno}: class {node.name} has {length} lines"


def example_lines(docstring: str) -> int:
    """Count the lines of the example at the end of a docstring: they lengthen the page, not the function."""
    _, start, example = docstring.partition(">>>")
    heading = 2 if start and "\nExample:\n" in docstring else 1
    return len(example.splitlines()) + heading if start else 0


def no_backward_in_nn(path: Path, package: Path) -> Iterator[str]:
    """The mathematics library states functions; their derivatives are derived."""
    if stage_of(path, package) != "nn":
        return
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.Attribute)):
            name = node.name if isinstance(node, ast.FunctionDef) else node.attr
            if name in ("backward", "vjp", "jvp", "pullback", "fdiff", "diff"):
                yield f"line {node.lineno}: {name}"


def no_counts_of_references(path: Path, package: Path) -> Iterator[str]:
    """How often an object is referred to is the interpreter's affair, and no two count alike."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        name = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "name", "")
        if name in ("getrefcount", "get_referrers", "get_referents", "_getframe", "ob_refcnt"):
            yield f"line {getattr(node, 'lineno', 0)}: {name}"


def files_are_written_whole(path: Path, package: Path) -> Iterator[str]:
    """Only `symdl.files` writes files; it never leaves half of one."""
    if path.relative_to(package).as_posix() == "files.py":
        return
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
        given = [*node.args, *(k.value for k in node.keywords if k.arg == "mode")]
        modes = [a.value for a in given if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        written = name == "open" and any(re.fullmatch("[rbt]*[wxa+][rbt+]*", mode) for mode in modes)
        method = isinstance(node.func, ast.Attribute) and name in ("write_text", "write_bytes")
        if written or method or name in ("mkstemp", "NamedTemporaryFile", "fdopen"):
            yield f"line {node.lineno}: {name}(...)"


BEFORE_PIECES = (
    *("express/scalar.py", "express/operations.py", "express/pieces.py", "express/surface.py"),
    *("express/tensors.py", "express/magnitudes.py", "express/quotients.py", "express/relations.py"),
    *("explain/options.py", "run/compile.py", "run/scalar_function.py"),
)
"""Files that see expressions of any size; what comes after them sees pieces of a bounded size."""
TREE_WALKS = frozenset(
    "has xreplace subs atoms free_symbols count_ops preorder_traversal postorder_traversal".split()
)
"""What SymPy has walks an expression as a tree: without end where parts are shared, and recursing."""
MAY_WALK = {
    ("express/scalar.py", "_terms"): "the summand of a sum that is written out",
    ("express/scalar.py", "body"): "one operation of a piece",
    ("express/scalar.py", "in_order"): "operands of an operation of a piece",
    ("express/operations.py", "find"): "one operation of a piece",
    ("express/operations.py", "same"): "one operation of a piece",
    ("express/tensors.py", "free_symbols"): "the positions of one element",
    ("express/surface.py", "_cases_apart"): "indices, of cases that read outside of a tensor",
    ("express/surface.py", "_split"): "the indices of single elements",
    ("express/surface.py", "_cut"): "the indices of single elements",
}


def walks_end(path: Path, package: Path) -> Iterator[str]:
    """Expressions are walked by `symdl.express.walks` until they are cut into pieces."""
    where = path.relative_to(package).as_posix()
    if where not in BEFORE_PIECES:
        return
    tree = ast.parse(path.read_text("utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    allowed = {id(n) for f in functions if (where, f.name) in MAY_WALK for n in ast.walk(f)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in TREE_WALKS and id(node) not in allowed:
            yield f"line {node.lineno}: {node.attr} walks a tree"


def documented(path: Path, package: Path) -> Iterator[str]:
    if not ast.get_docstring(ast.parse(path.read_text("utf-8"))):
        yield "no module docstring"


def words(path: Path, package: Path) -> Iterator[str]:
    """Names in the back half are the field's words; CONTRIBUTING has the list."""
    where = path.relative_to(package).as_posix()
    wrong = {word for word, rooms in NOT_SAID if where.startswith(rooms) for word in word.split()}
    wrong -= ON_DEVICES if "/cuda/" in where else set()
    named = {(0, where.removesuffix(".py"))} if wrong else set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))) if wrong else ():
        for field in ("id", "attr", "arg", "name", "asname"):
            named.add((getattr(node, "lineno", 0), getattr(node, field, None) or ""))
    for line, name in sorted(named):
        if wrong & {part.lower() for part in re.findall("[A-Z]?[a-z]+|[A-Z]+", name)}:
            yield f"line {line}: {name}"


CHECKS: tuple[Check, ...] = (
    stage_order,
    targets_apart,
    targets_through_their_records,
    no_target_by_name,
    numba_only_in_run,
    sympy_ends_at_freeze,
    no_pickle,
    no_latex_below,
    no_text_becomes_code,
    short_enough,
    no_backward_in_nn,
    no_counts_of_references,
    files_are_written_whole,
    walks_end,
    documented,
    words,
)


def complaints(check: Check, package: Path) -> list[str]:
    return [
        f"{path.relative_to(package.parent)}: {complaint}"
        for path in sorted(package.rglob("*.py"))
        for complaint in check(path, package)
    ]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_package(check: Check) -> None:
    assert list(PACKAGE.rglob("*.py"))
    found = complaints(check, PACKAGE)
    assert not found, "\n".join(found)


def modules(package: Path) -> dict[str, Path]:
    """Every module by its full name; a package goes by its own."""
    files = {p.relative_to(package.parent).with_suffix(""): p for p in package.rglob("*.py")}
    return {".".join(name.parts).removesuffix(".__init__"): path for name, path in files.items()}


def circles(package: Path) -> list[list[str]]:
    """Groups of modules that import each other, on loading or in a call; for types alone does not count."""
    known = modules(package)
    graph = {}
    for name, path in known.items():
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
                node.body = []
        asked = {asked for _, asked in imports(tree, path, package)}
        found = {n if n in known else n.rpartition(".")[0] for n in asked} & known.keys()
        graph[name] = {n for n in found if known[n].name != "__init__.py"} - {name}
    reached = {name: set(wanted) for name, wanted in graph.items()}
    changed = True
    while changed:
        changed = False
        for name, far in reached.items():
            more = set().union(far, *(reached[n] for n in far))
            changed |= len(more) > len(far)
            reached[name] = more
    rings = {frozenset(m for m in reached[n] if n in reached[m]) for n in reached if n in reached[n]}
    return sorted(map(sorted, rings))


def test_no_module_imports_itself_over_others() -> None:
    assert not circles(PACKAGE)


def test_circles_are_found(tmp_path: Path) -> None:
    made(tmp_path, "a/x.py", "from symdl.a import y")
    made(tmp_path, "a/z.py", "from symdl.a import x")
    made(tmp_path, "__init__.py", "")
    package = made(tmp_path, "a/y.py", "def f():\n    from symdl.a.x import g")
    assert circles(package) == [["symdl.a.x", "symdl.a.y"]]


def test_every_big_room_says_what_it_is() -> None:
    rooms = [p.name for p in PACKAGE.iterdir() if (p / "__init__.py").is_file()]
    assert len(rooms) == 18
    for room in rooms:
        page = (PACKAGE / room / "README.md").read_text("utf-8")
        assert page.startswith(f"# {room}: ")
        assert "**Enters:**" in page and "**Leaves:**" in page
        missing = [w for w in re.findall(r"`([\w/]+\.py|[\w/]+/)`", page) if not _there(w, PACKAGE / room)]
        assert not missing, (room, missing)


def _there(word: str, room: Path) -> bool:
    return any((folder / word).exists() for folder in (room, PACKAGE, ROOT))


BAD = [
    (stage_order, "express/a.py", "from symdl.differentiate import adjoint"),
    (stage_order, "express/a.py", "from symdl import nn"),
    (stage_order, "express/a.py", "import symdl"),
    (stage_order, "express/a.py", "from ..nn import layers"),
    (stage_order, "nn/a.py", "def f():\n    import symdl.differentiate.adjoint"),
    (stage_order, "lower/a.py", "from symdl.explain.printers.text import show"),
    (stage_order, "explain/a.py", "from symdl.lower import nests"),
    (stage_order, "run/a.py", "from symdl.train import fit"),
    (stage_order, "errors.py", "from symdl.express import dims"),
    (targets_apart, "lower/ir/a.py", "from symdl.lower.cpu.vectorize import in_lanes"),
    (targets_apart, "lower/pipeline.py", "from symdl.lower.cpu.lowering import CPU"),
    (targets_apart, "schedule/a.py", "from symdl.lower.cpu import vectorize"),
    (targets_apart, "lower/passes.py", "from symdl.lower.python.lowering import PYTHON"),
    (targets_apart, "run/python/a.py", "from symdl.run.cpu import memory"),
    (targets_through_their_records, "run/arguments.py", "from symdl.targets import CPU"),
    (targets_through_their_records, "run/cpu/a.py", "from symdl.targets import CPU"),
    (targets_through_their_records, "run/build.py", "from symdl.run.cpu.cache import objects"),
    (targets_through_their_records, "train/model.py", "from symdl.emit.python.syntax import PYTHON"),
    (no_target_by_name, "run/memory.py", "def f(target):\n    return target == 'cpu'"),
    (no_target_by_name, "run/compile.py", "def f(target):\n    return target.name != 'python'"),
    (no_target_by_name, "run/memory.py", "def f(*, target='cpu'): ..."),
    (no_target_by_name, "schedule/a.py", "KINDS = {'cuda': 1}"),
    (stage_order, "schedule/a.py", "from symdl.run import compile"),
    (stage_order, "templating.py", "from symdl.errors import SymdlError"),
    (short_enough, "nn/a.py", "class A:\n" + "    x = 1\n" * LONGEST_CLASS),
    (numba_only_in_run, "train/a.py", "import numba as nb"),
    (numba_only_in_run, "emit/a.py", "from numba import njit"),
    (sympy_ends_at_freeze, "lower/loops/fusion.py", "import sympy as sp"),
    (sympy_ends_at_freeze, "run/load.py", "from sympy.core import Add"),
    (sympy_ends_at_freeze, "schedule/a.py", "import sympy as sp"),
    (no_pickle, "train/a.py", "import pickle"),
    (no_latex_below, "emit/a.py", "def latex_name(x): return x"),
    (no_text_becomes_code, "run/a.py", "exec('x = 1')"),
    (no_text_becomes_code, "run/a.py", "eval(text)"),
    (no_text_becomes_code, "express/a.py", "sp.sympify(text)"),
    (no_text_becomes_code, "express/a.py", "sp.S(text)"),
    (no_text_becomes_code, "express/a.py", "sp.lambdify(x, y)"),
    (short_enough, "nn/a.py", "def f():\n" + "    x = 1\n" * LONGEST_FUNCTION),
    (short_enough, "nn/a.py", "x = 1\n" * (LONGEST_FILE + 1)),
    (
        short_enough,
        "nn/a.py",
        'def f():\n    """d\n\n    >>> 1\n    1\n    """\n' + "    x\n" * LONGEST_FUNCTION,
    ),
    (no_backward_in_nn, "nn/a.py", "def backward(x): return x"),
    (no_counts_of_references, "run/a.py", "sys.getrefcount(x)"),
    (no_counts_of_references, "run/a.py", "from sys import getrefcount"),
    (files_are_written_whole, "train/a.py", "open(path, 'w')"),
    (files_are_written_whole, "train/a.py", "path.open(mode='r+b')"),
    (files_are_written_whole, "explain/a.py", "path.write_text(text)"),
    (files_are_written_whole, "run/a.py", "tempfile.mkstemp()"),
    (walks_end, "express/surface.py", "def f(e): return e.has(x)"),
    (walks_end, "express/scalar.py", "def f(e): return sp.preorder_traversal(e)"),
    (walks_end, "run/compile.py", "symbols = e.free_symbols"),
    (documented, "nn/a.py", "x = 1"),
    (words, "schedule/legs.py", "'''d'''"),
    (words, "lower/a.py", "def f(*, in_tiles): ..."),
    (words, "run/a.py", "from symdl.run.b import Team"),
    (words, "train/a.py", "x.lanes = 1"),
]

GOOD = [
    ("express/a.py", "'''d'''\nimport sympy as sp\nfrom symdl.errors import ShapeError\nsp.S(1)"),
    ("express/a.py", "'''d'''\nfrom . import dims\nfrom .dims import Dim\nsympify(x, strict=True)"),
    ("run/a.py", "'''d'''\nimport numba\nfrom symdl.emit.source import module_source"),
    ("run/reference/interpreter.py", "'''d'''\nimport sympy"),
    ("lower/freeze/freeze.py", "'''d'''\nimport sympy"),
    (
        "run/compile.py",
        "'''d'''\nfrom symdl.targets import find\ndef f(*, target='cpu'): return find(target)",
    ),
    ("targets.py", "'''d'''\nfrom symdl.run.cpu.runtime import CpuRuntime\nNAMES = ['cpu']"),
    ("run/cpu/a.py", "'''d'''\nfrom symdl.run.cpu.limits import STOP\nNAME = 'cpu'"),
    ("__init__.py", "'''d'''\nfrom symdl.train.datasets import digits"),
    (
        "nn/a.py",
        "'''d'''\ndef f():\n    '''d\n\n    >>> 1\n    1\n    '''\n" + "    x = 1\n" * (LONGEST_FUNCTION - 3),
    ),
    ("nn/a.py", "'''d'''\ndef f():\n" + "    x = 1\n" * (LONGEST_FUNCTION - 1)),
    ("emit/cpu/a.py", "'''d'''\nlanes = text.strip()"),
    ("express/a.py", "'''d'''\ndef tile(x): ..."),
    ("express/scalar.py", "'''d'''\ndef in_order(e): return e.free_symbols"),
]


def made(tmp_path: Path, where: str, text: str) -> Path:
    file = tmp_path / "symdl" / where
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return tmp_path / "symdl"


@pytest.mark.parametrize("number", range(len(BAD)))
def test_checks_find_what_they_look_for(number: int, tmp_path: Path) -> None:
    check, where, text = BAD[number]
    assert len(complaints(check, made(tmp_path, where, text))) == 1


@pytest.mark.parametrize("number", range(len(GOOD)))
def test_checks_accept_what_is_right(number: int, tmp_path: Path) -> None:
    where, text = GOOD[number]
    package = made(tmp_path, where, text)
    assert not [complaint for check in CHECKS for complaint in complaints(check, package)]


def test_no_folder_of_tests_stands_in_for_a_module_of_python() -> None:
    """pytest imports ``tests/site`` as ``site``, and whoever asks for that one then finds tests."""
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert len(folders) > 15
    assert folders & sys.stdlib_module_names == set()
