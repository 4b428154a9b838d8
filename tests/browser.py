"""How does a test look at a page the way a person does: in a real browser, headless?

Debian's Chromium, driven over its own debugging protocol; nothing of it is left when the page is closed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from eventually import eventually
from websocket import WebSocket, create_connection

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
)
PROGRAMS = ("chromium", "google-chrome")
PATIENCE_SECONDS = 30


class Page:
    """One tab."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket, self._count = socket, 0

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give one command of the protocol and return its answer."""
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def open(self, url: str, login: tuple[str, str] | None = None) -> None:
        """Go to a page and wait until it stands."""
        self.send("Network.enable")
        if login:
            said = b64encode(":".join(login).encode()).decode()
            self.send("Network.setExtraHTTPHeaders", headers={"Authorization": f"Basic {said}"})
        self.send("Page.navigate", url=url)
        eventually(lambda: self.ask("location.href.startsWith('http') && document.readyState === 'complete'"), 30)

    def ask(self, expression: str) -> Any:
        """Evaluate JavaScript in the page and return its value."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def colours(self, scheme: str) -> None:
        """Prefer `light` or `dark`, as the operating system would tell the browser."""
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def size(self, width: int, height: int) -> None:
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def picture(self, file: Path) -> None:
        """Write what is seen as a PNG."""
        file.write_bytes(b64decode(self.send("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """Start a browser with an empty profile; yields its tab."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert program, "the tests need a Chromium: `make apt` installs Debian's"
    home = folder / "chromium"
    command = [program, *FLAGS, "--remote-debugging-port=0", f"--user-data-dir={home}", "about:blank"]
    with (folder / "chromium.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        socket = create_connection(
            eventually(lambda: _tab(home), PATIENCE_SECONDS), timeout=PATIENCE_SECONDS, suppress_origin=True
        )
        try:
            yield Page(socket)
        finally:
            socket.close()
    finally:
        process.terminate()
        process.wait(timeout=20)


def _tab(home: Path) -> str:
    port = (home / "DevToolsActivePort").read_text().splitlines()[0]
    tabs = httpx.get(f"http://127.0.0.1:{port}/json/list").json()
    return next(str(tab["webSocketDebuggerUrl"]) for tab in tabs if tab["type"] == "page")
