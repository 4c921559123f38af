"""Sources that hang, crash or flood the compiler, and parents that are interrupted, fork or die."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from bnlab.cuda import compiler
from bnlab.cuda.compiler import find, process
from bnlab.cuda.errors import CompileError

pytestmark = pytest.mark.skipif(not find.nvrtc(), reason="needs NVRTC")
unix = pytest.mark.skipif(sys.platform == "win32", reason="needs Unix")

# Ten times as much text with each macro: minutes of work, or gigabytes, in ten lines.
BOMB = "#define X0 x[0] += 1; x[1] *= x[0];\n" + "".join(
    f"#define X{i + 1} {f'X{i} ' * 10}\n" for i in range(9)
)
BOMB += "__global__ void k(float* x) { X9 }"


@pytest.fixture(autouse=True)
def with_nvrtc(monkeypatch):
    monkeypatch.setenv(find.CHOICE, "nvrtc")


def kernel(name):
    return f'extern "C" __global__ void {name}(float* x) {{ x[0] = 1; }}'


def worker_number():
    return process.worker(find.setups()[0])._process.pid


def running(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def ends(number, seconds):
    """Whether a process that is not our child ends in time; a zombie without a reaper has ended."""
    limit = time.monotonic() + seconds
    while running(number) and not is_zombie(number):
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


def is_zombie(number):
    try:
        with open(f"/proc/{number}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return False


def test_one_worker_serves_all():
    first = worker_number()
    compiler.compile_program(kernel("served"))
    assert worker_number() == first


def test_a_compilation_has_a_time_limit(monkeypatch):
    monkeypatch.setattr(compiler, "SECONDS", 0.5)
    before = worker_number()
    start = time.perf_counter()
    with pytest.raises(CompileError, match=r"took more than 0\.5 s and was stopped"):
        compiler.compile_program(BOMB)
    assert time.perf_counter() - start < 5
    assert worker_number() != before
    assert ".entry after_time(" in compiler.compile_program(kernel("after_time")).ptx


def test_what_did_not_compile_is_not_tried_again(monkeypatch):
    monkeypatch.setattr(compiler, "SECONDS", 0.5)
    for limit in (60.0, 0.01):
        with pytest.raises(CompileError, match=r"more than 0\.5 s"):
            compiler.compile_program(BOMB + "// once")
        monkeypatch.setattr(compiler, "SECONDS", limit)


@unix
def test_a_crash_is_an_error_of_the_source(monkeypatch):
    number = worker_number()
    threading.Timer(0.3, os.kill, (number, signal.SIGSEGV)).start()
    with pytest.raises(CompileError, match="the compiler gave up on this source"):
        compiler.compile_program(BOMB + "// crash")
    assert ".entry after_crash(" in compiler.compile_program(kernel("after_crash")).ptx


@unix
def test_a_worker_that_is_gone_is_replaced():
    number = worker_number()
    os.kill(number, signal.SIGKILL)
    time.sleep(0.1)
    assert ".entry after_kill(" in compiler.compile_program(kernel("after_kill")).ptx


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of memory")
def test_memory_has_a_limit():
    code = "__device__ int a[2000000000] = {1};" + kernel("large")
    with pytest.raises(CompileError, match="needed too much memory"):
        compiler.compile_program(code)


def test_the_ptx_has_a_limit():
    code = "struct Long { char a[1000000]; char last; }; __device__ Long v = {{1}, 1};"
    code += "__global__ void k(float* x) { x[0] = v.a[threadIdx.x]; }"  # "0, " for each
    with pytest.raises(CompileError, match=r"bytes of PTX; the lab takes up to 2097152"):
        compiler.compile_program(code)


def test_threads_each_get_their_own(monkeypatch):
    got = {}

    def one(name):
        got[name] = compiler.compile_program(kernel(name)).ptx

    threads = [threading.Thread(target=one, args=(f"thread_{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 6
    assert all(f".entry {name}(" in ptx for name, ptx in got.items())


def test_the_stop_of_one_is_not_the_error_of_another(monkeypatch):
    monkeypatch.setattr(compiler, "SECONDS", 0.7)
    results = {}

    def one(name, code):
        try:
            results[name] = compiler.compile_program(code).ptx
        except CompileError as error:
            results[name] = str(error)

    bomb = threading.Thread(target=one, args=("bomb", BOMB + "// beside"))
    good = threading.Thread(target=one, args=("good", kernel("beside")))
    bomb.start()
    time.sleep(0.2)
    good.start()
    bomb.join()
    good.join()
    assert "was stopped" in results["bomb"]
    assert ".entry beside(" in results["good"]


@unix
def test_an_interrupt_leaves_the_pipe_in_step():
    def interrupt(*_):
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            compiler.compile_program(BOMB + "// interrupted")
    finally:
        signal.signal(signal.SIGALRM, old)
    assert ".entry after_interrupt(" in compiler.compile_program(kernel("after_interrupt")).ptx


@unix
def test_a_fork_gets_its_own_worker():
    mine = worker_number()
    child = os.fork()
    if not child:
        own = worker_number() != mine
        ok = ".entry forked(" in compiler.compile_program(kernel("forked")).ptx
        process._close_all()
        os._exit(0 if own and ok else 1)
    assert ".entry forking(" in compiler.compile_program(kernel("forking")).ptx
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert worker_number() == mine


PARENT = """
import os, sys
from bnlab.cuda import compiler
from bnlab.cuda.compiler import find, process
number = process.worker(find.setups()[0])._process.pid
print(number, flush=True)
compiler.SECONDS = 1.0
{work}
"""


@unix
@pytest.mark.parametrize("how", ["ends", "is killed", "is killed while it compiles"])
def test_no_worker_outlives_its_parent(how):
    work = {
        "ends": "",
        "is killed": "os.kill(os.getpid(), 9)",
        "is killed while it compiles": (
            f"import threading; threading.Timer(0.3, os.kill, (os.getpid(), 9)).start()\n"
            f"compiler.compile_program({BOMB!r})"
        ),
    }[how]
    done = subprocess.run(
        [sys.executable, "-c", PARENT.format(work=work)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == (0 if how == "ends" else -signal.SIGKILL), done.stderr
    assert ends(int(done.stdout), seconds=10)


@unix
def test_the_worker_sees_nothing_of_the_notebook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path) not in compiler.compile_program(kernel("elsewhere")).ptx
