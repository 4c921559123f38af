"""3.2 Repair a kernel: repairs that do not repair, and what to tell learners."""

from __future__ import annotations

from autograder.kernels import edited
from autograder.spec import Mistake
from autograder.specs.ex3_2.answers import BARRIER, RIGHT

_GUARD = "if (i < m) sum"
_STEP = "start < m; start"


def _mistake(name: str, says: str, *changes: tuple) -> Mistake:
    return Mistake(name, says, (edited(RIGHT, *changes),))


MISTAKES = (
    _mistake(
        "the race is left",
        "One fault is repaired, the race is left: between the read of s[0] and the next s[t] = value there is no barrier that "
        "all threads pass.",
        (BARRIER, ""),
    ),
    _mistake(
        "the access is left",
        "One fault is repaired, the access outside of x is left: in its last round the loop reaches past the N·HW values of the "
        "channel.",
        (_GUARD, "sum"),
    ),
    _mistake(
        "both left, moved about",
        "Both faults are still there: a read outside of x, and a write to shared memory that others may still have to read.",
        (BARRIER, ""),
        (_GUARD, "sum"),
    ),
    _mistake(
        "one past the end",
        "The bound includes m itself. The last value of a channel has the number m − 1: compare with <.",
        (_GUARD, "if (i <= m) sum"),
    ),
    _mistake(
        "the last value dropped",
        "The bound was moved too far: the last value of the channel, number m − 1, is not added.",
        (_GUARD, "if (i < m - 1) sum"),
    ),
    _mistake(
        "the last round dropped",
        "The loop leaves out its last round where that is not full. Let it run, and let the threads past the end add nothing.",
        (_STEP, "start + blockDim.x <= m; start"),
        (_GUARD, "sum"),
    ),
    _mistake(
        "the last value repeated",
        "Threads past the end read the last value of the channel, and add it once more. They must add nothing.",
        (_GUARD, "i = min(i, m - 1);\n            sum"),
    ),
    _mistake(
        "bound of one image",
        "i runs through all images of the channel, N·HW values. The condition lets only HW of them through.",
        (_GUARD, "if (i < HW) sum"),
    ),
    _mistake(
        "return past the end",
        "Threads past the end return. But block_sum needs every thread of the block: nobody writes their place in s, and "
        "someone reads it.",
        (_GUARD, "if (i >= m)\n                return;\n            sum"),
    ),
    _mistake(
        "barrier for thread 0 only",
        "A barrier stands where only some threads come by. All threads of the block must meet at it: take it out of the if.",
        (BARRIER, "    if (t == 0)\n        __syncthreads();\n"),
    ),
    _mistake(
        "barrier of the tree moved",
        "The barrier was taken out of the loop of the tree. Each round reads what another thread wrote in the round before: "
        "that barrier was needed, and one more.",
        (
            "            s[t] += s[t + h];\n        __syncthreads();\n",
            "            s[t] += s[t + h];\n",
        ),
    ),
    _mistake(
        "barrier of a warp",
        "__syncwarp() makes the threads of one warp wait for each other. The array belongs to the whole block: use "
        "__syncthreads().",
        (BARRIER, "    __syncwarp();\n"),
    ),
)
