"""Lanes that part meet again, however the compiler lays the blocks out."""

import random

import numpy as np

from bnlab import cuda
from bnlab.cuda.ptx import Instruction
from bnlab.cuda.run.order import ranks


def blocks(*successors: tuple[int, ...]) -> list[int]:
    """Ranks of blocks of one instruction each, by where each may go on."""
    code = [
        Instruction(("brx",) if after else ("ret",), (), "", False, 0, after)
        for after in successors
    ]
    return ranks(code, range(len(code)))


def test_the_meeting_point_comes_last_wherever_it_stands():
    assert blocks((2, 3), (), (1,), (1,)) == [0, 3, 1, 2]


def test_a_loop_comes_whole_before_what_follows_it():
    # 0 → 2 → 3 → 2 or 1; 1 is the way out, 4 a break from the loop that joins there.
    rank = blocks((2,), (), (3, 4), (2, 1), (1,))
    assert rank[0] < rank[2] < rank[3] < rank[4] < rank[1]


def test_loops_within_loops():
    # outer: 1 … 4, inner: 2 ⇄ 3; 5 follows.
    rank = blocks((1,), (2, 5), (3,), (2, 4), (1,), ())
    assert rank == [0, 1, 2, 3, 4, 5]


def test_every_way_forward_leads_to_a_higher_rank():
    """Random graphs without loops, their blocks shuffled."""
    for seed in range(50):
        rng = random.Random(seed)
        place = [0, *rng.sample(range(1, 12), 11)]
        after = [()] * 12
        for n in range(11):
            after[place[n]] = tuple({place[rng.randint(n + 1, 11)] for _ in range(2)})
        rank = blocks(*after)
        assert sorted(rank) == list(range(12))
        assert all(rank[n] < rank[m] for n in range(12) for m in after[n])


def test_a_deep_chain_of_blocks_needs_no_deep_stack():
    assert blocks(*((n + 1,) for n in range(20_000)), ()) == list(range(20_001))


def test_lanes_that_skip_a_loop_wait_for_the_others():
    """The compiler puts the way out before this loop; a GPU stores once for each warp."""
    code = """\
extern "C" __global__ void k(const int* a, float* y)
{
    int t = threadIdx.x;
    float v = 1.f;
    if (t % 4 == 0)
        for (int j = 0; j < a[0]; j++) v = v * 1.5f + j;
    y[t] = v;
}
"""
    for schedule in ("lockstep", "warps"):
        y = np.zeros(128, "f4")
        report = cuda.examine(code, "k", (1,), (128,), (np.array([10], "i4"), y), schedule=schedule)
        assert report.access(7).requests == 4
        assert report.lines[7].lane_use == 1.0
