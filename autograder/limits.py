"""Limits for code that is judged: time, and one thread."""

from __future__ import annotations

import ctypes
import functools
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

# Fired again at this interval, in case the code swallowed the first one.
REPEAT_SECONDS = 0.05


class TimeLimit(BaseException):
    """Raised inside code that ran out of time.

    Not an `Exception`, so that `except Exception` in that code lets it through.
    """


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises `TimeLimit` in the body when it runs longer than `seconds`.

    In the main thread of a Unix process a timer signal also interrupts
    `sleep`; elsewhere (Windows, worker threads) the exception arrives at the
    next Python instruction.
    """
    main = threading.current_thread() is threading.main_thread()
    if main and hasattr(signal, "setitimer"):
        yield from _by_signal(seconds)
    else:
        yield from _by_thread(seconds)


def _by_signal(seconds: float) -> Iterator[None]:
    def expire(signum, frame):
        raise TimeLimit

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds, REPEAT_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _by_thread(seconds: float) -> Iterator[None]:
    target = ctypes.c_ulong(threading.get_ident())
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    done = threading.Event()

    def watch():
        wait = seconds
        while not done.wait(wait):
            raise_in(target, ctypes.py_object(TimeLimit))
            wait = REPEAT_SECONDS

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        raise_in(target, None)  # withdraw one that has not been delivered yet


@functools.cache
def _thread_pools() -> ThreadpoolController:
    """The pools of the libraries loaded by now (NumPy's BLAS, PyTorch's OpenMP)."""
    return ThreadpoolController()


def one_thread(function: Callable) -> Callable:
    """Runs a function without parallel loops.

    On arrays of a few hundred numbers threads save nothing, and on a busy machine
    they wait for each other: a check took seconds in place of milliseconds.
    """

    @functools.wraps(function)
    def limited(*args, **kwargs):
        with _thread_pools().limit(limits=1):
            return function(*args, **kwargs)

    return limited
