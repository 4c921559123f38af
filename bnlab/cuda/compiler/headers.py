"""The headers a kernel may include. The compiler gets their text; it never opens a file for one."""

from __future__ import annotations

import json
import re
from pathlib import Path

OWN = Path(__file__).with_name("headers")

# Headers of the CUDA toolkit that kernels use. NVRTC gets them from the toolkit's package.
TOOLKIT = (
    "cooperative_groups.h",
    "cooperative_groups/memcpy_async.h",
    "cooperative_groups/reduce.h",
    "cooperative_groups/scan.h",
    "cuComplex.h",
    "cuda_bf16.h",
    "cuda_fp16.h",
    "cuda_fp8.h",
    "cuda_pipeline.h",
    "math_constants.h",
    "vector_types.h",
)

# What clang includes -> our file for it: the overlay that is the whole of clang's file system.
FOR_CLANG = {
    entry["name"]: entry["external-contents"]
    for entry in json.loads((OWN / "overlay.json").read_text())["roots"][0]["contents"]
    if entry["type"] == "file"
}
# Those that learners write out of habit, <stdio.h> say, are the same for both compilers.
HABIT = {name: file for name, file in FOR_CLANG.items() if name not in TOOLKIT}

ALLOWED = frozenset(HABIT) | frozenset(TOOLKIT)

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"]', re.M)


def for_nvrtc(folders: tuple[Path, ...]) -> dict[str, str]:
    """Text of every header for NVRTC, by the name that stands in an include.

    Args:
        folders: the toolkit's include folders; a header that is in none of them is left out.
    """
    ours = {name: (OWN / file).read_text() for name, file in HABIT.items()}
    return {**_toolkit(folders), **ours}  # ours wins: the toolkit's cuda_runtime.h is for hosts


def _toolkit(folders: tuple[Path, ...]) -> dict[str, str]:
    """The headers of `TOOLKIT` and all that they include."""
    texts: dict[str, str] = {}
    waiting = [(name, folders) for name in TOOLKIT]
    while waiting:
        name, places = waiting.pop()
        path = next((place / name for place in places if (place / name).is_file()), None)
        if name in texts or path is None:
            continue
        texts[name] = path.read_text(encoding="latin-1")
        # A quoted name is looked up beside the file that includes it first.
        waiting += [(inner, (path.parent, *folders)) for inner in _INCLUDE.findall(texts[name])]
    return texts
