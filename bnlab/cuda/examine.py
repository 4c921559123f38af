"""`examine`: runs a kernel in the lab, whatever the machine, and reports what it did."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bnlab.cuda.compiler import resources
from bnlab.cuda.errors import CudaError, LaunchError
from bnlab.cuda.limits import Limits
from bnlab.cuda.report import Line, Report
from bnlab.cuda.run.arguments import check_contiguous
from bnlab.cuda.run.launch import Launch
from bnlab.cuda.run.machine import Machine
from bnlab.cuda.run.program import Source

SCHEDULES = ("lockstep", "warps")


def examine(
    code: str,
    name: str,
    grid: Sequence[int],
    block: Sequence[int],
    args: Sequence,
    shared_mem: int = 0,
    *,
    schedule: str = "lockstep",
    seed: int = 0,
    options: Sequence[str] = (),
    limits: Limits | None = None,
    assemble: bool = True,
) -> Report:
    """Launches a kernel in the lab, with every check, and reports.

    Args:
        code: CUDA C++ source.
        name: of the kernel; `bn<256>` names an instance of a template.
        grid, block: one to three numbers each.
        args: arrays (NumPy's or CuPy's; written in place, as by a launch) and NumPy numbers.
        shared_mem: bytes of dynamic shared memory of a block.
        schedule: "lockstep", all warps side by side, or "warps", one warp of each block at a time,
            in an order drawn from `seed`.
        options: for the compiler, "--fmad=false".
        limits: when to stop.
        assemble: whether to ask the compiler's assembler for registers and spills, which takes it
            longer than the compilation; else `Report.resources` is None.

    Raises:
        CompileError, CompilerMissing: there is nothing to run.
        LaunchError, LimitReached, Unsupported: the launch does not fit the kernel, or the lab.
        What the kernel itself does wrong is in the report.
    """
    if schedule not in SCHEDULES:
        raise LaunchError(f"the schedule is {schedule!r}; choose one of {', '.join(SCHEDULES)}")
    names = (name,) if "<" in name else ()
    source = Source(code, tuple(options), names)
    host = [_to_numpy(a, f"argument {k}") for k, a in enumerate(args)]
    launch = Launch(source, name, grid, block, host, shared_mem, limits or Limits())
    machine = Machine(
        launch, launch.program, races=True, traffic=True, schedule=schedule, seed=seed
    )
    error = None
    try:
        machine.run()
    except CudaError as caught:
        error = caught
    launch.copy_back()
    for given, used in zip(args, host, strict=True):
        if given is not used:
            given.set(used)
    used = resources(code, tuple(options), names).get(launch.kernel.name) if assemble else None
    return _report(launch, machine, source, error, schedule, used)


def _to_numpy(value, what: str):
    """A CuPy array as a NumPy array; anything else as it is."""
    if not (hasattr(value, "get") and hasattr(value, "device")):
        return value
    check_contiguous(value, what)  # here: the copy is contiguous, whatever the view was
    return value.get()


def _report(launch, machine, source, error, schedule, used) -> Report:
    counters = machine.counters
    return Report(
        kernel=launch.name,
        grid=launch.grid,
        block=launch.block,
        schedule=schedule,
        compiler=source.compiled.compiler,
        source=source.code,
        error=error,
        races=machine.races.races(),
        notes=tuple(note for _, note in sorted(machine.barriers.notes.items())),
        lines=_lines(launch, machine, source.code),
        arrays=machine.traffic.by_array(),
        shared_bytes=launch.shared_bytes,
        instructions=int(counters.warps.sum()),
        lane_use=_share(counters.lanes.sum(), counters.warps.sum()),
        printed=tuple(machine.printed),
        resources=used,
    )


def _share(lanes, warps) -> float:
    return float(lanes / (32 * warps)) if warps else 0.0


def _lines(launch, machine, code: str) -> dict[int, Line]:
    """What each line cost."""
    counters, program = machine.counters, launch.program
    numbers = np.array([i.line for i in program.code])
    accesses = machine.traffic.by_line()
    text = code.split("\n")
    found = {}
    for number in sorted(set(numbers.tolist()) - {0}):
        here = np.flatnonzero(numbers == number)
        warps, lanes = counters.warps[here].sum(), counters.lanes[here].sum()
        found[number] = Line(
            number=number,
            text=text[number - 1] if number <= len(text) else "",
            accesses=accesses.get(number, ()),
            instructions=int(warps),
            lane_use=_share(lanes, warps),
            branches=sum(counters.branches[pc] for pc in here),
            splits=sum(counters.splits[pc] for pc in here),
        )
    return found
