"""In which order groups of lanes run, so that lanes which parted meet again.

Compilers lay basic blocks out as they like; an early exit may stand before the loop that leads to
it. So blocks are ranked by what can follow what: a block comes after all that lead to it, and a
loop comes whole before what follows it. Among groups at different places the first by rank runs,
and the others wait for it where the paths join, as on a GPU.

Source: Bourdoncle, "Efficient chaotic iteration strategies with widenings", 1993, whose weak
topological order this is; strongly connected components after Tarjan, 1972.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bnlab.cuda.ptx import Instruction

LEAVES = ("ret", "exit")


def ranks(code: Sequence[Instruction], leaders: Collection[int]) -> list[int]:
    """The rank of every instruction, by program counter.

    Args:
        leaders: program counters where a basic block starts.
    """
    starts = sorted(pc for pc in leaders if pc < len(code))
    ends = dict(zip(starts, [*starts[1:], len(code)], strict=True))
    successors = {start: _successors(code, end - 1) for start, end in ends.items()}
    rank = [0] * len(code)
    for place, pc in enumerate(
        pc for start in _in_order(set(starts), successors) for pc in range(start, ends[start])
    ):
        rank[pc] = place
    return rank


def _successors(code: Sequence[Instruction], last: int) -> list[int]:
    """Where a block may go on, by its last instruction; the latest place first."""
    instruction = code[last]
    jumps = instruction.name in ("bra", "brx", *LEAVES)
    follows = [last + 1] if not jumps or instruction.predicate else []
    found = {*instruction.targets, *follows}
    return sorted((pc for pc in found if pc < len(code)), reverse=True)


def _in_order(nodes: set[int], successors: dict[int, list[int]]) -> list[int]:
    """A weak topological order: what follows comes later, and loops stay together."""
    found = []
    for component in reversed(_components(nodes, successors)):
        if len(component) > 1:
            head = _head(component, successors)
            found += [head, *_in_order(component - {head}, successors)]
        else:
            found += component
    return found


def _head(loop: set[int], successors: dict[int, list[int]]) -> int:
    """Where a loop is entered."""
    entered = {after for node, found in successors.items() if node not in loop for after in found}
    return min(loop & entered or loop)


def _components(nodes: set[int], successors: dict[int, list[int]]) -> list[set[int]]:
    """Strongly connected components, each after all that it leads to."""
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: dict[int, None] = {}  # in order of arrival
    found: list[set[int]] = []
    for root in sorted(nodes, reverse=True):
        path = [] if root in number else [(root, iter(successors[root]))]
        while path:
            node, following = path[-1]
            if node not in number:
                number[node] = low[node] = len(number)
                stack[node] = None
            after = next((n for n in following if n in nodes), None)
            if after is None:
                path.pop()
                if path:
                    parent = path[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == number[node]:
                    found.append(set())
                    while node in stack:
                        found[-1].add(stack.popitem()[0])
            elif after not in number:
                path.append((after, iter(successors[after])))
            elif after in stack:
                low[node] = min(low[node], number[after])
    return found
