"""Starts worker processes, runs one function in each, and brings back the results."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist


class WorkerError(RuntimeError):
    """A worker failed, ended, or did not answer in time; `rank` is the first of them."""

    def __init__(self, message: str, rank: int):
        super().__init__(message)
        self.rank = rank


def run_workers(
    function: Callable[..., Any], workers: int, *arguments: Any, seconds: float = 120.0
) -> list[Any]:
    """What `function(*arguments)` returns in each of `workers` new processes, by rank.

    Args:
        function: from a module that can be imported. The processes import it anew, so a function
            of a notebook will not do. Inside, `torch.distributed` is ready (gloo, on the CPU):
            `dist.get_rank()`, `dist.all_reduce(...)`. One thread per process.
        arguments: pickled, the same for all workers; so is what comes back.
        seconds: for everything, the start of the processes included.

    When this returns or raises, no process is left. Should the caller itself be killed, the
    workers end too. A script that calls this needs `if __name__ == "__main__":` around it.

    Raises:
        ValueError: `workers` is below 1, or the function cannot be imported by its name.
        WorkerError: a worker raised (its traceback is in the message), ended without a word, or
            was still running after `seconds`.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}; expected 1 or more.")
    task = pickle.dumps((_importable(function), arguments))
    context = multiprocessing.get_context("spawn")
    processes, ends = [], []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            for rank in range(workers):
                ours, theirs = context.Pipe()
                store = str(Path(folder) / "store")
                given = (theirs, task, rank, workers, store, seconds)
                process = context.Process(target=_work, args=given, daemon=True)
                process.start()
                theirs.close()  # so that the end of the process is the end of the pipe
                processes.append(process)
                ends.append(ours)
            return _results(ends, processes, time.monotonic() + seconds, seconds)
        finally:
            for end in ends:
                end.close()
            _stop(processes)


def _importable(function: Callable) -> Callable:
    module, name = function.__module__, function.__qualname__
    if module == "__main__" or getattr(sys.modules.get(module), name, None) is not function:
        raise ValueError(
            f"`{name}` of `{module}` cannot be imported by a new process. Put it at the top level "
            "of a module (a .py file) and import it from there."
        )
    return function


def _results(ends: list, processes: list, deadline: float, seconds: float) -> list[Any]:
    """Waits for one answer per worker; the first failure in time is the one reported."""
    answers: dict[int, Any] = {}
    while len(answers) < len(ends):
        open_ends = [end for rank, end in enumerate(ends) if rank not in answers]
        ready = wait(open_ends, max(deadline - time.monotonic(), 0))
        if not ready:
            late = [rank for rank in range(len(ends)) if rank not in answers]
            raise WorkerError(
                f"No answer from worker(s) {', '.join(map(str, late))} of {len(ends)} after "
                f"{seconds:g} s. Do all workers make the same calls of torch.distributed, in the "
                "same order?",
                late[0],
            )
        for end in ready:
            rank = ends.index(end)
            try:
                good, answers[rank] = pickle.loads(end.recv_bytes())
            except EOFError:
                processes[rank].join(5)
                raise WorkerError(
                    f"Worker {rank} of {len(ends)} ended without a result "
                    f"(exit code {processes[rank].exitcode}).",
                    rank,
                ) from None
            if not good:
                raise WorkerError(f"Worker {rank} of {len(ends)} raised {answers[rank]}", rank)
    return [answers[rank] for rank in range(len(ends))]


def _stop(processes: list) -> None:
    """Lets finished processes end by themselves, and ends the others."""
    for process in processes:
        process.join(0.2)
        if process.is_alive():
            process.terminate()
    for process in processes:
        process.join(2)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()


def _work(end, task: bytes, rank: int, workers: int, store: str, seconds: float) -> None:
    """The life of a worker process."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    try:
        function, arguments = pickle.loads(task)
        dist.init_process_group(
            "gloo",
            store=dist.FileStore(store, workers),
            rank=rank,
            world_size=workers,
            timeout=timedelta(seconds=seconds),
        )
        answer = pickle.dumps((True, function(*arguments)))
    except Exception as error:
        last = traceback.format_exception_only(error)[-1].strip()
        answer = pickle.dumps((False, f"{last}\n\n{''.join(traceback.format_exception(error))}"))
    with suppress(EOFError, OSError):  # the parent may have given up
        end.send_bytes(answer)
        end.recv_bytes()  # whoever leaves first would break the others' connections
    os._exit(0)  # gloo's threads may still wait for a worker that failed


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
