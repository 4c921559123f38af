"""The process that compiles: started on first use, kept, replaced when it had to be stopped."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

SCRIPT = Path(__file__).with_name("worker.py")
START_SECONDS = 60.0  # a first load of the library from a slow disk


class Stopped(Exception):
    """The process ended without a reply.

    Attributes:
        timed_out: it was stopped because its time was up.
    """

    def __init__(self, timed_out: bool):
        super().__init__("the compiler's process ended")
        self.timed_out = timed_out


class Gone(Exception):
    """The process had ended before the request was sent: another thread's request ended it."""


class Worker:
    """One such process. It takes one request at a time; further callers of `ask` wait.

    Attributes:
        hello: its reply to the setup.

    Raises:
        Stopped: it did not start.
    """

    def __init__(self, setup: dict):
        alone = (
            {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
            if sys.platform == "win32"
            else {"start_new_session": True}  # Ctrl-C in a terminal is for the parent
        )
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,  # nothing half-written that a forked child could flush
            cwd=os.path.abspath(os.sep),
            **alone,
        )
        self._lock = threading.Lock()
        self.hello = self.ask(setup, START_SECONDS)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: dict, seconds: float) -> dict:
        """The reply to a request.

        Raises:
            Stopped: the process crashed, or its `seconds` were up. It is of no more use.
            Gone: it had ended before; ask a new one.
        """
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._kill()

        with self._lock:
            if not self.alive:
                raise Gone
            timer = threading.Timer(seconds, stop)
            timer.daemon = True
            timer.start()
            try:
                self._write(json.dumps({**request, "seconds": seconds}).encode() + b"\n")
                reply = self._read()
            except OSError:  # the pipe broke
                reply = b""
            except BaseException:
                # An interrupt, say. The reply may still come, and would answer the next request.
                self.close()
                raise
            finally:
                timer.cancel()
                timer.join()
            if late.is_set() or not reply.endswith(b"\n"):
                self.close()
                raise Stopped(late.is_set())
        return json.loads(reply)

    def close(self) -> None:
        """Ends the process."""
        self._kill()
        self._process.wait()
        self._close_pipes()

    def abandon(self) -> None:
        """Lets go of the process in a forked child: it is the parent's."""
        self._close_pipes()
        self._process.returncode = 0  # or its destructor warns of a child that is not ours

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._process.stdin.write(rest) :]

    def _read(self) -> bytes:
        data = bytearray()
        while not data.endswith(b"\n") and (piece := self._process.stdout.read(1 << 16)):
            data += piece
        return bytes(data)

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()

    def _kill(self) -> None:
        if self._process.returncode is not None:  # its number may be another's by now
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                self._process.kill()
            else:  # with what it may have started
                os.killpg(self._process.pid, signal.SIGKILL)


_workers: dict[str, Worker] = {}
_starting = threading.Lock()


def worker(setup: dict) -> Worker:
    """The running process for a setup, started if there is none.

    Args:
        setup: the worker's first request; `setup["program"]` tells the processes apart.
    """
    with _starting:
        key = setup["program"]
        if key not in _workers or not _workers[key].alive:
            _workers[key] = Worker(setup)
        return _workers[key]


def _close_all() -> None:
    for each in _workers.values():
        each.close()
    _workers.clear()


def _abandon_all() -> None:
    global _starting
    _starting = threading.Lock()  # another thread of the parent may have held it
    for each in _workers.values():
        each.abandon()
    _workers.clear()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
