"""Real processes: what DDP keeps equal, and batch norm over all of them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import worker_functions
from worker_functions import errors, everything, fails, hangs, leaves, sleeps

from bnlab.workers.processes import WorkerError, run_workers

SECONDS = 100  # a generous limit: a busy machine takes its time to start processes


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def two():
    return run_workers(everything, 2, [(10, 22), (1, 3), (0, 4), (1, 1), (2, 0)], seconds=SECONDS)


def test_each_worker_returns_and_none_is_left(two):
    assert [(answer["rank"], answer["workers"]) for answer in two] == [(0, 2), (1, 2)]
    assert all(torch.equal(answer["total"], torch.tensor(1.0)) for answer in two)
    assert not any(alive(answer["process"]) for answer in two)


def test_two_workers_equal_the_whole_batch(two):
    _as_the_whole_batch([answer["errors"] for answer in two])


def test_three_workers_equal_the_whole_batch():
    _as_the_whole_batch(run_workers(errors, 3, [(3, 0, 5), (1, 7, 2), (4, 4, 4)], seconds=SECONDS))


def _as_the_whole_batch(answers):
    """The right layer is, in everything; the wrong one is not in dx."""
    wrong = []
    for by_arm in (arms for answer in answers for arms in answer):
        first, second = by_arm.values()
        assert first.keys() == {"y", "dx", "dgamma", "running"}
        assert max(first.values()) < 1e-12
        wrong.append(second.pop("dx"))
        assert max(second.values()) < 1e-12
    assert max(wrong) > 0.02


def test_what_ddp_keeps_equal(two):
    for answer in two:
        default, without, deprecated = answer["ddp"]
        for seen in answer["ddp"]:
            assert seen["parameters"] == [0.0] * 4
            assert min(seen["after the step"]) > 1e-4
        assert default["in the next forward"] == [0.0] * 4
        assert min(without["in the next forward"]) > 1e-4
        assert default["warnings"] == without["warnings"] == []
        [told] = deprecated["warnings"]
        assert told.startswith("FutureWarning") and "forward_sync_buffers" in told
        assert all(run["parameters"] == 0 for run in answer["trained"])
    shared, *_ = zip(*(answer["trained"] for answer in two), strict=True)
    assert shared[0]["accuracy"] == shared[1]["accuracy"]  # running statistics too


def test_pytorchs_own_layer_refuses_the_cpu(two):
    for answer in two:
        assert "expected input tensor to be on GPU" in answer["refusal"]


def test_an_error_in_a_worker_comes_back_with_its_traceback():
    with pytest.raises(WorkerError, match="Worker 1 of 2 raised KeyError: 'the reason'") as found:
        run_workers(fails, 2, 1, seconds=SECONDS)
    assert found.value.rank == 1 and "worker_functions.py" in str(found.value)


def test_a_worker_that_dies_is_reported():
    with pytest.raises(WorkerError, match=r"Worker 0 of 2 ended without a result \(exit code 7\)"):
        run_workers(leaves, 2, 0, seconds=SECONDS)


def test_workers_that_wait_for_each_other_are_ended(tmp_path):
    with pytest.raises(WorkerError, match="No answer from worker"):
        run_workers(hangs, 2, 0, str(tmp_path), seconds=6)
    assert not any(alive(int(file.name)) for file in tmp_path.iterdir())


def test_a_result_that_cannot_be_pickled_is_an_error_of_its_worker():
    function = worker_functions.returns_something_that_cannot_travel
    with pytest.raises(WorkerError, match=r"Worker 0 of 1 raised .*pickle"):
        run_workers(function, 1, seconds=SECONDS)


def test_a_function_of_a_notebook_is_refused_before_anything_starts():
    def local():
        return 0

    for function in (local, lambda: 0):
        with pytest.raises(ValueError, match="cannot be imported by a new process"):
            run_workers(function, 2)
    with pytest.raises(ValueError, match="workers is 0"):
        run_workers(sleeps, 0)


def test_workers_end_when_their_parent_is_killed(tmp_path):
    """As when a kernel is restarted in the middle of a cell."""
    here = Path(__file__).parent
    code = (
        f"import sys; sys.path.insert(0, {str(here)!r})\n"
        "from worker_functions import sleeps\n"
        "from bnlab.workers.processes import run_workers\n"
        f"run_workers(sleeps, 2, {str(tmp_path)!r})\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        _until(lambda: len(list(tmp_path.iterdir())) == 2)
    finally:
        parent.kill()
        parent.wait()
    _until(lambda: not any(alive(int(file.name)) for file in tmp_path.iterdir()))


def _until(true):
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
