"""3.3 and 3.4: how the work is shared out, whatever the numbers; and other right and wrong ways."""

from pathlib import Path

import pytest

from autograder import check
from autograder.kernels import edited
from autograder.specs import ex3_2, ex3_3, ex3_4

CHAPTER = Path(__file__).parents[2] / "chapters/3-cuda/kernels"
TREE, SHUFFLES = ex3_3.answers.RIGHT, ex3_4.answers.RIGHT
WALK = "int i = threadIdx.x; i < m; i += blockDim.x"
IF_LEFT = "if (t + half < left) {"
STORE = "    if (lane == 0)\n        part[warp] = v;\n"


def text_of(id, source):
    verdict = check(id, source)
    assert not verdict.ok
    return str(verdict)


def test_a_second_walk_is_one_too_many_in_3_3_and_right_in_3_4():
    assert check("3.3", ex3_2.answers.RIGHT).mistakes == ("x read twice",)
    assert "`x` is read 2.0 times over. Once is enough." in text_of("3.3", ex3_2.answers.RIGHT)
    third = edited(
        SHUFFLES,
        (
            "float sigma2 =",
            f"for ({WALK})\n        squares += 1e-30f * x[(i / HW * C + c) * HW + i % HW];\n    float sigma2 =",
        ),
    )
    assert "`x` is read 3.0 times over. Twice is enough." in text_of("3.4", third)


def test_a_thread_for_each_image_leaves_most_lanes_idle():
    source = edited(
        TREE,
        ("int n = 0; n < N; ++n", "int n = t; n < N; n += blockDim.x"),
        ("int i = t; i < HW; i += blockDim.x", "int i = 0; i < HW; ++i"),
    )
    assert "A load of x by a warp brings 4.0 values on average" in text_of("3.3", source)


def test_a_warp_for_each_image_is_right():
    assert check("3.3", edited(
        TREE,
        ("int n = 0; n < N; ++n", "int n = t / 32; n < N; n += blockDim.x / 32"),
        ("int i = t; i < HW; i += blockDim.x", "int i = t % 32; i < HW; i += 32"),
    )).ok  # fmt: skip


def test_threads_that_have_returned_do_not_come_to_a_barrier():
    """On GPUs since 2017 the numbers are right, so nothing else would show it."""
    source = edited(
        TREE,
        (f"{IF_LEFT}\n", f"{IF_LEFT}\n            __syncthreads();\n"),
        ("        __syncthreads();\n        left = half", "        left = half"),
    )
    text = text_of("3.3", source)
    assert "threads of a block had returned before this __syncthreads()" in text
    assert "Where:    line 24: __syncthreads();" in text


@pytest.mark.parametrize("name", ["stats_shuffle", "stats_shifted", "stats_welford"])
def test_the_kernels_of_the_chapter_want_whole_warps(name):
    source = (CHAPTER / f"{name}.cu").read_text()
    assert check("3.4", source).mistakes == ("incomplete warps",)


def test_a_value_from_a_lane_that_is_not_there_is_refused_though_not_used():
    source = edited(
        SHUFFLES,
        ("__shfl_sync(mask, v, min(lane + d, lanes - 1))", "__shfl_down_sync(mask, v, d)"),
    )
    assert check("3.4", source).mistakes == ("incomplete warps",)


@pytest.mark.parametrize("mask", ["lanes == 32 ? ~0u : (1u << lanes) - 1", "__activemask()", "~0u"])
def test_any_mask_with_the_lanes_that_are_there_is_right(mask):
    assert check("3.4", edited(SHUFFLES, ("0xffffffff >> (32 - lanes)", mask))).ok


def test_a_second_stage_of_eight_lanes_wants_a_mask_of_eight():
    stage = """
    if (threadIdx.x < 8) {
        v = threadIdx.x < (blockDim.x + 31) / 32 ? part[threadIdx.x] : 0.0f;
        for (int d = 4; d > 0; d /= 2)
            v += __shfl_down_sync(MASK, v, d, 8);
        if (threadIdx.x == 0)
            part[0] = v;
    }
    __syncthreads();
    return part[0];
"""
    source = edited(SHUFFLES, (ex3_4.answers.AFTER, stage))
    assert check("3.4", edited(source, ("MASK", "0xff"))).ok
    full = check("3.4", edited(source, ("MASK", "0xffffffff")))
    assert full.mistakes == ("lanes of the mask that do not come",)


def test_a_kernel_without_shuffles_is_told_so():
    in_turn = """
    if (threadIdx.x < 8)
        part[threadIdx.x] = 0.0f;
    for (int k = 0; k < 32; ++k) {
        __syncthreads();
        if (lane == k)
            part[warp] += v;
    }
"""
    source = edited(SHUFFLES, (ex3_4.answers.SHUFFLES, ""), (STORE, in_turn))
    assert "The kernel has no shuffle." in text_of("3.4", source)


def test_digits_are_lost_in_any_order_of_additions():
    """What is left of them is noise; the mistake is the same."""
    naive = edited(
        SHUFFLES,
        (" - mu;", ";"),
        ("block_sum(squares, part2) / m", "block_sum(squares, part2) / m - mu * mu"),
    )
    verdict = check("3.4", naive)
    assert verdict.passed == 7 and verdict.mistakes == ("E[x²] − E[x]²",)
