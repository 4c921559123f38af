"""The time of one answer: p50 and p99 of several candidates, measured side by side.

As a program:

    python -m bnlab.shipping.latency model.onnx my_package.my_module:my_model --batch 1

Candidates are ONNX files, programs of `torch.export.save` (.pt2), and names in Python; see
`bnlab.shipping.candidates.open_candidate`. The first is the unit of the ratios.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from bnlab.shipping.candidates import CandidateError, input_for, open_candidate, try_out
from bnlab.shipping.quantiles import Quantile, quantile, ratio
from bnlab.timing import machine
from bnlab.training.progress import bar
from bnlab.training.table import Table

WARM_UP = 20
ROUNDS = 500
ENOUGH = 368  # rounds from which on the interval of p99 has two ends, see `quantile`


@dataclass(frozen=True)
class Latency:
    """Times of candidates, in the rounds in which they were measured together.

    Args:
        seconds: per candidate (rounds,), on the wall clock. The first is the unit of the ratios.
    """

    seconds: Mapping[str, np.ndarray]

    @property
    def unit(self) -> str:
        return next(iter(self.seconds))

    def quantile(self, name: str, q: float) -> Quantile:
        """Seconds of a candidate, with a 95 % interval: 0.5 gives p50, 0.99 gives p99."""
        return quantile(self.seconds[name], q)

    def ratio(self, name: str, q: float = 0.5) -> Quantile:
        """Quantile of a candidate over that of the first one, with a 95 % interval."""
        return ratio(self.seconds[name], self.seconds[self.unit], q)

    def table(self, times: bool = True) -> Table:
        """A row per candidate; `times=False` leaves out what holds on one machine only."""
        heads = ["candidate", "p50 / first", "p99 / p50"]
        rows = []
        for name in self.seconds:
            p50, p99 = self.quantile(name, 0.5), self.quantile(name, 0.99)
            row = [name, _interval(self.ratio(name)), f"{p99.value / p50.value:.2f}"]
            rows.append(row + ([_interval(p50, 1e3), _interval(p99, 1e3)] if times else []))
        return Table(heads + (["p50 in ms", "p99 in ms"] if times else []), rows)

    def as_json(self) -> dict:
        """Everything measured, with the machine and the versions, for a file."""
        candidates = {}
        for name, seconds in self.seconds.items():
            candidates[name] = {
                "p50": _plain(self.quantile(name, 0.5)),
                "p99": _plain(self.quantile(name, 0.99)),
                "p50 over the first": _plain(self.ratio(name)),
                "seconds": seconds.tolist(),
            }
        versions = dict(python=platform.python_version(), torch=torch.__version__)
        return dict(machine=machine(), versions=versions, candidates=candidates)


def _interval(q: Quantile, scale: float = 1.0) -> str:
    low, high = (f"{end * scale:.3g}" if np.isfinite(end) else "?" for end in (q.low, q.high))
    return f"{q.value * scale:.3g} ({low}–{high})"


def _plain(q: Quantile) -> dict[str, float | None]:
    """JSON has no infinity: an end that is not known is null."""
    return {name: value if np.isfinite(value) else None for name, value in asdict(q).items()}


def measure(
    candidates: Mapping[str, Callable[[], object]],
    rounds: int = ROUNDS,
    warm_up: int = WARM_UP,
    seed: int = 0,
    progress: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> Latency:
    """Times one call of each candidate per round, in a random order.

    What slows the machine down for a while then hits all of them alike. The first calls of each
    are not counted: they load, compile and fill caches. The garbage collector rests meanwhile.

    Args:
        candidates: called without arguments. The first is the unit of the ratios.
        rounds: calls of each that count.
        warm_up: rounds before, that do not.
        seed: of the order.
        progress: show a bar.
        clock: seconds, of any start.

    Raises:
        ValueError: no candidates, or no rounds.
    """
    if not candidates or rounds < 1 or warm_up < 0:
        raise ValueError("There is nothing to measure: give candidates, and rounds of 1 or more.")
    rng, names = np.random.default_rng(seed), list(candidates)
    seconds = {name: np.empty(rounds) for name in names}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for number in bar(range(-warm_up, rounds), "rounds", progress):
            for name in rng.permutation(names):
                run = candidates[name]
                start = clock()
                run()
                taken = clock() - start
                if number >= 0:
                    seconds[name][number] = taken
    finally:
        if collecting:
            gc.enable()
    return Latency(seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; returns its exit status: 0, or 2 for candidates that cannot be measured."""
    options = _parser().parse_args(arguments)
    sys.path.insert(0, "")  # names are looked for in the current folder, however this was started
    torch.set_num_threads(options.threads)
    if options.json and not Path(options.json).absolute().parent.is_dir():  # now, not afterwards
        print(f"latency: --json {options.json}: There is no such folder.", file=sys.stderr)
        return 2
    try:
        names = list(dict.fromkeys(options.candidates))
        opened = {name: open_candidate(name, options.threads) for name in names}
        x = _given(options.input) if options.input else None
        x = input_for(opened, options.shape, options.batch) if x is None else x
        for candidate in opened.values():
            try_out(candidate, x)
    except CandidateError as problem:
        print(f"latency: {problem}", file=sys.stderr)
        return 2
    runs = {name: (lambda run=c.run: run(x)) for name, c in opened.items()}
    found = measure(runs, options.rounds, options.warm_up, progress=not options.quiet)
    plural = "" if options.threads == 1 else "s"
    print(f"input {x.dtype} {x.shape}, {options.rounds} rounds, {options.threads} thread{plural}")
    print(found.table())
    if options.rounds < ENOUGH:
        print(f"? is an end that {options.rounds} rounds cannot give; p99 takes {ENOUGH} or more.")
    if options.json:
        Path(options.json).write_text(json.dumps(found.as_json(), indent=1), encoding="utf8")
    return 0


def _given(path: str) -> np.ndarray:
    try:
        x = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as problem:
        raise CandidateError(f"--input {path}: {problem}") from problem
    if not isinstance(x, np.ndarray):
        raise CandidateError(f"--input {path}: expected one array, as numpy.save writes it.")
    return x


def _shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(size) for size in text.split(","))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected whole numbers, like 1,3,224,224")
    return shape


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bnlab.shipping.latency",
        description="p50 and p99 of the time of one answer, of several candidates side by side.",
    )
    parser.add_argument(
        "candidates",
        nargs="+",
        metavar="candidate",
        help="model.onnx, model.pt2, or package.module:name of a module, of a function of one "
        "array, or of a function that returns one of these",
    )
    parser.add_argument("--shape", type=_shape, help="of the input, like 1,3,224,224")
    parser.add_argument(
        "--batch", type=_count, default=1, help="first axis, if --shape is not given (%(default)s)"
    )
    parser.add_argument("--input", help="an .npy file to use as the input")
    parser.add_argument(
        "--rounds", type=_count, default=ROUNDS, help="calls of each that count (%(default)s)"
    )
    parser.add_argument(
        "--warm-up", type=_count, default=WARM_UP, help="calls before that do not (%(default)s)"
    )
    parser.add_argument(
        "--threads", type=_count, default=1, help="of PyTorch and onnxruntime (%(default)s)"
    )
    parser.add_argument("--json", help="a file for all times, machine and versions")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


if __name__ == "__main__":
    sys.exit(main())
