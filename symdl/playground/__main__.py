"""The command ``python -m symdl.playground [FOLDER] [--serve PORT]``: build the playground, and show it."""

from __future__ import annotations

import argparse
import functools
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from symdl.errors import SymdlError
from symdl.playground.build import build


def main(arguments: list[str] | None = None) -> int:
    """Build the playground; with ``--serve`` let browsers on this machine see it until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m symdl.playground", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("out/playground"))
    parser.add_argument("--serve", type=int, metavar="PORT", help="serve the folder on 127.0.0.1 afterwards")
    options = parser.parse_args(arguments)
    try:
        size = build(options.folder)
    except SymdlError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.folder}: {size / 1e6:.1f} MB; any web server can show it")
    if options.serve is not None:
        with server(options.folder, options.serve) as shown:
            print(f"http://127.0.0.1:{shown.server_port}/")
            try:
                shown.serve_forever()
            except KeyboardInterrupt:
                return 0
    return 0


def server(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """Return a server of a folder's files for this machine; port 0 takes a free one."""
    handler = functools.partial(_Quiet, directory=str(folder))
    return ThreadingHTTPServer(("127.0.0.1", port), handler)


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files under the types that browsers insist on, whatever the machine's own table says."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request."""


if __name__ == "__main__":
    sys.exit(main())
