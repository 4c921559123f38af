"""The headers a kernel may include. The compiler gets their text; it never opens a file for one."""

from __future__ import annotations

import re
from pathlib import Path

OWN = Path(__file__).with_name("headers")

# Headers that learners write out of habit -> the file of ours that stands for them.
HABIT = {
    "assert.h": "builtin.h",
    "cassert": "builtin.h",
    "cfloat": "float.h",
    "climits": "limits.h",
    "cmath": "math.h",
    "cstddef": "builtin.h",
    "cstdint": "stdint.h",
    "cstdio": "builtin.h",
    "cstdlib": "builtin.h",
    "cstring": "builtin.h",
    "cuda.h": "builtin.h",
    "cuda_runtime.h": "builtin.h",
    "cuda_runtime_api.h": "builtin.h",
    "device_launch_parameters.h": "builtin.h",
    "float.h": "float.h",
    "limits.h": "limits.h",
    "math.h": "math.h",
    "stddef.h": "builtin.h",
    "stdint.h": "stdint.h",
    "stdio.h": "builtin.h",
    "stdlib.h": "builtin.h",
    "string.h": "builtin.h",
}

# Headers of the CUDA toolkit that kernels use; read from its package.
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

ALLOWED = frozenset(HABIT) | frozenset(TOOLKIT)

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"]', re.M)


def for_nvrtc(folders: tuple[Path, ...]) -> dict[str, str]:
    """Text of every header for NVRTC, by the name that stands in an include.

    Args:
        folders: the toolkit's include folders; a header that is in none of them is left out.
    """
    return {**_toolkit(folders), **_habit()}  # ours last: the toolkit's cuda_runtime.h is for hosts


def for_clang() -> dict[str, str]:
    """Text of every header for clang: those of habit, and our own stand-ins for the toolkit's."""
    return _habit()


def _habit() -> dict[str, str]:
    return {name: (OWN / file).read_text() for name, file in HABIT.items()}


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
