"""How a kernel is judged: two launches, faults and races with the learner's line, used memory."""

import time

import numpy as np
import pytest
from kernel_exercise import KERNEL, TWICE, call, toy

from autograder import check, kernels
from autograder.compare import difference, kept, mark_unwritten
from autograder.judge import judge
from autograder.kernels import edited
from autograder.spec import AnswerError, Mistake, Runs
from autograder.specs.ex3_1.answers import RIGHT
from autograder.specs.ex3_2 import mistakes as repairs
from bnlab import cuda

STORE = "y[i] = 2.0f * x[i];"


def verdict_of(*changes, exercise=None):
    return judge(exercise or toy(), (edited(TWICE, *changes),), "s")


def test_a_right_kernel_passes():
    assert verdict_of().ok


def test_a_fault_says_what_who_and_where():
    verdict = verdict_of(("if (i < n)\n    ", ""))
    assert verdict.passed == 1, "the full case has no thread too many"
    text = str(verdict)
    assert "twice<<<(2,), (32,)>>> with x (50,)" in text
    assert "block (1,0,0) thread (18,0,0) reads x[50], 1 past the last of its 50 elements." in text
    assert f"Where:    line 5: {STORE}" in text
    assert verdict.failures[0].kind == "out of bounds: a load of global memory"


def test_a_race_says_both_threads_and_the_line():
    verdict = verdict_of((STORE, "y[i / 2] = 2.0f * x[i];"))
    text = str(verdict)
    assert "There is a race: block (0,0,0) thread (1,0,0) and block (0,0,0) thread (0,0,0)" in text
    assert "write different values to y[0] at once." in text
    assert "Where:    line 6: y[i / 2] = 2.0f * x[i];" in text
    assert verdict.failures[0].kind == "race: simultaneous writes in global memory"


def test_the_same_value_written_by_several_threads_is_forgiven():
    assert verdict_of(("int i = blockIdx.x * blockDim.x", "for (int i = 0; i < n; ++i)\n    y[i] ="
        " 2.0f * x[i];\n    int i = blockIdx.x * blockDim.x")).ok  # fmt: skip


def test_memory_read_ahead_of_its_condition_is_forgiven():
    """As a compiler may: read for everyone, then select. What is used is the learner's mistake."""
    ahead = """
        __shared__ float factor[2];
        if (threadIdx.x == 0) factor[0] = 2.0f;
        __syncthreads();
        float second = ((volatile float*)factor)[1];
        float sum = factor[0] + (gridDim.x > 2 ? second : 0.0f);
        if (i < n)"""
    used = ahead.replace("gridDim.x > 2", "gridDim.x == 2")
    sources = [edited(TWICE, ("if (i < n)", new), ("2.0f *", "sum *")) for new in (ahead, used)]
    arguments = np.ones(64, np.float32), np.ones(64, np.float32), np.int32(64)
    for source in sources:
        report = cuda.examine(source, "twice", (2,), (32,), arguments)
        assert {race.kind for race in report.races} == {"uninitialised read"}
    assert judge(toy(), sources[:1], "s").ok
    verdict = judge(toy(), sources[1:], "s")
    assert not verdict.passed
    assert "reads factor[1], shared memory that no thread has written." in str(verdict)


def test_the_second_launch_finds_used_memory():
    verdict = verdict_of((STORE, "if (y[i] != y[i]) y[i] = 2.0f * x[i];"))
    assert not verdict.passed
    text = str(verdict)
    assert "With one warp after the other, on used memory: `y` is wrong in" in text


def test_workspace_is_left_as_it_is_and_what_is_updated_is_not():
    """A counter that the kernel does not set back; a sum that starts anew in each launch."""
    source = r"""
    extern "C" __global__ void twice(const float* x, float* y, float* total, int* count, int n)
    {
        __shared__ int mine;
        int i = blockIdx.x * blockDim.x + threadIdx.x;
        if (i < n) y[i] = 2.0f * x[i];
        if (threadIdx.x == 0) {
            mine = atomicAdd(count, 1);
            if (mine == 1) total[0] += 1.0f;
            RESET
        }
    }
    """

    def call(source, grid, block, x):
        arguments = dict(x=x, y=np.empty_like(x), total=np.ones(1, np.float32))
        arguments |= dict(count=np.zeros(1, np.int32), n=np.int32(x.size))
        return KERNEL.launch(source, grid, block, arguments, ("y",), updated=("total",)).outputs

    def reference(grid, block, x):
        return {"y": 2.0 * x, "total": np.array([2.0])}

    exercise = toy(call=call, reference=reference)
    right = edited(source, ("RESET", "if (mine == 1) atomicExch(count, 0);"))
    assert judge(exercise, (right,), "s").ok
    verdict = judge(exercise, (edited(source, ("RESET", "")),), "s")
    assert not verdict.passed
    assert "With one warp after the other, on used memory: `total` is off by 1." in str(verdict)


def test_traffic_is_told_by_our_names():
    seen = []

    def spying(source, grid, block, x):
        arguments = dict(x=x, y=np.empty_like(x), n=np.int32(x.size))
        launched = KERNEL.launch(source, grid, block, arguments, outputs=("y",))
        seen.append(launched.arrays)
        return launched.outputs

    renamed = edited(TWICE, ("float* x,", "float* input,"), ("x[i]", "input[i]"))
    hidden = "#define IN const float* x\n" + edited(TWICE, ("const float* x", "IN"))
    for source in (TWICE, renamed, hidden):
        assert judge(toy(call=spying), (source,), "s").ok
    assert all(arrays["x"].read == arrays["y"].written for arrays in seen)
    assert [arrays["x"].read for arrays in seen] == 3 * [4 * 64, 4 * 50]


def test_an_output_that_is_not_written_is_called_so():
    text = str(verdict_of(("if (i < n)", "if (i < n && i != 7)")))
    assert "`y` was not written in 1 of 64 places, first `y[7]`." in text
    text = str(verdict_of((STORE, f'y[i] = i == 7 ? nanf("") : {STORE[7:]}')))
    assert "`y` is not finite in 1 of 64 places, first at `y[7]`" in text


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_marks_of_unwritten_memory_survive_a_copy(shape, dtype):
    array = np.zeros(shape, dtype)
    mark_unwritten(array)
    found = difference("y", kept(array), np.ones(shape), 1e-5)
    assert found, "memory that was not written is never right"
    assert ("was not written" in found.sentence) == (dtype == np.float32)


def test_of_several_runs_each_must_be_right():
    good, bad = np.ones(2), np.array([1.0, 2.0])
    want = np.ones(2)
    assert difference("y", Runs({"": good, "again": good}), want, 1e-5) is None
    assert difference("y", Runs({"": bad, "again": good}), want, 1e-5).sentence.startswith("`y` is")
    assert difference("y", Runs({"": good, "again": bad}), want, 1e-5).sentence.startswith("Again:")


@pytest.mark.parametrize("mistake", repairs.MISTAKES, ids=lambda m: m.name)
def test_a_fault_is_recognised_under_other_names_and_in_other_lines(mistake):
    source = mistake.answers[0].replace("block_sum", "sum_of_block")
    source = source.replace("float* s)", "float* memory)").replace("s[", "memory[")
    source = source.replace(", s)", ", memory)")
    assert source.count("memory") > 5
    assert check("3.2", "// My own version\n\n" + source).mistakes == (mistake.name,)


def test_of_two_mistakes_with_one_fault_the_one_with_the_learners_line_is_named():
    one = edited(TWICE, ("(i < n)", "(i <= n)"), (STORE, "y[i] = x[i] * 2.0f;"))
    two = edited(TWICE, ("(i < n)", "(i <= n)"))
    exercise = toy(Mistake("one", "…", (one,)), Mistake("two", "…", (two,)))
    assert judge(exercise, (one,), "s").mistakes == ("one",)
    assert judge(exercise, ("\n\n" + two,), "s").mistakes == ("two",)
    other = edited(two, ("2.0f * x[i]", "x[i] + x[i]"))
    assert judge(exercise, (other,), "s").mistakes == ("one",), "the first, failing that"


def test_compiling_does_not_count():
    def slow(name, answer):
        time.sleep(0.3)
        KERNEL.accepts(name, answer)

    def quick(source, grid, block, x):
        return {"y": 2.0 * x}

    assert judge(toy(accepts=slow, call=quick, seconds=0.25), (TWICE,), "s").ok


def test_after_an_endless_loop_nothing_more_is_launched(monkeypatch):
    launches = []
    examine = kernels.cuda.examine
    monkeypatch.setattr(
        kernels.cuda, "examine", lambda *a, **k: launches.append(a) or examine(*a, **k)
    )
    verdict = verdict_of((STORE, "for (volatile int k = 0; k < 1; ) y[i] = 1.0f;"))
    assert verdict.passed == 0 and len(launches) == 1
    assert "an endless loop?" in str(verdict) and "Where:    line 6: for (vol" in str(verdict)


def test_a_failure_of_the_lab_is_no_mistake_of_the_answer(monkeypatch):
    def fails(*arguments, **settings):
        raise IndexError("index 5 is out of bounds")

    monkeypatch.setattr(kernels.cuda, "examine", fails)
    verdict = judge(toy(Mistake("same", "…", (TWICE,))), (TWICE,), "s")
    assert verdict.mistakes == () and verdict.failures[0].kind == "LabFailure"
    assert "The CUDA lab failed on this source (IndexError: index 5 is" in str(verdict)


def test_a_mistake_is_made_from_the_worked_solution_or_not_at_all():
    assert edited("a b b", ("a", "c"), ("b", "d", 2)) == "c d d"
    for change, times in ((("x", "y"), 0), (("b", "y"), 2), (("a", "y", 2), 1)):
        with pytest.raises(ValueError, match=f"{times} times"):
            edited("a b b", change)


def test_the_launch_itself_is_checked():
    with pytest.raises(AnswerError, match="takes 3 arguments") as error:
        KERNEL.launch(TWICE, (1,), (32,), dict(y=np.zeros(32, np.float32)), ("y",))
    assert "The launch is given" in str(error.value)


def test_a_comment_that_was_left_does_no_harm():
    assert check(
        "3.1", edited(RIGHT, ("    int total", "    // WRITE YOUR CODE HERE\n    int total"))
    ).ok


def test_the_toy_call_is_the_pattern():
    x = np.ones(5, np.float32)
    outputs = call(TWICE, (1,), (32,), x)
    assert list(outputs["y"].arrays) == ["", "with one warp after the other, on used memory"]
