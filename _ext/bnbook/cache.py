"""Re-executes pages when the packages they import change.

The execution cache knows a page's own code only. This module keeps a hash of `bnlab`,
`autograder`, `solutions` and the pins beside the cache, and empties it when that changes.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

WATCHED = (
    "bnlab/**/*.py",
    "bnlab/**/*.h",
    "autograder/**/*.py",
    "solutions/**/*.md",
    "chapters/**/*.cu",
    "pyproject.toml",
)


def fingerprint(root: Path) -> str:
    """Hash of every watched file's path and content."""
    digest = hashlib.sha256()
    for pattern in WATCHED:
        for path in sorted(root.glob(pattern)):
            digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()


def outdated(app, env, added, changed, removed):
    """Empties a stale execution cache and has every page read again."""
    now = fingerprint(Path(app.srcdir))
    cache = Path(app.outdir).parent / ".jupyter_cache"
    stamp = Path(app.outdir).parent / ".packages"
    if stamp.exists() and stamp.read_text() == now:
        return []
    shutil.rmtree(cache, ignore_errors=True)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(now)
    return list(env.found_docs)


def setup(app):
    app.connect("env-get-outdated", outdated)
