"""6.8 Export: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import time

import numpy as np
import torch

from autograder.spec import Mistake
from autograder.specs.ex6_8.answers import Remembering, evaluating, export, p50, parity, write


@Remembering
def _in_training_mode(model, path, example):
    with torch.no_grad():
        write(model, path, example)


@Remembering
def _outer_flag(model, path, example):
    model.training = False
    write(model, path, example)


@Remembering
def _only_norms(model, path, example):
    modes = [(m, m.training) for m in model.modules()]
    for m, _ in modes:
        if "BatchNorm" in type(m).__name__:
            m.eval()
    write(model, path, example)
    for m, training in modes:
        m.training = training


@Remembering
def _left_in_eval(model, path, example):
    write(model.eval(), path, example)


@Remembering
def _always_train(model, path, example):
    write(model.eval(), path, example)
    model.train()


@Remembering
def _outermost_restored(model, path, example):
    training = model.training
    write(model.eval(), path, example)
    model.train(training)


@Remembering
def _fixed(model, path, example):
    with evaluating(model):
        write(model, path, example, sizes=None)


@Remembering
def _not_saved(model, path, example):
    with evaluating(model):
        torch.onnx.export(model, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))


@Remembering
def _tried_first(model, path, example):
    model(example)
    export.export(model, path, example)


def _parity_in_its_mode(run, model, x):
    with torch.no_grad():
        return float(np.abs(run(x.numpy()) - model(x).numpy()).max())


def _parity_left_in_eval(run, model, x):
    model.eval()
    return _parity_in_its_mode(run, model, x)


def _parity_outermost(run, model, x):
    training = model.training
    value = _parity_left_in_eval(run, model, x)
    model.train(training)
    return value


def _parity_of(measure):
    """Parity by `measure(got, want)`, modes restored."""

    def answer(run, model, x):
        with evaluating(model), torch.no_grad():
            want = model(x).numpy()
        return float(measure(run(x.numpy()), want))

    return answer


def _no_warm_up(run, x, warm_up, repeats, clock):
    return p50(run, x, 0, repeats, clock)


def _all_counted(run, x, warm_up, repeats, clock):
    return p50(run, x, 0, warm_up + repeats, clock)


def _out_of_repeats(run, x, warm_up, repeats, clock):
    return p50(run, x, warm_up, repeats - warm_up, clock)


def _of_times(measure):
    """`measure` in place of the median."""

    def answer(run, x, warm_up, repeats, clock):
        for _ in range(warm_up):
            run(x)
        times = []
        for _ in range(repeats):
            start = clock()
            run(x)
            times.append(clock() - start)
        return measure(times)

    return answer


def _one_start(run, x, warm_up, repeats, clock):
    for _ in range(warm_up):
        run(x)
    start, times = clock(), []
    for _ in range(repeats):
        run(x)
        times.append(clock() - start)
    return np.median(times)


def _own_clock(run, x, warm_up, repeats, clock):
    return p50(run, x, warm_up, repeats, time.perf_counter)


def _export(name, says, answer):
    return Mistake(name, says, (answer, parity, p50))


def _parity(name, says, answer):
    return Mistake(name, says, (export, answer, p50))


def _p50(name, says, answer):
    return Mistake(name, says, (export, parity, answer))


MISTAKES = (
    _export(
        "exported in training mode",
        "The model is exported in the mode that it is in. Whatever asks `self.training` in Python "
        "goes into the file as in training mode. torch.no_grad() does not change that: call "
        "eval() before exporting.",
        _in_training_mode,
    ),
    _export(
        "only the outermost flag",
        "`model.training = False` sets the flag of the outermost module alone; its layers stay in "
        "training mode. eval() goes through all of them.",
        _outer_flag,
    ),
    _export(
        "only batch norms in eval mode",
        "The batch norms are in eval mode, and other layers, which do something else in training, "
        "are not. Call eval() on the whole model.",
        _only_norms,
    ),
    _export(
        "fixed batch size",
        "The example's batch size is written into the file. Pass dynamic_shapes, with a "
        "torch.export.Dim for axis 0 of the input.",
        _fixed,
    ),
    _export(
        "model left in eval mode",
        "After the export the model is in eval mode. Whoever goes on training it trains with "
        "frozen statistics. Put back the mode of every module.",
        _left_in_eval,
    ),
    _export(
        "train() afterwards",
        "The export ends with model.train(), whatever the modes were before. A model in eval mode "
        "is in training mode afterwards, and so are layers that were frozen.",
        _always_train,
    ),
    _export(
        "one mode for all",
        "The mode of the outermost module is put back into all of them. Layers that were frozen "
        "are in training mode afterwards. Remember the mode of each module.",
        _outermost_restored,
    ),
    _export(
        "program not saved",
        "torch.onnx.export without a path returns a program and writes nothing. Give it the path, "
        "or call save(path).",
        _not_saved,
    ),
    _export(
        "tried in training mode first",
        "The model is called with the example before eval(). In training mode that moves running "
        "statistics, in the model and in the file.",
        _tried_first,
    ),
    _parity(
        "parity in training mode",
        "`parity` compares with the model in the mode that it is in. In training mode that is "
        "another function, and the call moves the running statistics.",
        _parity_in_its_mode,
    ),
    _parity(
        "parity leaves eval mode",
        "After `parity` the model is in eval mode. Put back the mode of every module.",
        _parity_left_in_eval,
    ),
    _parity(
        "parity puts one mode back",
        "`parity` puts the mode of the outermost module back into all of them. Remember the mode "
        "of each module.",
        _parity_outermost,
    ),
    _parity(
        "mean difference",
        "`parity` returns the mean of the differences. One wrong answer among many right ones "
        "hardly moves a mean; take the largest.",
        _parity_of(lambda got, want: np.abs(got - want).mean()),
    ),
    _parity(
        "differences with their sign",
        "`parity` takes the largest difference without its absolute value: an answer that is much "
        "too small counts as a good one.",
        _parity_of(lambda got, want: (got - want).max()),
    ),
    _parity(
        "first image only",
        "`parity` compares the first image only. Compare the whole batch.",
        _parity_of(lambda got, want: np.abs(got[0] - want[0]).max()),
    ),
    _parity(
        "relative difference",
        "`parity` divides by the size of the answers. Here it is the absolute difference.",
        _parity_of(lambda got, want: np.abs(got - want).max() / np.abs(want).max()),
    ),
    _parity(
        "NaN hidden",
        "`parity` passes over NaN. A file that answers NaN has no parity: let it show, as "
        "`max()` of NumPy and PyTorch does.",
        _parity_of(lambda got, want: np.nanmax(np.abs(got - want))),
    ),
    _p50(
        "no warm-up",
        "The first calls count. They load and allocate, and are slower than any later one: call "
        "run warm_up times before.",
        _no_warm_up,
    ),
    _p50(
        "warm-up counted",
        "The calls of the warm-up are among the times. Leave the first warm_up out.",
        _all_counted,
    ),
    _p50(
        "warm-up taken from the repeats",
        "There are only repeats calls in all, and the warm-up is taken from them. It comes before: "
        "warm_up + repeats calls.",
        _out_of_repeats,
    ),
    _p50(
        "mean",
        "p50 is the mean of the times (their sum divided by repeats). One hiccup of the machine "
        "moves it; the median stays.",
        _of_times(np.mean),
    ),
    _p50(
        "fastest call",
        "p50 is the shortest time. Half of all calls take p50 or longer: it is the median.",
        _of_times(min),
    ),
    _p50(
        "total",
        "p50 is the time of all calls together. Take each call's time, and then the median.",
        _of_times(sum),
    ),
    _p50(
        "upper middle",
        "With an even number of times, the median is the mean of the two in the middle; here it is "
        "the larger of them.",
        _of_times(lambda times: sorted(times)[len(times) // 2]),
    ),
    _p50(
        "milliseconds",
        "p50 is in milliseconds. It is in the unit of the clock: seconds.",
        _of_times(lambda times: 1000 * np.median(times)),
    ),
    _p50(
        "one start for all calls",
        "The start is read once, before the loop, so that the times pile up. Read the clock before "
        "each call and after it.",
        _one_start,
    ),
    _p50(
        "a clock of your own",
        "p50 reads time.perf_counter() in place of the clock that it is given. With the argument, "
        "it can be tested, as here.",
        _own_clock,
    ),
)
