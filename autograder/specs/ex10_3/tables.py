"""10.3 The falsifier: results with traps."""

from __future__ import annotations

import numpy as np

# Names of the controls, the first of which is what harm is measured against.
CONTROLS = ("running statistics", "own statistics", "shuffled gates", "half and half", "group norm")
ARMS = ("learned gates", "gates from evidence", "one gate per layer")

# Differences arm − control, a number per seed: under the shift for each control, and without it for
# the first two controls. None: this control has no run with that seed.
CLEAR = [0.31, 0.12, 0.25, 0.04, 0.19, -0.05, 0.08, 0.22, 0.15, 0.06]
WINS = [0.05, 0.09, 0.03, 0.12, 0.04, 0.06, 0.035, 0.028, 0.1, 0.07]
FLAT = [0.004, -0.012, 0.009, 0.031, -0.018, 0.006, -0.003, 0.011, -0.027, 0.001]
SOME = [0.05, -0.01, 0.04, 0.003, 0.06, 0.07, -0.03, 0.05, 0.09, 0.035]
EIGHT = [0.05, 0.05, 0.04, -0.01, 0.06, 0.07, -0.03, 0.05, 0.09, 0.035]
THIN = [0.016, 0.007, 0.0165, 0.004, 0.017, 0.0155, 0.006, 0.016, 0.0168, 0.005]
QUIET = [0.005, -0.01, 0.0, 0.008, -0.006, 0.003, -0.002, 0.007, -0.012, 0.001]
LITTLE = [-0.005, -0.01, -0.008, 0.004, -0.006, -0.013, -0.002, -0.007, -0.012, -0.011]
WORSE = [-0.04, -0.06, -0.03, -0.05, 0.01, -0.035, -0.07, -0.04, -0.03, -0.05]
PARTLY = [-0.04, -0.06, -0.01, 0.005, 0.01, -0.035, -0.07, -0.04, -0.03, 0.002]

TRAPS = {
    "every control beaten": dict(shifted=[CLEAR, WINS, CLEAR[::-1]], clean=[LITTLE, QUIET]),
    "one control is as good": dict(shifted=[CLEAR, FLAT, WINS], clean=[QUIET, QUIET]),
    "ahead in seven of ten": dict(shifted=[WINS, CLEAR, SOME], clean=[QUIET, WORSE]),
    "ahead in eight of ten": dict(shifted=[EIGHT, WINS], clean=[QUIET, QUIET]),
    "ahead of each by less than the margin": dict(shifted=[THIN, THIN[::-1]], clean=[QUIET, QUIET]),
    "five seeds": dict(shifted=[WINS[:5], CLEAR[:5]], clean=[QUIET[:5], QUIET[:5]]),
    "four seeds": dict(shifted=[WINS[:4], WINS[4:8]], clean=[QUIET[:4], WORSE[:4]]),
    "harm without a shift": dict(shifted=[WINS, CLEAR], clean=[WORSE, QUIET]),
    "harm in seven of ten": dict(shifted=[CLEAR, WINS], clean=[PARTLY, WORSE]),
    "seeds missing here and there": dict(
        shifted=[
            [None, *WINS[1:], 0.05],
            [*CLEAR[:3], None, *CLEAR[4:8], 0.05, 0.06, 0.07],
        ],
        clean=[[None, *QUIET[1:], 0.002], [*WORSE, None]],
    ),
    "runs that diverged": dict(
        shifted=[WINS, CLEAR], clean=[QUIET, QUIET], diverged=((0, 2), (5,))
    ),
}


def table(rng: np.random.Generator, shifted, clean, diverged=((), ())) -> dict:
    """A trap as results: each arm's accuracies by seed, in an order of its own.

    Args:
        diverged: positions of the seeds at which the arm, and the first control, diverged: None.
    """
    arm = str(rng.choice(ARMS))
    controls = [CONTROLS[0], *map(str, rng.permutation(CONTROLS[1:])[: len(shifted) - 1])]
    n = len(shifted[0])
    seeds = [int(s) for s in rng.permutation(40)[:n]]
    inputs = dict(arm=arm, controls=controls)
    for name, differences in (("shifted", shifted), ("clean", clean)):
        # Seeds differ by far more than arms do: what is not compared in pairs drowns.
        levels = rng.permutation(np.linspace(0.52, 0.66, n)).round(4)
        runs = {arm: dict(zip(seeds, levels.tolist(), strict=True))}
        for control, row in zip(controls, differences, strict=False):
            runs[control] = {
                seed: round(float(level - d), 4)
                for seed, level, d in zip(seeds, levels, row, strict=True)
                if d is not None
            }
        if name == "shifted":
            for position in diverged[0]:
                runs[arm][seeds[position]] = None
            for position in diverged[1]:
                runs[controls[0]][seeds[position]] = None
        inputs[name] = {who: _shuffled(rng, of) for who, of in runs.items()}
    return inputs


def _shuffled(rng: np.random.Generator, runs: dict[int, float]) -> dict[int, float]:
    keys = list(runs)
    return {keys[k]: runs[keys[k]] for k in rng.permutation(len(keys))}
