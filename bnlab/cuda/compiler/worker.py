"""The compiler's own process: reads requests and writes replies, a line of JSON each.

Run as a script by `process`, with `python -I -S`: nothing but the standard library is imported.
A compiler may crash, never end or take all memory, and then it is this process that goes.
It also locks itself in. NVRTC gets its headers as text, so after a first compilation the process
may open no file at all (Unix): what slips past the rule of `includes` finds nothing to read.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import clang
import headers
import nvrtc

PTX_LIMIT = 2 * 1024 * 1024  # bytes
LOG_LIMIT = 32 * 1024  # characters
MEMORY_LIMIT = 2 * 1024**3  # bytes of address space


def main() -> None:
    """Serves until the pipe is closed: when the parent ends, however it ends, so does this."""
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    nowhere = open(os.devnull, "w")  # noqa: SIM115 - for the watchdog, before files are forbidden
    compiler = None
    for line in requests:
        request = json.loads(line)
        # For a parent that is gone and cannot stop a compilation that never ends.
        faulthandler.dump_traceback_later(request["seconds"] + 2, exit=True, file=nowhere)
        try:
            if compiler is None:
                compiler, reply = started(request)
            else:
                reply = compiled(compiler, request)
        except nvrtc.Refused as refusal:
            reply = {"refused": str(refusal)[:LOG_LIMIT]}
        except MemoryError:
            reply = {"refused": "the compiler ran out of memory"}
        except OSError as error:
            reply = {"missing": str(error)}
        except Exception:  # a slip of ours; the parent shows it
            reply = {"slip": traceback.format_exc()}
        faulthandler.cancel_dump_traceback_later()
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()


def started(setup: dict) -> tuple[nvrtc.Nvrtc | clang.Clang, dict]:
    """The compiler that the first line asks for, and the reply to it."""
    if setup["compiler"] == "clang":
        lock(files=True)  # clang is a program of its own, which has to open itself
        compiler = clang.Clang(setup["program"])
        found = set(headers.FOR_CLANG)
    else:
        texts = headers.for_nvrtc(tuple(Path(folder) for folder in setup["folders"]))
        compiler = nvrtc.Nvrtc(setup["program"], texts)
        compiler.compile('extern "C" __global__ void first() {}', (), ())  # opens what it needs
        lock(files=False)
        found = set(texts)
    return compiler, {"name": compiler.name(), "headers": sorted(headers.ALLOWED & found)}


def compiled(compiler: nvrtc.Nvrtc | clang.Clang, request: dict) -> dict:
    """The reply to a source."""
    ptx, log, names = compiler.compile(request["code"], request["options"], request["names"])
    if len(ptx) > PTX_LIMIT:
        raise nvrtc.Refused(
            f"the compiled kernel has {len(ptx)} bytes of PTX; the lab takes up to {PTX_LIMIT}: "
            "unroll less or use fewer template instances"
        )
    return {"ptx": ptx, "log": log[:LOG_LIMIT], "names": names}


def lock(files: bool) -> None:
    """Limits memory and, without `files`, forbids to open any file from now on (Unix)."""
    with contextlib.suppress(ImportError):  # Windows
        import resource

        limits = {resource.RLIMIT_AS: MEMORY_LIMIT, resource.RLIMIT_CORE: 0}
        if not files:
            limits[resource.RLIMIT_NOFILE] = 0
        for what, limit in limits.items():
            with contextlib.suppress(ValueError, OSError):  # macOS knows no RLIMIT_AS
                resource.setrlimit(what, (limit, limit))


if __name__ == "__main__":
    main()
