"""The real binary, started as a child process with a data folder and an admin key of its own.

Its database is a file in that folder, or the PostgreSQL database that `RINGBACK_TEST_DATABASE` is the address of.
"""

import base64
import json
import os
import queue
import secrets
import signal
import subprocess
import threading
from pathlib import Path

from signing import post

_PROJECT = Path(__file__).resolve().parents[3]
_START_TIMEOUT_SECS = 30
_STOP_TIMEOUT_SECS = 30


def binary() -> Path:
    """`RINGBACK_BIN`, else the debug build of this tree."""
    path = Path(os.environ.get("RINGBACK_BIN", _PROJECT / "target/debug/ringback"))
    assert path.is_file(), f"{path} does not exist: run `cargo build -p ringback`, or set RINGBACK_BIN"
    return path


class Gateway:
    """A running `ringback serve --dev` on a free port of the loopback interface."""

    def __init__(self, folder: Path) -> None:
        """Starts it, and returns when it says that it is ready. Everything it keeps is below `folder`."""
        self.admin_key = "rk_test_" + secrets.token_hex(16)
        self._log = folder / "stderr.log"
        self._lines: queue.Queue[str] = queue.Queue()
        self._child = self._start(folder)
        # Reads on for as long as the child lives, so that it never waits for a full pipe.
        threading.Thread(target=self._read_stdout, daemon=True).start()
        ready = self._wait_until_ready()
        self.url: str = ready["url"]
        self.version: str = ready["version"]

    def create(self, collection: str, **fields: object) -> dict:
        """POSTs to `/v1/COLLECTION` with the admin key; returns the new object."""
        headers = {"authorization": f"Bearer {self.admin_key}", "content-type": "application/json"}
        status, answer = post(f"{self.url}/v1/{collection}", headers, json.dumps(fields).encode())
        assert 200 <= status < 300, f"creating in {collection}: {status} {answer.decode(errors='replace')}"
        return json.loads(answer)

    def stop(self) -> None:
        """SIGTERM, as a service manager sends it; the child must then end by itself, and with success."""
        self._child.send_signal(signal.SIGTERM)
        try:
            code = self._child.wait(_STOP_TIMEOUT_SECS)
        finally:
            self.kill()
        assert code == 0, f"exit code {code} after SIGTERM; it said:\n{self._said()}"

    def kill(self) -> None:
        """Ends the child if it still runs, without asking."""
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()

    def _start(self, folder: Path) -> subprocess.Popen[str]:
        command = [binary(), "--json", "serve", "--dev"]
        command += ["--data-dir", folder / "data", "--listen", "127.0.0.1:0"]
        # The settings of whoever runs the tests must not reach the child.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
        environment["RINGBACK_ADMIN_KEY"] = self.admin_key
        if database := os.environ.get("RINGBACK_TEST_DATABASE"):
            environment["RINGBACK_DATABASE"] = database
            environment["RINGBACK_ENCRYPTION_KEY"] = base64.b64encode(secrets.token_bytes(32)).decode()
        with self._log.open("wb") as log:
            return subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def _read_stdout(self) -> None:
        for line in self._child.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _wait_until_ready(self) -> dict:
        try:
            line = self._lines.get(timeout=_START_TIMEOUT_SECS)
            ready = json.loads(line)
            assert ready["object"] == "server", line
            return ready
        except (queue.Empty, ValueError, KeyError, AssertionError) as cause:
            self.kill()
            raise AssertionError(f"the server did not say that it is ready; it said:\n{self._said()}") from cause

    def _said(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]
