"""2.7 Few passes over memory: right answers, and wrong ones that learners write."""

from __future__ import annotations

import numpy as np

from autograder.spec import Mistake

AXES = (0, 2, 3)


def _wide(a):
    """(C,) → (C, 1, 1), to broadcast over (N, C, H, W)."""
    return a[:, None, None]


def _variant(centre=None, var=None, scale=None, last=None):
    """Channel by channel in a scratch array: two passes. One step may be replaced."""

    def forward_lean(x, gamma, beta, eps, out):
        t = np.empty((x.shape[0], *x.shape[2:]), x.dtype)
        for j in range(x.shape[1]):
            np.copyto(t, x[:, j])
            v = var(t) if var else None  # of the values as they are
            t -= centre(t) if centre else t.mean()
            v = np.vdot(t, t) / np.float32(t.size) if v is None else v
            t *= gamma[j] * (scale(v, eps) if scale else 1 / np.sqrt(v + np.float32(eps)))
            np.add(t, beta[j], out=out[:, j])

    return forward_lean


def _textbook(x, gamma, beta, eps, out):
    mean = x.mean(axis=AXES, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=AXES, keepdims=True)
    x_hat = (x - mean) / np.sqrt(var + np.float32(eps))
    out[...] = _wide(gamma) * x_hat + _wide(beta)


def _one_new_array(x, gamma, beta, eps, out):
    x_hat = x - x.mean(axis=AXES, keepdims=True)
    var = np.einsum("nchw,nchw->c", x_hat, x_hat) / np.float32(x.size / x.shape[1])
    x_hat *= _wide(gamma / np.sqrt(var + np.float32(eps)))
    np.add(x_hat, _wide(beta), out=out)


def _steps_in_out(x, gamma, beta, eps, out):
    np.subtract(x, x.mean(axis=AXES, keepdims=True), out=out)
    var = np.einsum("nchw,nchw->c", out, out) / np.float32(x.size / x.shape[1])
    out *= _wide(gamma / np.sqrt(var + np.float32(eps)))
    out += _wide(beta)


def _x_read_often(x, gamma, beta, eps, out):
    for j in range(x.shape[1]):
        scale = gamma[j] / np.sqrt(x[:, j].var() + np.float32(eps))
        out[:, j] = (x[:, j] - x[:, j].mean()) * scale + beta[j]


def _all_channels_kept(x, gamma, beta, eps, out):
    channels = [x[:, j].copy() for j in range(x.shape[1])]
    for j, t in enumerate(channels):
        t -= t.mean()
        t *= gamma[j] / np.sqrt(np.vdot(t, t) / np.float32(t.size) + np.float32(eps))
        t += beta[j]
        out[:, j] = t


def _float64_copy(x, gamma, beta, eps, out):
    x = x.astype(np.float64)
    x -= x.mean(axis=AXES, keepdims=True)
    var = np.einsum("nchw,nchw->c", x, x) / (x.size / x.shape[1])
    x *= _wide(gamma / np.sqrt(var + eps))
    np.add(x, _wide(beta), out=out)


def _folded(x, gamma, beta, eps, out):
    t = np.empty((x.shape[0], *x.shape[2:]), x.dtype)
    for j in range(x.shape[1]):
        np.copyto(t, x[:, j])
        a = gamma[j] / np.sqrt(t.var(dtype=np.float64) + eps)
        b = beta[j] - a * t.mean(dtype=np.float64)
        t *= np.float32(a)
        np.add(t, np.float32(b), out=out[:, j])


def _naive(t):
    return np.maximum(np.square(t).mean() - t.mean() ** 2, 0)


def _shift_for_mean(x, gamma, beta, eps, out):
    t = np.empty((x.shape[0], *x.shape[2:]), x.dtype)
    for j in range(x.shape[1]):
        np.subtract(x[:, j], x[0, j, 0, 0], out=t)
        a = gamma[j] / np.sqrt(np.vdot(t, t) / np.float32(t.size) + np.float32(eps))
        t -= t.mean()
        np.add(t * a, beta[j], out=out[:, j])


def _returned(x, gamma, beta, eps, out):
    out = np.empty_like(out)
    _variant()(x, gamma, beta, eps, out)
    return out


def _x_as_scratch(x, gamma, beta, eps, out):
    for j in range(x.shape[1]):
        t = x[:, j]
        t -= t.mean()
        t *= gamma[j] / np.sqrt(np.square(t).mean() + np.float32(eps))
        np.add(t, beta[j], out=out[:, j])


def _per_image(x, gamma, beta, eps, out):
    for image, result in zip(x, out, strict=True):
        t = image - image.mean(axis=(1, 2), keepdims=True)
        var = np.square(t).mean(axis=(1, 2))
        t *= _wide(gamma / np.sqrt(var + np.float32(eps)))
        np.add(t, _wide(beta), out=result)


MISTAKES = (
    Mistake(
        "a new array for each step",
        "Each step writes its result into a new array as large as x, and the next step reads it "
        "again. Keep one small scratch array, work on one channel at a time, and pass `out=`.",
        (_textbook,),
    ),
    Mistake(
        "one new array",
        "One new array as large as x holds the results between the steps. Use `out` for them, or "
        "better a scratch array that holds one channel.",
        (_one_new_array,),
    ),
    Mistake(
        "steps in out",
        "There is no large new array any more. But the steps work in `out`, and each of them "
        "moves all its bytes again. Do the steps in a scratch array that holds one channel, and "
        "write each channel to `out` once.",
        (_steps_in_out,),
    ),
    Mistake(
        "x read too often",
        "Large arrays are gone, and `out` is written once. But x is read more than three times: "
        "`var` alone reads it twice, once for a mean of its own. Copy a channel into a scratch "
        "array once, and compute from there.",
        (_x_read_often,),
    ),
    Mistake(
        "all channels kept",
        "You work channel by channel, but all the channels' scratch arrays live at the same time. "
        "Together they are as large as x and fit in no cache. Reuse one array for all channels.",
        (_all_channels_kept,),
    ),
    Mistake(
        "float64 copy of x",
        "The large array is in float64: twice as many bytes in each pass. Stay in float32 where "
        "the array is large. Sums of a channel may be float64 at no cost.",
        (_float64_copy,),
    ),
    Mistake(
        "folded form",
        "You compute a·x + b. With a mean of 1000 standard deviations a·x is about 1000 times "
        "larger than y, and so is its rounding error. Subtract the mean first: (x − μ)·a + β.",
        (_folded,),
    ),
    Mistake(
        "naive variance",
        "The variance is E[x²] − E[x]². In float32, with a mean of 1000 standard deviations, both "
        "terms agree in all their digits and nothing is left. Subtract the mean, then square.",
        (_variant(var=_naive),),
    ),
    Mistake(
        "shift taken for the mean",
        "You square the distance from a value of the channel, not from its mean. Such a shift "
        "saves the digits, but its own distance d from the mean has to go: σ² = E[(x − k)²] − d².",
        (_shift_for_mean,),
    ),
    Mistake(
        "out not written",
        "The result is in a new array, and `out` stays as it was. A line such as `out = …` only "
        "gives the name to another array. Write into the one you were given: `out[:, j] = …` or "
        "`out=out[:, j]`.",
        (_returned,),
    ),
    Mistake(
        "x used as scratch",
        "x itself was normalised (x -= … works in place, also on a slice of x). The caller still "
        "needs its input. Copy the channel into a scratch array first.",
        (_x_as_scratch,),
    ),
    Mistake(
        "statistics per image",
        "Each image is normalised by itself: that is instance norm. A channel of batch norm has "
        "one mean and one variance for all images of the batch.",
        (_per_image,),
    ),
    Mistake(
        "unbiased variance",
        "The variance is divided by m − 1. The forward pass divides by m = N·H·W.",
        (_variant(var=lambda t: t.var(ddof=1)),),
    ),
    Mistake(
        "eps missing",
        "eps is missing from the square root. It shows when σ is small.",
        (_variant(scale=lambda v, eps: 1 / np.sqrt(v)),),
    ),
    Mistake(
        "eps outside the root",
        "eps is added outside the square root: 1/(√σ² + eps). It belongs inside, 1/√(σ² + eps).",
        (_variant(scale=lambda v, eps: 1 / (np.sqrt(v) + np.float32(eps))),),
    ),
    Mistake(
        "mean not subtracted",
        "The mean is not subtracted: x̂ = (x − μ)/√(σ² + eps).",
        (_variant(var=lambda t: t.var(), centre=lambda t: np.float32(0)),),
    ),
)


def _three_reads(x, gamma, beta, eps, out):
    """No copy of a channel: read for the mean, the variance and y; temporaries of a channel."""
    for j in range(x.shape[1]):
        channel = x[:, j]
        mean = channel.mean()
        var = ((channel - mean) ** 2).mean(dtype=np.float64)
        out[:, j] = gamma[j] * (channel - mean) / np.sqrt(var + eps) + beta[j]


def _float64_channel(x, gamma, beta, eps, out):
    """Each channel in float64, as one writes it without a thought of memory."""
    for j in range(x.shape[1]):
        channel = x[:, j].astype(np.float64)
        channel = (channel - channel.mean()) / np.sqrt(channel.var() + eps)
        out[:, j] = gamma[j] * channel + beta[j]
    return out


def _image_by_image(x, gamma, beta, eps, out):
    """Images instead of channels: three reads and a write."""
    m = x.size / x.shape[1]
    mean = sum(image.sum(axis=(1, 2), dtype=np.float64) for image in x) / m
    t, squares = np.empty(x.shape[1:], x.dtype), np.zeros(x.shape[1])
    for image in x:
        np.subtract(image, _wide(mean), out=t, casting="same_kind")
        squares += np.einsum("chw,chw->c", t, t)
    a = (gamma / np.sqrt(squares / m + eps)).astype(x.dtype)
    for image, result in zip(x, out, strict=True):
        np.subtract(image, _wide(mean), out=t, casting="same_kind")
        t *= _wide(a)
        np.add(t, _wide(beta), out=result)


def _merged(x, gamma, beta, eps, out):
    """One read for the moments of each image, shifted and merged; then one for y."""
    n, c = x.shape[:2]
    rows, results = x.reshape(n, c, -1), out.reshape(n, c, -1)
    k, ones = rows[0, :, :1].copy(), np.ones(rows.shape[2], x.dtype)
    first, second, m = np.zeros(c), np.zeros(c), n * rows.shape[2]
    for row in rows:
        t = row - k
        first += np.vecdot(t, ones)
        second += np.vecdot(t, t)
    d = first / m
    a = gamma / np.sqrt(second / m - d**2 + eps)
    b = beta - a * d
    for row, result in zip(rows, results, strict=True):
        t = row - k
        t *= a.astype(x.dtype)[:, None]
        np.add(t, b.astype(x.dtype)[:, None], out=result)


def _contiguous(x, gamma, beta, eps, out):
    """Gathers each channel with np.ascontiguousarray, and works on it as a vector."""
    shape = out[:, 0].shape
    for j in range(x.shape[1]):
        t = np.ascontiguousarray(x[:, j]).reshape(-1)
        np.subtract(t, np.add.reduce(t, dtype=np.float64) / t.size, out=t, casting="same_kind")
        t *= gamma[j] / np.sqrt(t.dot(t) / t.size + eps)
        t += beta[j]
        np.copyto(out[:, j], t.reshape(shape))


RIGHT_WAYS = {
    "three reads of each channel": (_three_reads,),
    "a channel in float64": (_float64_channel,),
    "image by image": (_image_by_image,),
    "shifted moments, merged": (_merged,),
    "channels gathered, vectors": (_contiguous,),
}
