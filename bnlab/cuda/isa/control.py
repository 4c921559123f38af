"""Branches, barriers, returns, calls, and what has no effect here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnlab.cuda.errors import CudaError, Undefined, Unsupported
from bnlab.cuda.isa import printf
from bnlab.cuda.isa.operands import Context
from bnlab.cuda.isa.table import Shape, entry
from bnlab.cuda.isa.warp import warp_barrier

STOP = [(-1, None)]  # the lanes of this group do not go on from here


def branch(context: Context, shape: Shape) -> Callable:
    instruction, following = shape.instruction, shape.pc + 1
    [target] = instruction.targets
    if not instruction.predicate:
        go = [(target, None)]
        return lambda m: go
    test = context.get(("!" if instruction.negated else "") + instruction.predicate, "pred")
    yes, no, pc = [(target, None)], [(following, None)], shape.pc

    def run(m):
        taken = test(m)
        m.met_branch(pc)
        if taken.shape[0] == 1:
            return yes if taken[0] else no
        count = int(np.count_nonzero(taken))
        if count in (0, m.count):
            return yes if count else no
        jump, stay = m.active[taken], m.active[~taken]
        m.split_branch(pc, jump, stay)
        return [(target, jump), (following, stay)]

    return run


def branch_table(context: Context, shape: Shape) -> Callable:
    """brx.idx: a switch. The compiler has checked the index."""
    targets, pc = shape.instruction.targets, shape.pc
    if shape.instruction.predicate:
        raise Unsupported("a jump table with a predicate")
    index = context.get(shape.operands[0], "u32")

    def run(m):
        m.met_branch(pc)
        chosen = index(m)
        if chosen.shape[0] == 1:
            return [(targets[int(chosen[0])], None)]
        groups = [m.active[chosen == k] for k in range(len(targets))]
        if sum(len(g) > 0 for g in groups) > 1:
            m.split_branch(pc, *(g for g in groups if len(g)))
        return [(t, g) for t, g in zip(targets, groups, strict=True) if len(g)]

    return run


def leave(context: Context, shape: Shape) -> Callable:
    def run(m):
        m.leave(m.active)
        return STOP

    return run


VOTES = ("popc", "or", "and")


def barrier(context: Context, shape: Shape) -> Callable:
    """`__syncthreads()` and its kin that count, `or` or `and` a predicate."""
    if "warp" in shape.modifiers:
        return warp_barrier(context, shape)
    operands, pc = shape.operands, shape.pc
    if "red" in shape.modifiers and len(operands) == 3 and operands[1] == "0":
        kind = shape.one_of(*VOTES)
        put = context.set(operands[0], "u32" if kind == "popc" else "pred")
        test = context.get(operands[2], "pred")

        def vote(m):
            m.wait_at_barrier(pc, np.broadcast_to(test(m), (m.count,)), kind, put)
            return STOP

        return vote
    if operands and operands != ("0",):
        raise Unsupported("only __syncthreads() is supported, not named or partial barriers")

    def run(m):
        m.wait_at_barrier(pc)
        return STOP

    return run


def call(context: Context, shape: Shape) -> Callable:
    """What is left of calls after inlining: `printf` and a failed `assert`."""
    pc = shape.pc
    gets = [context.get(o, "u64") for o in shape.operands[:2] if o in context.registers]
    if shape.instruction.parts[1] == "vprintf":
        put = context.set(shape.operands[2], "b32")

        def write(m):
            places = (np.broadcast_to(g(m), (m.count,)) for g in gets)
            texts = [
                printf.text(m, pc, int(lane), int(form), int(values))
                for lane, form, values in zip(m.active, *places, strict=True)
            ]
            for text, _ in texts:
                m.print(text)
            put(m, np.array([fields for _, fields in texts], np.uint32))

        return write

    def fail(m):
        text = printf.string(m, pc, int(gets[0](m)[0]), m.active[0]) if gets else ""
        raise m.fault(
            CudaError, pc, f"assert({text}) failed in {m.who(m.active[0])}", "a failed assert"
        )

    return fail


def trap(context: Context, shape: Shape) -> Callable:
    def run(m):
        raise m.fault(CudaError, shape.pc, f"{m.who(m.active[0])} executes a trap", "a trap")

    return run


def unreachable(context: Context, shape: Shape) -> Callable:
    def run(m):
        raise m.fault(
            Undefined,
            shape.pc,
            f"{m.who(m.active[0])} does what CUDA leaves undefined, such as using a null pointer; "
            "the compiler has left out everything after it",
            "undefined behaviour that the compiler has seen",
        )

    return run


def nothing(context: Context, shape: Shape) -> Callable:
    return lambda m: None


SCOPE = "sc cta gl sys gpu acq_rel acquire release proxy async global shared alias tensormap"
TABLE = {
    "bra": entry(branch, "uni"),
    "brx": entry(branch_table, "idx uni"),
    "ret": entry(leave, "uni"),
    "exit": entry(leave),
    "bar": entry(barrier, "sync red warp cta popc or and"),
    "barrier": entry(barrier, "sync red aligned cta popc or and"),
    "call": entry(call, "vprintf __assertfail"),
    "trap": entry(trap),
    "unreachable": entry(unreachable),
    # Order between blocks is not judged where a kernel fences (see `memory.races`).
    "membar": entry(nothing, SCOPE),
    "fence": entry(nothing, SCOPE),
    "prefetch": entry(nothing, "global L1 L2"),
    "nanosleep": entry(nothing),
}
