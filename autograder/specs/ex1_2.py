"""1.2 Reduction axes and parameter shape for any layout."""

from __future__ import annotations

import math

import numpy as np

from autograder.spec import Case, Exercise, Mistake, returned


def cases(rng: np.random.Generator) -> list[Case]:
    # Different sizes, so that a wrong axis shows; 4 or more, so that none equals another's product.
    n, c, h, w, d = (int(v) for v in rng.permutation([4, 5, 6, 7, 9]))

    def case(name, shape, channel_axis):
        return Case(name, dict(shape=shape, channel_axis=channel_axis))

    return [
        case("features only, (N, D)", (n, c), 1),
        case("images, (N, C, H, W)", (n, c, h, w), 1),
        case("channels last, (N, H, W, C)", (n, h, w, c), -1),
        case("channels last, counted from the front", (n, h, w, c), 3),
        case("a signal, (N, L, C)", (n, h, c), -1),
        case("volumes, (N, C, D, H, W)", (n, c, d, h, w), 1),
        case("channels first of all, (C, N, H, W)", (c, n, h, w), 0),
        case("negative and not last, (N, C, H, W)", (n, c, h, w), -3),
        case("one channel, C = 1", (n, 1, h, w), 1),
        case("one image, square, as many channels as pixels a side", (1, h, h, h), -1),
    ]


def call(reduction, shape, channel_axis):
    names = ("axes", "parameter_shape", "m")
    return dict(
        zip(names, returned(reduction(shape, channel_axis), names, "reduction"), strict=True)
    )


def reference(shape, channel_axis):
    channel = np.indices(shape, sparse=True)[channel_axis]  # the channel's number, broadcastable
    of_each_value = np.broadcast_to(channel, shape).ravel()
    return {
        "axes": np.delete(np.arange(len(shape)), channel_axis),
        "parameter_shape": np.array(channel.shape),
        "m": np.bincount(of_each_value)[0],
    }


def _variant(axes=None, parameter_shape=None, m=None):
    """The right answer with one part replaced; each part gets shape, axis and the right axes."""

    def reduction(shape, channel_axis):
        c = channel_axis % len(shape)
        right = tuple(i for i in range(len(shape)) if i != c)
        a = tuple(axes(shape, c, right)) if axes else right
        if parameter_shape:
            p = parameter_shape(shape, c, right)
        else:
            p = tuple(1 if i != c else shape[c] for i in range(len(shape)))
        return a, p, m(shape, c, right) if m else math.prod(shape[i] for i in a)

    return reduction


def _negative_axis_kept(shape, channel_axis):
    axes = tuple(i for i in range(len(shape)) if i != channel_axis)
    parameter_shape = [1] * len(shape)
    parameter_shape[channel_axis] = shape[channel_axis]
    return axes, tuple(parameter_shape), math.prod(shape[i] for i in axes)


def _channel_is_axis_1(shape, channel_axis):
    return _variant()(shape, 1)


def _channel_is_last(shape, channel_axis):
    return _variant()(shape, len(shape) - 1)


def _sizes(shape, channel_axis):
    axes, parameter_shape, m = _variant()(shape, channel_axis)
    return tuple(shape[i] for i in axes), parameter_shape, m


def _per_sample(shape, channel_axis):
    axes = tuple(range(1, len(shape)))
    return axes, (1, *shape[1:]), math.prod(shape[1:])


def _negative_axes(shape, channel_axis):
    axes, parameter_shape, m = _variant()(shape, channel_axis)
    return tuple(i - len(shape) for i in axes), parameter_shape, m


MISTAKES = (
    Mistake(
        "batch axis only",
        "Only the batch axis is reduced, so every pixel gets statistics of its own. "
        "Batch norm reduces over every axis but the channel axis, space included.",
        (_variant(axes=lambda shape, c, right: right[:1]),),
    ),
    Mistake(
        "batch axis kept",
        "The batch axis is not reduced, so every sample gets statistics of its own: that is instance norm. "
        "Batch norm reduces over the batch as well as over space.",
        (_variant(axes=lambda shape, c, right: right[1:]),),
    ),
    Mistake(
        "reduced over the channel",
        "The statistics run over the channel axis. It is the one axis that they do not run over: "
        "each channel keeps its own mean and variance.",
        (_variant(axes=lambda shape, c, right: (c,)),),
    ),
    Mistake(
        "layer norm",
        "The statistics run over every axis but the first, one value per sample: that is layer norm. "
        "The axis to keep is the channel axis.",
        (_per_sample,),
    ),
    Mistake(
        "reduced over everything",
        "The statistics run over all axes, the channel included: one mean for the whole array. "
        "Leave the channel axis out, so that each channel has its own.",
        (_variant(axes=lambda shape, c, right: range(len(shape))),),
    ),
    Mistake(
        "channel taken to be axis 1",
        "channel_axis is ignored: axis 1 is always taken for the channel. "
        "In channels-last data the channel is the last axis: use the argument.",
        (_channel_is_axis_1,),
    ),
    Mistake(
        "channel taken to be the last axis",
        "The answer is right for channels on the last axis and ignores channel_axis. "
        "In PyTorch's layout the channel is axis 1: use the argument.",
        (_channel_is_last,),
    ),
    Mistake(
        "negative axis not counted from the end",
        "With a negative channel_axis nothing is left out: no i in range(n) equals −1. "
        "Turn it into a position from the front first, channel_axis % n.",
        (_negative_axis_kept,),
    ),
    Mistake(
        "axes given as negative numbers",
        "The axes count from the end (−1, −2, …). They name the right ones, but the task asks for positions "
        "from the front, 0 or larger and ascending.",
        (_negative_axes,),
    ),
    Mistake(
        "axes in descending order",
        "The axes are the right ones in reverse order. The task asks for them ascending.",
        (_variant(axes=lambda shape, c, right: right[::-1]),),
    ),
    Mistake(
        "sizes in place of axes",
        "axes holds the sizes of the axes. It should hold their positions: 0 is the first axis.",
        (_sizes,),
    ),
    Mistake(
        "parameter shape (C,)",
        "parameter_shape is (C,). That only broadcasts when the channel is the last axis; "
        "for any layout, give every axis: 1 where statistics reduce and C at the channel.",
        (_variant(parameter_shape=lambda shape, c, right: (shape[c],)),),
    ),
    Mistake(
        "parameter shape without leading ones",
        "parameter_shape begins at the channel axis. It broadcasts against (N, C, H, W), but the task asks for all axes, with a 1 at the batch axis too.",
        (
            _variant(
                parameter_shape=lambda shape, c, right: (shape[c], *[1] * (len(shape) - 1 - c))
            ),
        ),
    ),
    Mistake(
        "parameter shape inverted",
        "parameter_shape has a 1 at the channel and full size elsewhere. It is the other way round: "
        "γ has one value per channel, so C at the channel axis and 1 elsewhere.",
        (
            _variant(
                parameter_shape=lambda shape, c, right: tuple(
                    1 if i == c else s for i, s in enumerate(shape)
                )
            ),
        ),
    ),
    Mistake(
        "parameter shape for axis 1",
        "parameter_shape has C at axis 1, whatever the layout. Put it at the channel axis.",
        (_variant(parameter_shape=lambda shape, c, right: (1, shape[c], *[1] * (len(shape) - 2))),),
    ),
    Mistake(
        "parameter shape with the batch",
        "parameter_shape keeps the size of the batch axis. γ is one number per channel, the same for all samples: 1 at the batch axis.",
        (
            _variant(
                parameter_shape=lambda shape, c, right: tuple(
                    s if i in (0, c) else 1 for i, s in enumerate(shape)
                )
            ),
        ),
    ),
    Mistake(
        "m is the batch size",
        "m counts the samples alone. Every position of every sample is one value behind the statistic: m = N·H·W.",
        (_variant(m=lambda shape, c, right: shape[right[0]]),),
    ),
    Mistake(
        "m forgets the batch",
        "m counts the positions of one sample, H·W. The batch is averaged over as well: m = N·H·W.",
        (_variant(m=lambda shape, c, right: math.prod(shape[i] for i in right[1:])),),
    ),
    Mistake(
        "m is the number of channels",
        "m is C, the number of statistics. It should be the number of values behind one of them: m = N·H·W.",
        (_variant(m=lambda shape, c, right: shape[c]),),
    ),
    Mistake(
        "sizes added",
        "m is the sum of the sizes. Multiply them: m = N·H·W.",
        (_variant(m=lambda shape, c, right: sum(shape[i] for i in right)),),
    ),
    Mistake(
        "m counts the channels too",
        "m is the number of all values in x. One statistic sees one channel: divide by C.",
        (_variant(m=lambda shape, c, right: math.prod(shape)),),
    ),
    Mistake(
        "m minus one",
        "m is one too small. m is the number of values behind a statistic; "
        "the m − 1 of the unbiased variance comes later.",
        (_variant(m=lambda shape, c, right: math.prod(shape[i] for i in right) - 1),),
    ),
)


def _numpy_arrays(shape, channel_axis):
    sizes = np.array(shape)
    keep = np.zeros(len(shape), bool)
    keep[channel_axis] = True
    return np.flatnonzero(~keep), np.where(keep, sizes, 1), sizes[~keep].prod()


def _by_reducing(shape, channel_axis):
    c = range(len(shape))[channel_axis]
    axes = [i for i in range(len(shape)) if i != c]
    ones = np.ones(shape, np.float32)
    total = ones.sum(axis=tuple(axes), keepdims=True)
    return axes, list(total.shape), float(total.flat[0])


def _sets(shape, channel_axis):
    n = len(shape)
    axes = tuple(sorted(set(range(n)) - {(channel_axis + n) % n}))
    return (
        axes,
        tuple(1 if i in axes else shape[i] for i in range(n)),
        math.prod(shape) // shape[channel_axis],
    )


def _loops(shape, channel_axis):
    if channel_axis < 0:
        channel_axis += len(shape)
    axes, parameter_shape, m = [], [], 1
    for axis, size in enumerate(shape):
        if axis == channel_axis:
            parameter_shape.append(size)
        else:
            axes.append(axis)
            parameter_shape.append(1)
            m *= size
    return tuple(axes), tuple(parameter_shape), m


EXERCISE = Exercise(
    id="1.2",
    title="Which axes, for any layout",
    answers=("reduction",),
    shows="axes, parameter_shape, m = reduction(shape, channel_axis)",
    minutes=10,
    difficulty="gentle",
    points=3,
    read="Chapter 1.2, section “Which axes”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways={
        "NumPy arrays and masks": (_numpy_arrays,),
        "reducing an array of ones, m as a float": (_by_reducing,),
        "sets": (_sets,),
        "plain loops": (_loops,),
    },
)
