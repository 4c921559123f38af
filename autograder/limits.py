"""What code is judged under: a time limit, one thread, and settings of the grader's own."""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import numpy as np
from threadpoolctl import ThreadpoolController

# Fired again at this interval, in case the code swallowed the first one.
REPEAT_SECONDS = 0.05
SWALLOWED = 3  # after so many, the limit insists
_HERE = os.path.dirname(__file__)


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
    traced, fired = sys.gettrace(), 0

    def expire(signum, frame):
        nonlocal fired
        fired += 1
        if fired > SWALLOWED:
            _insist(frame)
        raise TimeLimit

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds, REPEAT_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.settrace(traced)
        signal.signal(signal.SIGALRM, before)


def _insist(frame: FrameType | None) -> None:
    """Lets every further line of the code that is limited raise `TimeLimit`.

    A bare `except:` in an endless loop swallows one exception after another, but
    the next line is the `except:` itself, and what is raised there leaves the loop.
    """

    def refuse(frame, event, argument):
        if event == "line":
            raise TimeLimit
        return refuse

    while frame and not frame.f_code.co_filename.startswith(_HERE):
        frame.f_trace = refuse
        frame = frame.f_back
    sys.settrace(lambda frame, event, argument: None)


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


@contextmanager
def own_settings() -> Iterator[None]:
    """Settings that a notebook may have changed, as the grader needs them.

    The references need PyTorch's gradients; NumPy and `warnings` may have been told
    to raise. As a decorator, it holds for the whole function.
    """
    import torch  # here: nbgrader's commands import this module and need no PyTorch

    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        np.errstate(all="ignore"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield
