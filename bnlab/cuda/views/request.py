"""What one request of a warp costs: the sectors it moves, or the turns it takes at the banks."""

from __future__ import annotations

from collections.abc import Iterator

from bnlab.cuda.report import SECTOR, Request

BANKS = 32
WORD = 4  # bytes that a bank gives in a turn


def element(request: Request, offset: int) -> str:
    """The element at a byte, "x[12]"; bytes in its middle count as the element."""
    return f"{request.array}[{offset // request.itemsize}]"


def sectors(request: Request) -> list[int]:
    """Numbers of the sectors that move, in order; sector 0 starts with the array."""
    firsts = {offset // SECTOR for offset in request.offsets}
    lasts = {(offset + request.width - 1) // SECTOR for offset in request.offsets}
    return sorted(firsts | lasts)


def asked(request: Request) -> int:
    """How many different bytes the lanes ask for."""
    return len(set(request.offsets)) * request.width


def fewest_sectors(request: Request) -> int:
    return -(-asked(request) // SECTOR)


def turns(request: Request) -> dict[int, list[dict[int, int]]]:
    """The turns of a request to shared memory: in each, the word that a bank gives.

    Lanes that want the same word share its turn. Accesses of 8 bytes a lane go in half warps,
    those of 16 in quarter warps. For each such part its turns, of which one would do without
    conflicts: `{bank: word}`, where the words count from the array's start.
    """
    words = _words(request)
    parts: dict[int, dict[int, list[int]]] = {}
    for lane, offset in zip(request.lanes, request.offsets, strict=True):
        queues = parts.setdefault(part(request, lane), {})
        for word in range(offset // WORD, offset // WORD + words):
            queue = queues.setdefault(word % BANKS, [])
            if word not in queue:
                queue.append(word)
    return {
        number: [
            {bank: queue[k] for bank, queue in queues.items() if k < len(queue)}
            for k in range(max(map(len, queues.values())))
        ]
        for number, queues in sorted(parts.items())
    }


def part(request: Request, lane: int) -> int:
    """Which part of the warp a lane belongs to, in a request to shared memory."""
    return lane * _words(request) // BANKS


def _words(request: Request) -> int:
    return max(1, request.width // WORD)


def steps(request: Request) -> Iterator[tuple[list[int], list[int], int]]:
    """Lanes and offsets in stretches of constant step, with the step in bytes."""
    lanes, offsets = list(request.lanes), list(request.offsets)
    i = 0
    while i < len(lanes):
        end, step = i + 1, offsets[i + 1] - offsets[i] if i + 1 < len(lanes) else 0
        while end < len(lanes) and _next(lanes, end) and offsets[end] - offsets[end - 1] == step:
            end += 1
        yield lanes[i:end], offsets[i:end], step
        i = end


def _next(lanes: list[int], i: int) -> bool:
    return lanes[i] == lanes[i - 1] + 1
