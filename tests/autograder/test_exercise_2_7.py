"""Exercise 2.7: what its text and its tolerance claim, and answers that nobody listed."""

import numpy as np
import pytest
import torch
from stopwatch import Stopwatch

from autograder.judge import generator, judge
from autograder.registry import exercise
from autograder.spec import FORGIVEN_ROUNDINGS, SINGLE_ROUNDOFF
from autograder.specs import ex2_7
from autograder.specs.ex2_7 import answers
from bnlab.memory import measure

F = np.float32
AXES = (0, 2, 3)


def wide(a):
    return a[:, None, None]


def far_case(seed):
    case = exercise("2.7").cases(generator(seed, "2.7"))[-1]
    assert "1000" in case.name
    return [case.inputs[name] for name in ("x", "gamma", "beta", "eps")]


@pytest.mark.parametrize(
    ("function", "count"),
    [
        (answers._textbook, 16),
        (answers._steps_in_out, 8),
        (answers._three_reads, 4),
        (answers._merged, 3),
        (answers._variant(), 2),
        (answers._float64_channel, 2),
    ],
)
def test_the_counts_in_the_text(function, count):
    x, gamma, beta, eps = far_case("counts")
    traffic = measure(function, x, gamma, beta, eps, np.empty_like(x))
    assert round(traffic.passes, 2) == count


def test_the_tolerance_parts_stable_from_folded_by_a_margin():
    allowed = FORGIVEN_ROUNDINGS * SINGLE_ROUNDOFF
    assert allowed == pytest.approx(7.6e-6, rel=0.01)

    def error(function, inputs):
        x, gamma, beta, eps = inputs
        out = np.empty_like(x)
        traffic = measure(function, x, gamma, beta, eps, out)
        return ex2_7._digits(out, x, gamma, eps, traffic).amount

    for seed in range(20):
        inputs = far_case(f"margin {seed}")
        stable = (answers._variant(), answers._textbook, answers._merged, answers._steps_in_out)
        assert max(error(f, inputs) for f in stable) < allowed / 10
        assert 2 * allowed < error(answers._folded, inputs) < 1e-4
        assert error(answers._variant(var=answers._naive), inputs) > 1e-2


def per_channel(step):
    """An answer that copies a channel and does all the rest in `step(t, gamma, beta, eps)`."""

    def forward_lean(x, gamma, beta, eps, out):
        for j in range(x.shape[1]):
            out[:, j] = step(x[:, j].copy(), gamma[j], beta[j], F(eps))

    return forward_lean


def right_step(t, gamma, beta, eps):
    t -= t.mean()
    return gamma * t / np.sqrt(np.square(t).mean() + eps) + beta


def with_var(x, gamma, beta, eps, out):
    mean, var = x.mean(AXES, keepdims=True), np.var(x, axis=AXES, keepdims=True)
    np.copyto(out, wide(gamma) * (x - mean) / np.sqrt(var + F(eps)) + wide(beta))


BUFFER = {}


def global_buffer(x, gamma, beta, eps, out):
    t = BUFFER.setdefault(x.shape, np.empty(x.shape, x.dtype))
    np.copyto(t, x)
    t -= t.mean(AXES, keepdims=True)
    t *= wide(gamma / np.sqrt(np.square(t).mean(AXES) + F(eps)))
    np.add(t, wide(beta), out=out)


def folded_after_shift(x, gamma, beta, eps, out):
    for j in range(x.shape[1]):
        t = x[:, j] - x[0, j, 0, 0]
        d = t.mean(dtype=np.float64)
        a = gamma[j] / np.sqrt(np.vdot(t, t) / t.size - d**2 + eps)
        out[:, j] = x[:, j] * F(a) + F(beta[j] - a * (d + x[0, j, 0, 0]))


def naive_rows(x, gamma, beta, eps, out):
    for j in range(x.shape[1]):
        t = x[:, j].copy()
        var = abs(np.vdot(t, t) / F(t.size) - t.mean() ** 2)
        out[:, j] = gamma[j] * (t - t.mean()) / np.sqrt(var + F(eps)) + beta[j]


def rebound(x, gamma, beta, eps, out):
    out = np.stack(  # noqa: F841  (the mistake)
        [right_step(x[:, j].copy(), gamma[j], beta[j], F(eps)) for j in range(x.shape[1])], axis=1
    )


def through_torch(x, gamma, beta, eps, out):
    args = (torch.from_numpy(a) for a in (gamma, beta))
    y = torch.nn.functional.batch_norm(torch.from_numpy(x), None, None, *args, True, eps=eps)
    out[...] = y.numpy()


def half_the_batch(x, gamma, beta, eps, out):
    mean, var = x[:8].mean(AXES), x[:8].var(AXES)
    for image, result in zip(x, out, strict=True):
        result[...] = (image - wide(mean)) * wide(gamma / np.sqrt(var + F(eps))) + wide(beta)


VARIANTS = {  # not the listed implementation, but the same mistake
    "a new array for each step": with_var,
    "folded form": folded_after_shift,
    "naive variance": naive_rows,
    "out not written": rebound,
}

UNLISTED = VARIANTS | {
    "nothing": lambda x, gamma, beta, eps, out: None,
    "zeros": lambda x, gamma, beta, eps, out: out.fill(0),
    "global buffer": global_buffer,
    "through torch": through_torch,
    "half the batch": half_the_batch,
    "first channel only": lambda x, g, b, eps, out: per_channel(right_step)(
        x[:, :1], g, b, eps, out[:, :1]
    ),
    "gamma missing": per_channel(lambda t, g, b, eps: right_step(t, F(1), b, eps)),
    "beta missing": per_channel(lambda t, g, b, eps: right_step(t, g, F(0), eps)),
    "float16": per_channel(lambda t, g, b, eps: right_step(t.astype(np.float16), g, b, eps)),
    "divided by the variance": per_channel(
        lambda t, g, b, eps: g * (t - t.mean()) / (t.var() + eps) + b
    ),
    "std plus eps": per_channel(lambda t, g, b, eps: g * (t - t.mean()) / max(t.std(), eps) + b),
    "mean of an axis": per_channel(
        lambda t, g, b, eps: g * (t - t.mean(0)) / np.sqrt(t.var() + eps) + b
    ),
}


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_wrong_answer_fails_and_quickly(name):
    watch = Stopwatch()
    verdict = judge(exercise("2.7"), (UNLISTED[name],), "unlisted")
    assert not verdict.ok and "Traceback" not in str(verdict)
    assert watch.seconds < 1.0  # a busy machine; quiet, it takes 0.2 s at most


@pytest.mark.parametrize("name", VARIANTS)
def test_a_mistake_is_named_however_it_is_written(name):
    for seed in range(5):
        assert name in judge(exercise("2.7"), (VARIANTS[name],), f"variant {seed}").mistakes


def test_what_is_no_mistake_of_the_list_is_not_called_one():
    for name in ("gamma missing", "beta missing", "half the batch", "mean of an axis", "float16"):
        assert judge(exercise("2.7"), (UNLISTED[name],), "unlisted").mistakes == (), name


def test_the_verdict_tells_the_count_the_limit_and_the_operations():
    text = str(judge(exercise("2.7"), (answers._steps_in_out,), "s"))
    assert "It moved 8 times the bytes of x, most of them by `subtract` (2), `multiply` (2)" in text
    assert "expected at most 4, got 8" in text


def test_traffic_that_is_not_counted_is_reported():
    text = str(judge(exercise("2.7"), (through_torch,), "s"))
    assert "less than reading x once and writing out once" in text


def around_the_count(x, gamma, beta, eps, out):
    """np.asarray and np.array hide nothing."""
    x, out = np.asarray(x), np.asarray(out)
    for j in range(x.shape[1]):
        out[:, j] = right_step(np.array(x[:, j]), gamma[j], beta[j], F(eps))


def zipped(x, gamma, beta, eps, out):
    channels = zip(np.moveaxis(x, 1, 0), np.moveaxis(out, 1, 0), gamma, beta, strict=True)
    for channel, result, g, b in channels:
        np.copyto(result, right_step(np.array(channel), g, b, F(eps)))


def folded_in_float64(x, gamma, beta, eps, out):
    for j in range(x.shape[1]):
        t = x[:, j].astype(np.float64)
        a = gamma[j] / np.sqrt(t.var() + eps)
        out[:, j] = a * t + (beta[j] - a * t.mean())


@pytest.mark.parametrize(
    "answer", [per_channel(right_step), around_the_count, zipped, folded_in_float64]
)
def test_unlisted_right_answers_pass(answer):
    for seed in range(5):
        verdict = judge(exercise("2.7"), (answer,), f"right {seed}")
        assert verdict.ok, verdict
