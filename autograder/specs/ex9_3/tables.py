"""9.3 The study, reported: runs with traps."""

from __future__ import annotations

import numpy as np

CONTROLS = ("frozen", "recalibrated", "group norm", "standardised images")

# Seeds differ by more than arms do: what is not compared in pairs drowns.
LEVELS = [0.72, 0.6, 0.8, 0.68, 0.84, 0.64, 0.76]
# Per setting: accuracies on the validation images, above and below 0.7, and on the test images, above
# and below the level of the seed. Per control: the latter. None: no run with that seed.
AHEAD = [0.05, 0.04, 0.06, 0.045, 0.055, 0.035, 0.05]
LEVEL = [0.0, 0.005, -0.005, 0.004, -0.006, 0.003, -0.004]
BEHIND = [-0.05, -0.06, -0.04, -0.035, -0.055, -0.045, -0.07]
MIXED = [-0.05, -0.04, 0.03, -0.06, 0.045, -0.035, -0.055]
SPLIT = [0.06, 0.07, 0.065, -0.03, -0.035, -0.03, -0.02]
LUCKY = [0.2, -0.05, -0.06, -0.04, -0.045, -0.055, -0.05]
UNLUCKY = [0.03, 0.025, 0.035, 0.028, -0.4, 0.032, 0.03]
WIDE = [-0.025, -0.03, -0.3, -0.028, -0.03, -0.04, -0.035]

TRAPS = {
    "the best setting on the test images is another": dict(
        settings=[(LEVEL, LEVEL), (AHEAD, BEHIND), (BEHIND, AHEAD)], controls=[WIDE, MIXED]
    ),
    "a lucky and an unlucky seed": dict(
        settings=[(LUCKY, LUCKY), (UNLUCKY, UNLUCKY), (LEVEL, LEVEL)], controls=[LEVEL, BEHIND]
    ),
    "half of the seeds high": dict(
        settings=[(SPLIT, SPLIT), (LEVEL, LEVEL)], controls=[BEHIND, UNLUCKY]
    ),
    "two settings with the same median": dict(
        settings=[(BEHIND, AHEAD), (AHEAD, AHEAD), (AHEAD, LEVEL)], controls=[BEHIND, AHEAD[::-1]]
    ),
    "ahead in each pair, ranges overlap": dict(
        settings=[(LEVEL, LEVEL), (AHEAD, AHEAD)], controls=[LEVEL, BEHIND, WIDE]
    ),
    "behind a control": dict(settings=[(AHEAD, LEVEL), (LEVEL, LEVEL)], controls=[AHEAD, BEHIND]),
    "a control ahead in validation": dict(
        settings=[(BEHIND, LEVEL), (LUCKY, BEHIND)], controls=[WIDE, LEVEL], high=AHEAD
    ),
    "ahead by less than the margin": dict(
        settings=[(AHEAD, [0.012, 0.016, 0.013, 0.017, 0.0125, 0.014, 0.015]), (LEVEL, LEVEL)],
        controls=[[0.0] * 7, MIXED],
    ),
    "four seeds": dict(
        settings=[(AHEAD[:4], AHEAD[:4]), (LEVEL[:4], LEVEL[:4])], controls=[BEHIND[:4], LEVEL[:4]]
    ),
    "seeds missing here and there": dict(
        settings=[(AHEAD, [*AHEAD[:6], None]), (LEVEL, LEVEL)],
        controls=[[None, *BEHIND[1:]], [*BEHIND[:4], None, None, BEHIND[6]], LEVEL],
    ),
}


def table(rng: np.random.Generator, settings, controls, high=None) -> dict:
    """A trap as records, in a random order, all a little higher or lower."""
    n = len(settings[0][0])
    seeds = rng.permutation(30)[:n].tolist()
    shift = 0.005 * int(rng.integers(-6, 6))
    names = [f"momentum {m:g}" for m in rng.permutation([0.003, 0.01, 0.03, 0.1, 0.3])]
    names = names[: len(settings)]
    others = [str(name) for name in rng.permutation(CONTROLS)[: len(controls)]]
    rows = dict(zip(names, settings, strict=True))
    rows |= {name: (high or test, test) for name, test in zip(others, controls, strict=True)}
    runs = []
    for arm, (valid, test) in rows.items():
        for seed, level, v, t in zip(seeds, LEVELS, valid, test, strict=False):
            if v is not None and t is not None:
                numbers = dict(valid=round(0.7 + shift + v, 4), test=round(level + shift + t, 4))
                runs.append(dict(arm=arm, seed=seed) | numbers)
    runs = [runs[k] for k in rng.permutation(len(runs))]
    return dict(runs=runs, settings=names, controls=others)
