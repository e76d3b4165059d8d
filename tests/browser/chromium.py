"""Chromium without a window, driven over the two pipes of its DevTools protocol: no port, no driver, no library."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = "/usr/bin/chromium"
PATIENCE = 30.0  # seconds for anything at all
FLAGS = (
    "--headless",
    "--no-sandbox",  # the tests run as root in a container; the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
# As the protocol wants a key: its name, its code, the text it makes.
KEYS = {
    "Tab": ("Tab", 9, ""),
    "Enter": ("Enter", 13, "\r"),
    "Space": (" ", 32, " "),
    "ArrowDown": ("ArrowDown", 40, ""),
}


class BrowserError(Exception):
    """The browser is not there, or did not do what it was told to."""


class Tab:
    """One page of the browser."""

    def __init__(self, pipes: "_Pipes", session: str) -> None:
        self._pipes, self._session = pipes, session
        for part in ("Page", "Runtime", "Network"):
            self.tell(f"{part}.enable")

    def tell(self, method: str, **given: Any) -> dict[str, Any]:
        """Tell the page to do something, and give what it answers."""
        return self._pipes.ask(method, given, self._session)

    def open(self, url: str) -> None:
        """Go to an address and wait until it is shown."""
        with self.leads_on():
            self.tell("Page.navigate", url=url)

    @contextmanager
    def leads_on(self) -> Iterator[None]:
        """Do something that leads to another page, and wait until that is shown."""
        self._pipes.events.clear()
        yield
        self._pipes.wait_for("Page.loadEventFired", self._session)

    def run(self, script: str) -> Any:
        """Give the value of a script's expression; what it promises is waited for."""
        told = self.tell("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise BrowserError(str(told["exceptionDetails"]))
        return told["result"].get("value")

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key."""
        name, code, text = KEYS[key]
        known = {"key": name, "code": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.tell("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **known)
        self.tell("Input.dispatchKeyEvent", type="keyUp", **known)

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        for letter in text:
            self.tell("Input.dispatchKeyEvent", type="char", text=letter)

    def enter(self) -> None:
        """Press Enter, which leads to another page."""
        with self.leads_on():
            self.press("Enter")

    def tab_to(self, selector: str) -> None:
        """Press Tab until something has the focus."""
        for _ in range(60):
            if self.run(f"document.activeElement.matches({json.dumps(selector)})"):
                return
            self.press("Tab")
        raise BrowserError(f"{selector} is not reached by the keyboard")

    def refused_frames(self) -> list[str]:
        """Give the addresses that frames of other sites in the page were not let show."""
        refused = []
        for target in self.tell("Target.getTargets")["targetInfos"]:
            if target["type"] == "iframe":
                asked = {"targetId": target["targetId"], "flatten": True}
                session = self._pipes.ask("Target.attachToTarget", asked)["sessionId"]
                frame = self._pipes.ask("Page.getFrameTree", {}, session)["frameTree"]["frame"]
                refused.append(str(frame.get("unreachableUrl")))
        return refused

    def paint(self, file: Path) -> None:
        """Keep a picture of the whole page."""
        told = self.tell("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(told["data"]))

    def sized(self, width: int, height: int = 900) -> None:
        """Give the window another size."""
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)


class _Pipes:
    """The protocol: JSON between NULs; answers by number, events as they come."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._number = 0
        self._rest = b""
        self.events: list[tuple[str, str]] = []

    def ask(self, method: str, given: dict[str, Any], session: str = "") -> dict[str, Any]:
        self._number += 1
        sent = {"id": self._number, "method": method, "params": given} | ({"sessionId": session} if session else {})
        os.write(self._writing, json.dumps(sent).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while True:
            told = self._next(until)
            if told.get("id") == self._number:
                if "error" in told:
                    raise BrowserError(f"{method}: {told['error']}")
                return dict(told["result"])

    def wait_for(self, event: str, session: str) -> None:
        until = time.monotonic() + PATIENCE
        while (event, session) not in self.events:
            self._next(until)

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            if not select.select([self._reading], [], [], max(0, until - time.monotonic()))[0]:
                raise BrowserError("the browser does not answer")
            read = os.read(self._reading, 1 << 20)
            if not read:
                raise BrowserError("the browser is gone")
            self._rest += read
        whole, _, self._rest = self._rest.partition(b"\0")
        told: dict[str, Any] = json.loads(whole)
        if "method" in told:
            self.events.append((told["method"], told.get("sessionId", "")))
        return told


@contextmanager
def chromium() -> Iterator[Tab]:
    """Have a new browser with one empty page, and nothing kept of it."""
    if not Path(PROGRAM).exists():
        raise BrowserError(f"There is no {PROGRAM}: apt-get install chromium")
    folder = tempfile.mkdtemp(prefix="reinstate-chromium-")
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    # Chromium reads at 3 and writes at 4; far from those, so that neither is taken by the other.
    far = [fcntl.fcntl(pipe, fcntl.F_DUPFD, 50) for pipe in (theirs_in, theirs_out)]
    command = [PROGRAM, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
    shell = ["/bin/bash", "-c", f'exec "$@" 3<&{far[0]} 4>&{far[1]}', "bash", *command]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(shell, pass_fds=far, **quiet)
    for pipe in (theirs_in, theirs_out, *far):
        os.close(pipe)
    pipes = _Pipes(ours_in, ours_out)
    try:
        target = pipes.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = pipes.ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        yield Tab(pipes, session)
    finally:
        process.kill()
        process.wait(20)
        os.close(ours_in)
        os.close(ours_out)
        shutil.rmtree(folder, ignore_errors=True)
