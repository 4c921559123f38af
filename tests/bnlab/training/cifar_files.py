"""Small files in the published forms of CIFAR-10, for tests."""

import io
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np

from bnlab.training.cifar10 import BATCHES

FORMS = {"python": "", "binary": ".bin", "matlab": ".mat"}


def made_up(n=8, seed=0):
    """Images (n, 3072) uint8 and labels (n,) for each batch."""
    rng = np.random.default_rng(seed)
    return {
        name: (rng.integers(0, 256, (n, 3072), dtype=np.uint8), rng.integers(0, 10, n))
        for name in BATCHES
    }


def python_2(x, y) -> bytes:
    """A batch as Python 2 pickled it: byte strings for keys, the old name of NumPy's module."""
    shape = b"M" + struct.pack("<H", len(x)) + b"M" + struct.pack("<H", x.shape[1])
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01("
        + shape
        + b"tcnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<i", x.nbytes)
        + x.tobytes()
        + b"tb"
    )
    labels = b"](" + b"".join(b"K" + bytes([label]) for label in y) + b"e"
    return b"\x80\x02}(U\x04dataq\x01" + array + b"U\x06labels" + labels + b"u."


def content(form, x, y) -> bytes:
    if form == "python":
        return python_2(x, y)
    if form == "binary":
        return np.concatenate([y[:, None].astype(np.uint8), x], axis=1).tobytes()
    from scipy.io import savemat

    file = io.BytesIO()
    savemat(file, {"data": x, "labels": y[:, None].astype(np.uint8)})
    return file.getvalue()


def write(folder: Path, form: str, batches, archive=False) -> Path:
    """Writes all batches below `folder`, as the published archive or unpacked."""
    inside = {"python": "py", "binary": "bin", "matlab": "mat"}[form]
    files = {
        f"cifar-10-batches-{inside}/{name}{FORMS[form]}": content(form, x, y)
        for name, (x, y) in batches.items()
    }
    # The published folders hold these too.
    extra = pickle.dumps({"label_names": ["airplane"]}, protocol=2)
    files[f"cifar-10-batches-{inside}/batches.meta"] = extra
    if not archive:
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / f"cifar-10-{form}.tar.gz", "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return folder
