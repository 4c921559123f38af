"""A toy exercise on a kernel, for tests: y = 2x, with whatever else a test asks for."""

import numpy as np

from autograder.kernels import SECONDS, Kernel
from autograder.spec import Case, Exercise

KERNEL = Kernel("twice")
TWICE = r"""
extern "C" __global__ void twice(const float* x, float* y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] = 2.0f * x[i];
}
"""


def call(source, grid, block, x):
    arguments = dict(x=x, y=np.empty_like(x), n=np.int32(x.size))
    return KERNEL.launch(source, grid, block, arguments, outputs=("y",)).outputs


def toy(*mistakes, call=call, reference=lambda grid, block, x: {"y": 2.0 * x}, **fields):
    """The exercise; `fields` replace those of the specification."""

    def cases(rng):
        return [
            Case(name, dict(grid=(2,), block=(32,), x=rng.normal(size=n).astype(np.float32)))
            for name, n in (("full", 64), ("ragged", 50))
        ]

    given = dict(
        id="9.9",
        title="toy",
        answers=("source",),
        shows="twice<<<grid, block>>>(x, y, n)",
        minutes=1,
        difficulty="gentle",
        points=1,
        read="here",
        cases=cases,
        call=call,
        reference=reference,
        mistakes=mistakes,
        right_ways={},
        seconds=SECONDS,
        accepts=KERNEL.accepts,
        describe=KERNEL.describe,
    )
    return Exercise(**(given | fields))
