"""Reports built by hand for the tests of the views: the lab is not needed to look at one."""

from __future__ import annotations

from bnlab.cuda.errors import OutOfBounds
from bnlab.cuda.report import Access, ArrayTraffic, Line, Note, Race, Report, Request, Resources

SOURCE = """\
// sums of a channel <one block each>
extern "C" __global__
void sums(const float* x, float* y, int n, int stride)
{
    __shared__ float s[256];
    int t = threadIdx.x;
    s[t] = x[t * stride];
    __syncthreads();
    for (int h = 128; h > 0; h >>= 1)
        if (t < h) s[t] += s[t + h];
    if (t == 0) y[blockIdx.x] = s[0];
}
"""


def request(array="x", indices=range(32), itemsize=4, width=4, lanes=None) -> Request:
    """A request in which lane i touches element indices[i]."""
    indices = list(indices)
    lanes = tuple(range(len(indices))) if lanes is None else tuple(lanes)
    return Request(array, itemsize, lanes, tuple(i * itemsize for i in indices), width)


def access(kind="load", sectors=128, ideal=128, space="global", passes=0, sample=None, **request_):
    """32 requests of a whole warp, each like the sample."""
    sample = sample or request(**request_)
    threads = 32 * len(sample.lanes)
    shared = space == "shared"
    return Access(
        array=sample.array,
        space=space,
        kind=kind,
        requests=32,
        threads=threads,
        bytes=threads * sample.width,
        sectors=0 if shared else sectors,
        ideal_sectors=0 if shared else ideal,
        passes=passes,
        ideal_passes=32 if shared else 0,
        sample=sample,
    )


def line(number, *accesses, lane_use=1.0, branches=0, splits=0) -> Line:
    text = SOURCE.splitlines()[number - 1]
    return Line(number, text, accesses, 32, lane_use, branches, splits)


def report(**changes) -> Report:
    """A clean run of SOURCE: coalesced, no conflict."""
    lines = [
        line(7, access(), access("store", space="shared", passes=32, array="s")),
        line(10, access(space="shared", passes=32, array="s"), branches=64, splits=8),
        line(11, access("store", 32, 32, array="y", indices=[0]), lane_use=1 / 32),
    ]
    values = {
        "kernel": "sums",
        "grid": (4, 1, 1),
        "block": (256, 1, 1),
        "schedule": "lockstep",
        "compiler": "NVRTC 12.4",
        "source": SOURCE,
        "error": None,
        "races": (),
        "notes": (),
        "lines": {one.number: one for one in lines},
        "arrays": {
            "x": ArrayTraffic("x", 4096, 4096, 12288, 0),
            "y": ArrayTraffic("y", 16, 32, 0, 16),
        },
        "shared_bytes": 1024,
        "instructions": 1234,
        "lane_use": 0.93,
        "resources": Resources(18, 1024, 0),
    }
    return Report(**values | changes)


def race(**changes) -> Race:
    values = {
        "line": 10,
        "quote": "if (t < h) s[t] += s[t + h];",
        "array": "s",
        "index": 128,
        "kind": "read after write",
        "space": "shared",
        "first": "block (0,0,0) thread (128,0,0)",
        "second": "block (0,0,0) thread (0,0,0)",
        "first_line": 7,
        "across_blocks": False,
        "same_value": False,
        "count": 24,
    }
    return Race(**values | changes)


def racing() -> Report:
    """A barrier is missing, and reads of x are strided."""
    strided = access(sectors=1024, indices=range(0, 32 * 784, 784))
    conflict = access(space="shared", passes=128, array="s", indices=range(0, 128, 4))
    lines = {7: line(7, strided), 10: line(10, conflict)}
    note = Note(11, "if (t == 0) y[blockIdx.x] = s[0];", "31 threads return before the barrier")
    return report(races=(race(),), notes=(note,), lines=lines)


def faulty() -> Report:
    """Stopped by an access past the end."""
    error = OutOfBounds(
        "block (0,0,0) thread (0,0,0) reads x[1024], 1 past the last of its 1024 elements",
        line=7,
        quote="s[t] = x[t * stride];",
        kind="out of bounds: load of global memory",
    )
    return report(error=error, lines={7: line(7, access())})
