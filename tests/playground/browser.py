"""Headless Chromium, driven through a pipe by its debugging protocol; it reaches this machine alone."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Tab:
    """One page of a browser. `said` holds what its console, and the log of its requests, said."""

    def __init__(self, reading: IO[bytes], writing: IO[bytes]) -> None:
        self._from, self._to = reading, writing
        self._rest = b""
        self._number = 0
        self._session: str | None = None
        self.said: list[dict[str, Any]] = []
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self._session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(f"{domain}.enable")

    def __call__(self, method: str, **params: Any) -> Any:
        """Call a method of the protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        while True:
            heard = self._heard()
            if heard.get("id") == self._number:
                assert "error" not in heard, heard
                return heard["result"]
            if heard.get("method") in (
                "Runtime.exceptionThrown",
                "Log.entryAdded",
                "Network.requestWillBeSent",
            ):
                self.said.append(heard)

    def _heard(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = self._from.read(1 << 20)
            assert more, "the browser has ended"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def value(self, script: str) -> Any:
        """Return what an expression of the page is."""
        found = self("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, script: str, *, seconds: float = 120) -> Any:
        """Wait until an expression is true, and return it."""
        end = time.monotonic() + seconds
        while not (found := self.value(script)):
            assert time.monotonic() < end, (script, self.value("document.body.innerText"), self.said[-5:])
            time.sleep(0.1)
        return found

    def look(self, path: Path, *, width: int, height: int, dark: bool = False) -> Path:
        """Write a picture of the page."""
        self(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self("Emulation.setEmulatedMedia", features=[scheme])
        time.sleep(0.5)
        path.write_bytes(base64.b64decode(self("Page.captureScreenshot", format="png")["data"]))
        return path

    @property
    def addresses(self) -> set[str]:
        """What the page asked for."""
        sent = (one["params"] for one in self.said if one["method"] == "Network.requestWillBeSent")
        return {params["request"]["url"] for params in sent}


@contextmanager
def browser(profile: Path) -> Iterator[Tab]:
    """Start a browser that finds no host but 127.0.0.1."""
    theirs, ours = os.pipe(), os.pipe()
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += [f"--user-data-dir={profile}", "--remote-debugging-pipe", "--no-first-run"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    files = f'exec 3<&{theirs[0]} 4>&{ours[1]}; exec "$@"'
    process = subprocess.Popen(
        ["bash", "-c", files, "bash", *command], pass_fds=(theirs[0], ours[1]), stderr=subprocess.DEVNULL
    )
    os.close(theirs[0])
    os.close(ours[1])
    with os.fdopen(ours[0], "rb", buffering=0) as reading, os.fdopen(theirs[1], "wb", buffering=0) as writing:
        try:
            yield Tab(reading, writing)
        finally:
            process.terminate()
            process.wait(timeout=30)
