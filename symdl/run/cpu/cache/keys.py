"""Under what machine code is kept on disk.

Enters: the source of a generated module, or of a part of one. Leaves: a `Key` for each part: what it is, what
it was built on, for which processor. Kernels that differ by names only have one key, whatever modules they
are in. The keys of a module are listed on disk, too, so that a later process need not find out again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from llvmlite import binding

from symdl.emit.canonical import canonical
from symdl.emit.parts import parts
from symdl.errors import CompileError
from symdl.run import modules as disk
from symdl.run.cpu.cache.foundation import foundation

FORMAT = 4
"""The version of the form of files."""


@dataclass(frozen=True, slots=True)
class Key:
    """What a file of machine code is for.

    Attributes:
        module: a hash of the source and of what it is built on.
        source: a hash of the source alone.
        processor: a hash of the processor and of the settings of compilers.
    """

    module: str
    source: str
    processor: str

    @property
    def head(self) -> dict[str, str | int]:
        """What a file says of itself."""
        return {
            "format": FORMAT,
            "module": self.module,
            "processor": self.processor,
            "source": self.source,
        }

    def path(self, where: Path) -> Path:
        """Return the file in a folder."""
        return where / f"{self.module}.{self.processor}.code"


Keys = list[tuple[str, Key]]
"""The kernels of a module by their names, which are empty where a module is one part."""


def key_of(source: str) -> Key:
    """Return the key of a part of a module, which is that of all that differ from it by names only."""
    return key_of_text(canonical(source), processor())


def key_of_text(text: str, processor: str) -> Key:
    """Return the key of a text that stands for compiled functions."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Key(disk.name_of(text, foundation()), digest, processor)


def keys_of(source: str, where: Path) -> Keys:
    """Return the keys of the parts of a module, and list them on disk."""
    own = processor()
    made = [(part.name, key_of_text(canonical(part.source), own)) for part in parts(source)]
    listed = [[name, key.module, key.source] for name, key in made]
    disk.write(listing(source, where), disk.sealed(_head(source), json.dumps(listed).encode()))
    return made


def listed_keys(source: str, where: Path) -> Keys | None:
    """Return the keys of the parts of a module as they are listed on disk, if they are."""
    data = disk.content(listing(source, where))
    if data is None:
        return None
    _, body = disk.unsealed(data)
    if disk.sealed(_head(source), body) != data:
        return None
    own = processor()
    return [(name, Key(module, digest, own)) for name, module, digest in json.loads(body)]


def listing(source: str, where: Path) -> Path:
    """Return the file in which the keys of a module are listed."""
    return where / f"{disk.name_of(source, foundation())}.parts"


def _head(source: str) -> dict[str, str | int]:
    return {"format": FORMAT, "module": disk.name_of(source, foundation())}


def processor() -> str:
    """Return a hash of what machine code depends on besides its source: the processor, LLVM, settings."""
    names = [name for name in os.environ if name.startswith("NUMBA_") and name not in _OTHER_SETTINGS]
    chosen = sorted(f"{name}={os.environ[name]}" for name in names)
    version = ".".join(map(str, binding.llvm_version_info))
    known = [binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten(), version, *chosen]
    return hashlib.sha256("\0".join(known).encode()).hexdigest()[:16]


def check_settings(environ: Mapping[str, str]) -> None:
    """Look at what the environment says to Numba; whoever is about to compile calls this.

    Raises:
        CompileError: Numba compiles nothing, or does not even start.
    """
    if environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        raise CompileError("NUMBA_DISABLE_JIT is set", cure="unset it, or use target='python'")
    threads = environ.get("NUMBA_NUM_THREADS", "1")
    if not threads.isdecimal() or int(threads) < 1:
        raise CompileError(
            f"NUMBA_NUM_THREADS={threads!r} is no positive number", cure="unset it; symdl asks SYMDL_THREADS"
        )


_OTHER_SETTINGS = ("NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER", "NUMBA_CACHE_DIR")
"""Settings of Numba on which no machine code depends."""
