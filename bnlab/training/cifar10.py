"""Reads CIFAR-10 in every form that it is published in.

The archives `cifar-10-python.tar.gz`, `cifar-10-binary.tar.gz` and `cifar-10-matlab.tar.gz`, as
they are or unpacked, hold five training batches and a test batch each.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, and the
description of the files at https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

FOLDER_VARIABLE = "BNLAB_CIFAR10"
BATCHES = (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch")
PIXELS = 3 * 32 * 32


def read_cifar10(folder: str | Path | None = None) -> tuple[np.ndarray, ...]:
    """CIFAR-10 from a local folder or, where torchvision is installed, through its download.

    Args:
        folder: holds the published files, unpacked or not, at any depth. Default: the
            environment variable BNLAB_CIFAR10, else "data".

    Returns:
        x_train (50000, 3, 32, 32) uint8, y_train (50000,) int64, x_test, y_test (10000).

    Raises:
        FileNotFoundError: neither complete files nor torchvision.
        ValueError: a file is damaged, or is something else.
    """
    folder = Path(folder or os.environ.get(FOLDER_VARIABLE) or "data").expanduser()
    incomplete = []
    for found, parse in _forms(folder):
        missing = [name for name in BATCHES if name not in found]
        if not missing:
            batches = [_checked(name, *parse(name, found[name]())) for name in BATCHES]
            x, y = zip(*batches, strict=True)
            return np.concatenate(x[:5]), np.concatenate(y[:5]), x[5], y[5]
        if len(missing) < len(BATCHES):
            incomplete.append(f"{folder} lacks {', '.join(missing)}.")
    try:
        from torchvision.datasets import CIFAR10
    except ImportError:
        raise FileNotFoundError(
            f"CIFAR-10 was not found in {folder.absolute()}, and torchvision, which could download it, "
            f"is not installed. {' '.join(incomplete)} Put one of the archives of "
            "https://www.cs.toronto.edu/~kriz/cifar.html there (or its files), name another folder "
            f"with the environment variable {FOLDER_VARIABLE}, or install torchvision. Without "
            'CIFAR-10, use load("digits").'
        ) from None
    return _downloaded(CIFAR10, folder)


def _forms(folder: Path) -> Iterator[tuple[dict[str, Callable[[], bytes]], Callable]]:
    """Each published form: the batches found in it, as readers of bytes, and how to parse them."""
    for suffix, kind, parse in (
        ("", "python", _python),
        (".bin", "binary", _binary),
        (".mat", "matlab", _matlab),
    ):
        names = {name + suffix: name for name in BATCHES}
        files = {names[p.name]: p.read_bytes for p in folder.rglob("*_batch*") if p.name in names}
        yield files, parse
        for archive in folder.rglob(f"cifar-10-{kind}.tar.gz"):
            yield _members(archive, names), parse


def _members(archive: Path, names: dict[str, str]) -> dict[str, Callable[[], bytes]]:
    """The batches of an archive, read in one pass: seeking in compressed data is slow."""
    found = {}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = names.get(Path(member.name).name)
                if name and member.isfile():
                    content = tar.extractfile(member).read()
                    found[name] = lambda content=content: content
    except (tarfile.TarError, EOFError, OSError) as problem:
        raise ValueError(
            f"{archive} cannot be read ({problem}). Download it again: it may be cut off."
        ) from problem
    return found


class _OnlyArrays(pickle.Unpickler):
    """Pickles can run code. These need NumPy arrays and plain values, nothing else."""

    def find_class(self, module, name):
        import codecs

        multiarray = np.array(0).__reduce__()[0]
        allowed = {
            "_reconstruct": multiarray,
            "ndarray": np.ndarray,
            "dtype": np.dtype,
            "encode": codecs.encode,  # how newer Pythons write bytes in old protocols
        }
        if name in allowed and module.partition(".")[0] in ("numpy", "_codecs"):
            return allowed[name]
        raise pickle.UnpicklingError(f"it wants {module}.{name}, which no CIFAR-10 file needs")


def _python(name: str, content: bytes) -> tuple:
    try:
        batch = _OnlyArrays(io.BytesIO(content), encoding="latin1").load()
        return batch["data"], batch["labels"]
    except Exception as problem:
        raise ValueError(_damaged(name, f"{type(problem).__name__}: {problem}")) from problem


def _binary(name: str, content: bytes) -> tuple:
    if len(content) % (1 + PIXELS):
        raise ValueError(
            _damaged(f"{name}.bin", f"{len(content)} bytes, no multiple of {1 + PIXELS}")
        )
    rows = np.frombuffer(content, np.uint8).reshape(-1, 1 + PIXELS)
    return rows[:, 1:], rows[:, 0]


def _matlab(name: str, content: bytes) -> tuple:
    from scipy.io import loadmat

    try:
        batch = loadmat(io.BytesIO(content))
        return batch["data"], batch["labels"].ravel()
    except Exception as problem:
        raise ValueError(_damaged(f"{name}.mat", str(problem))) from problem


def _checked(name: str, x, y) -> tuple[np.ndarray, np.ndarray]:
    """One batch as (N, 3, 32, 32) uint8 and (N,) int64, if that is what it is."""
    x, y = np.asarray(x), np.asarray(y, dtype=np.int64)
    if x.ndim != 2 or x.shape != (len(y), PIXELS) or x.dtype != np.uint8 or not len(y):
        raise ValueError(_damaged(name, f"{x.dtype} images of shape {x.shape} and {len(y)} labels"))
    if y.min() < 0 or y.max() > 9:
        raise ValueError(_damaged(name, f"labels from {y.min()} to {y.max()} in place of 0 to 9"))
    return x.reshape(-1, 3, 32, 32).copy(), y


def _damaged(name: str, what: str) -> str:
    return (
        f"{name} is not a batch of CIFAR-10, or is damaged ({what}). "
        "Expected uint8 images of 3072 values and labels 0 to 9. Download it again."
    )


def _downloaded(CIFAR10: type, folder: Path) -> tuple[np.ndarray, ...]:
    try:
        parts = [CIFAR10(str(folder), train=train, download=True) for train in (True, False)]
    except Exception as problem:
        raise FileNotFoundError(
            f"torchvision could not provide CIFAR-10 in {folder.absolute()}: {problem}. Without a network, put "
            "one of the archives of https://www.cs.toronto.edu/~kriz/cifar.html there."
        ) from problem
    found = []
    for part in parts:  # (N, 32, 32, 3)
        images = np.asarray(part.data).transpose(0, 3, 1, 2)
        found += [np.ascontiguousarray(images), np.asarray(part.targets, dtype=np.int64)]
    return tuple(found)
