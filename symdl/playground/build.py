"""The playground as a folder of static files.

Enters: a folder. Leaves in it: a page, its scripts, Pyodide, and one archive with SymPy, Jinja and the front
half of symdl, compiled for Pyodide's Python.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from symdl.files import replacing
from symdl.playground.assets import PYODIDE, WHEELS, fetched, run
from symdl.playground.examples import EXAMPLES
from symdl.playground.session import ENDINGS
from symdl.templating import template, template_root

_RUNTIME = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
_STAGES = (
    "brief.py",
    "errors.py",
    "files.py",
    "templating.py",
    "express",
    "nn",
    "differentiate",
    "explain",
    "playground",
)
"""The front half of symdl, beside its front door."""
_PRINTED = ("html", "latex", "markdown", "typst")
_UNUSED = ("/tests/", "/benchmarks/", "/testing/")
_PAGES = {
    "index.html": "html/playground.html.jinja",
    "playground.js": "html/playground.js.jinja",
    "worker.js": "html/playground_worker.js.jinja",
}


def build(folder: Path) -> int:
    """Write the playground into `folder`, and return its size in bytes.

    Raises:
        DataError: a package cannot be fetched or is another one, or a file cannot be written.
    """
    with tempfile.TemporaryDirectory() as scratch:
        content = dict(_content(Path(scratch)))
    for name, data in content.items():
        with replacing(folder / name, parents=True) as file:
            file.write(data)
    return sum(map(len, content.values()))


def _content(scratch: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of the playground."""
    (_, pyodide), *wheels = fetched(scratch)
    runtime = scratch / "runtime"
    runtime.mkdir()
    with tarfile.open(pyodide) as archive:
        for name in _RUNTIME:
            part = archive.extractfile(f"package/{name}")
            assert part is not None
            data = part.read()
            yield f"pyodide/{name}", data
            with replacing(runtime / name) as file:
                file.write(data)
    sources = {name: data for _, wheel in wheels for name, data in _of_wheel(wheel)}
    sources |= dict(_own())
    with replacing(scratch / "sources.zip") as file:
        file.write(_zipped(sources))
    with replacing(scratch / "compile.mjs") as file:
        file.write(template("html/playground_compile.mjs.jinja").render().encode())
    node = shutil.which("node") or "node"
    run([node, "compile.mjs"], scratch, "the packages cannot be compiled")
    yield "packages.zip", (scratch / "packages.zip").read_bytes()
    for name, page in _PAGES.items():
        yield name, _page(page).encode()


def _page(name: str) -> str:
    if not name.endswith(".html.jinja"):
        return template(name).render()
    made = [f"{asset.name} {asset.version}" for asset in (PYODIDE, *WHEELS)]
    examples = [{"name": e.name, "text": e.text, "wrt": e.wrt} for e in EXAMPLES]
    return template(name).render(
        examples=json.dumps(examples).replace("<", "\\u003c"), endings=ENDINGS, made=", ".join(made)
    )


def _of_wheel(wheel: Path) -> Iterator[tuple[str, bytes]]:
    """What of a package is needed: its Python, and its licence."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            needed = name.endswith(".py") or ".dist-info/" in name
            if needed and not any(part in name for part in _UNUSED):
                yield name, archive.read(name)


def _own() -> Iterator[tuple[str, bytes]]:
    """The front half of symdl, from where it is installed."""
    package = files("symdl")
    for name in ("__init__.py", *_STAGES):
        yield from _below(package / name, f"symdl/{name}", ".py")
    for name in _PRINTED:
        yield from _below(template_root() / name, f"symdl/templates/{name}", ".jinja")


def _below(place: Traversable, name: str, ending: str) -> Iterator[tuple[str, bytes]]:
    if place.is_dir():
        for entry in sorted(place.iterdir(), key=lambda entry: entry.name):
            yield from _below(entry, f"{name}/{entry.name}", ending)
    elif name.endswith(ending):
        yield name, place.read_bytes()


def _zipped(content: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


__all__ = ["build"]
