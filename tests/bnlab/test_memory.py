"""The counter of passes against counts made by hand."""

import doctest

import numpy as np
import pytest

from bnlab import memory
from bnlab.memory import measure

SHAPE = (20, 24, 12, 11)
AXES = (0, 2, 3)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


def passes(function, x):
    return measure(function, x, np.full_like(x, np.nan)).passes


def textbook(x, out):
    mean = x.mean(axis=AXES, keepdims=True)  # 1
    var = ((x - mean) ** 2).mean(axis=AXES, keepdims=True)  # 2 + 2 + 1
    x_hat = (x - mean) / np.sqrt(var + 1e-5)  # 2 + 2
    return 3 * x_hat + 1  # 2 + 2


def with_var(x, out):
    mean, var = x.mean(AXES, keepdims=True), x.var(AXES, keepdims=True)  # 1, and 1 + 2 + 2 + 1
    out[...] = (x - mean) / np.sqrt(var + 1e-5)  # 2 + 2 + 2


def in_place(x, out):
    np.subtract(x, x.mean(AXES, keepdims=True), out=out)  # 1 + 2
    var = np.einsum("nchw,nchw->c", out, out) / (x.size / x.shape[1])  # 1
    out *= 1 / np.sqrt(var + 1e-5)[:, None, None]  # 2
    out += 1  # 2


def row_sums(x, out):
    rows = x.reshape(*x.shape[:2], -1)
    total = np.vecdot(rows, np.ones(rows.shape[2], x.dtype))  # 1
    squares = np.vecdot(rows, rows)  # 1: the same array twice
    np.multiply(x, squares[:, :, None, None], out=out)  # 2
    return np.add(out, total[:, :, None, None], out=out)  # 2


def per_channel(x, out):
    t = np.empty((x.shape[0], *x.shape[2:]), x.dtype)
    for c in range(x.shape[1]):
        np.copyto(t, x[:, c])  # the read
        t -= t.mean()
        t /= t.std()
        np.add(t, 1, out=out[:, c])  # the write


def three_reads(x, out):
    for c in range(x.shape[1]):
        channel = x[:, c]
        out[:, c] = (channel - channel.mean()) / channel.std()  # 1 + 1, 1 + 1, 1


@pytest.mark.parametrize(
    ("function", "count"),
    [
        (lambda x, out: np.copyto(out, x), 2),
        (textbook, 14),
        (with_var, 13),
        (in_place, 8),
        (row_sums, 6),
        (per_channel, 2),
        # std of a channel reads it, and keeps its differences in scratch
        (three_reads, 5),
    ],
)
def test_whole_functions(function, count, x):
    assert passes(function, x) == pytest.approx(count)


BUFFER = np.empty(SHAPE, np.float32)  # a large array that nobody handed in


@pytest.mark.parametrize(
    ("operation", "count"),
    [
        (lambda x, out: x.sum(), 1),
        (lambda x, out: np.sum(x, axis=0), 1),
        (lambda x, out: np.mean(x, dtype=np.float64), 1),
        (lambda x, out: np.add.reduce(x, axis=AXES), 1),
        (lambda x, out: np.einsum("nchw->c", x), 1),
        (lambda x, out: np.dot(x.ravel(), x.ravel()), 1),
        (lambda x, out: x.ravel().dot(out.ravel()), 2),
        (lambda x, out: x.ravel() @ out.ravel(), 2),
        (lambda x, out: np.linalg.norm(x), 1),
        (lambda x, out: np.tensordot(x, x, 4), 1),
        (lambda x, out: x + x, 2),
        (lambda x, out: x + out, 3),
        (lambda x, out: x - np.broadcast_to(np.float32(3), x.shape), 2),
        (lambda x, out: x - np.float64(3), 3),  # float64 result: twice as wide
        (lambda x, out: np.square(x, out=out), 2),
        (
            lambda x, out: np.dot(
                x.reshape(-1, 11), np.eye(11, dtype="f"), out=out.reshape(-1, 11)
            ),
            2,
        ),
        (lambda x, out: np.multiply(x, 2, out=BUFFER), 2),
        (lambda x, out: np.where(x > 0, x, 0), 3),  # the mask, a byte per number, is scratch
        (lambda x, out: x.copy(), 2),
        (lambda x, out: x.astype(np.float64), 3),
        (lambda x, out: x.astype(np.float32, copy=False), 0),
        (lambda x, out: np.array(x), 2),
        (lambda x, out: np.asarray(x), 0),
        (lambda x, out: np.asarray(x) + 1, 2),
        (lambda x, out: np.asarray(x, dtype=np.float64), 3),
        (lambda x, out: np.ascontiguousarray(x.T), 2),
        (lambda x, out: x.T.ravel(), 2),
        (lambda x, out: np.moveaxis(x, 1, 0).reshape(SHAPE[1], -1), 2),
        (lambda x, out: x.transpose(1, 0, 2, 3).flatten(), 2),
        (lambda x, out: [x.T, x.reshape(-1), x[::2], np.squeeze(x), x.shape, np.shape(x)], 0),
        (lambda x, out: [np.empty_like(x), np.may_share_memory(x, out), len(x)], 0),
        (lambda x, out: np.zeros_like(x), 1),
        (lambda x, out: [channel.sum() for channel in x.swapaxes(0, 1)], 1),
        (lambda x, out: [a.sum() for a in np.split(x, 4)], 1),
        (lambda x, out: x[:5] + 1, 0.25),  # a quarter read, a quarter into scratch
        (lambda x, out: x[np.arange(5)], 0.25),
        (lambda x, out: x[0, 0, 0, 0], 1 / np.prod(SHAPE)),
        (lambda x, out: out.fill(0), 1),
        (lambda x, out: out.__setitem__(slice(5), 0), 0.25),
        (lambda x, out: out.__setitem__(..., x), 2),
        (lambda x, out: out.__setitem__(np.arange(5), x[:5]), 0.5),
        (lambda x, out: out[:, 3].__iadd__(1), 2 / SHAPE[1]),
        (lambda x, out: np.add.at(out, slice(None), 1), 2),
        (lambda x, out: [np.divmod(x, 2, out=(out, BUFFER))], 3),
        (lambda x, out: np.concatenate([x, out]), 4),
        (lambda x, out: np.stack([x, x]), 3),  # x once, and both copies
        (lambda x, out: x.tolist(), 1),
    ],
)
def test_single_operations(operation, count, x):
    assert passes(operation, x) == pytest.approx(count)


def test_an_in_place_step_on_a_slice_is_not_counted_twice(x):
    def step(x, out):
        out[:, 3] += 1  # ends in out[:, 3] = the same memory

    assert passes(step, x) == pytest.approx(2 / SHAPE[1])


def test_results_are_those_of_plain_arrays(x):
    for function in (textbook, with_var, in_place, row_sums, per_channel, three_reads):
        out, watched = np.full_like(x, np.nan), np.full_like(x, np.nan)
        result, traffic = function(x, out), measure(function, x, watched)
        np.testing.assert_array_equal(out, watched)
        assert type(traffic.result) in (np.ndarray, type(None))
        if result is not None:
            np.testing.assert_array_equal(result, traffic.result)


def test_it_says_which_operation_moved_how_much(x):
    traffic = measure(with_var, x, np.empty_like(x))
    assert traffic.by_operation == {
        "var": 6.0,
        "subtract": 2.0,
        "divide": 2.0,
        "assignment": 2.0,
        "mean": 1.0,
    }
    assert next(iter(traffic.by_operation)) == "var"
    assert traffic.read == (4.0, 0.0) and traffic.written == (0.0, 1.0)


@pytest.mark.parametrize(
    ("function", "low", "high"),
    [
        (in_place, 0, 0.2),
        (per_channel, 1 / 24, 0.3),
        (with_var, 2, 2.3),
        (lambda x, out: x.astype(np.float64), 2, 2.1),
        (lambda x, out: [x[:, c] * 2 for c in range(x.shape[1])], 1, 1.2),
        (lambda x, out: memoryview(x).tobytes(), 1, 1.1),
        (lambda x, out: np.add(BUFFER, 1, out=out), 1, 1),
        (lambda x, out: np.copyto(BUFFER, x), 0, 0.01),
    ],
)
def test_scratch_is_the_memory_held_at_once(function, low, high, x):
    assert low <= measure(function, x, np.empty_like(x)).scratch <= high


def test_width_tells_float64_from_float32(x):
    assert measure(textbook, x, x.copy()).widest == 4
    assert measure(lambda x: x.astype(np.float64), x).widest == 8


def test_what_bypasses_numpy_shows_as_missing(x):
    def around(x, out):
        flat = np.frombuffer(memoryview(x), np.float32).reshape(x.shape)
        out[...] = flat - flat.mean()

    traffic = measure(around, x, np.empty_like(x))
    assert traffic.read[0] == 0 and traffic.written[1] == 1


def test_numpy_is_left_as_it_was(x):
    before = np.array, np.asarray, np.ascontiguousarray

    def fails(x):
        raise KeyError("on purpose")

    with pytest.raises(KeyError, match="on purpose"):
        measure(fails, x)
    measure(lambda x: measure(np.sum, x.copy()), x)
    assert (np.array, np.asarray, np.ascontiguousarray) == before
    assert type(np.asarray(x)) is np.ndarray


def test_small_arguments_are_not_watched(x):
    kinds = []
    measure(lambda x, gamma, eps: kinds.append((type(x), type(gamma), eps)), x, np.ones(24), 1e-5)
    assert kinds[1] == (memory.Metered, np.ndarray, 1e-5)


def test_without_an_array_there_is_nothing_to_count_in():
    with pytest.raises(ValueError, match="needs an array"):
        measure(lambda n: n, 3)


def test_the_example_in_the_docstring():
    assert doctest.testmod(memory).attempted == 2 and doctest.testmod(memory).failed == 0
