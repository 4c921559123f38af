"""CIFAR-10 is read in every form that it is published in; anything else is named."""

import pickle
import sys
import types

import numpy as np
import pytest
from cifar_files import FORMS, made_up, write

from bnlab.training import cnn, load, train
from bnlab.training.cifar10 import FOLDER_VARIABLE, read_cifar10

WITHOUT_TORCHVISION = {"torchvision": None, "torchvision.datasets": None}


@pytest.fixture(autouse=True)
def no_torchvision(monkeypatch):
    for name in WITHOUT_TORCHVISION:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)


@pytest.mark.parametrize("archive", [False, True], ids=["unpacked", "archive"])
@pytest.mark.parametrize("form", FORMS)
def test_every_published_form_gives_the_same_images(tmp_path, form, archive):
    batches = made_up()
    x_train, y_train, x_test, y_test = read_cifar10(write(tmp_path, form, batches, archive))
    assert x_train.shape == (40, 3, 32, 32) and x_train.dtype == np.uint8
    assert y_train.dtype == np.int64 and x_test.shape == (8, 3, 32, 32)
    x, y = batches["data_batch_2"]  # red, green, blue, each row by row
    assert np.array_equal(x_train[8:16], x.reshape(-1, 3, 32, 32))
    assert x_train[8, 1, 2, 3] == x[0, 1024 + 2 * 32 + 3]
    assert np.array_equal(y_train[8:16], y)
    assert np.array_equal(y_test, batches["test_batch"][1])


def test_one_setting_switches_the_data_and_the_same_code_trains(tmp_path, monkeypatch):
    write(tmp_path, "binary", made_up(n=32))
    for name, folder in (("digits", None), ("cifar10", tmp_path)):
        data = load(name, folder)
        model = cnn("bn", channels=data.x_train.shape[1])
        run = train(model, lr=0.1, epochs=1, batch_size=32, data=data)
        assert len(run.losses) == len(data.x_train) // 32 and np.isfinite(run.losses).all()
        assert 0 <= run.accuracy <= 1
    assert data.x_train.min() >= 0 and data.x_train.max() == 1
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert len(load("cifar10").x_train) == 160


def test_neither_files_nor_torchvision(tmp_path):
    with pytest.raises(FileNotFoundError) as refused:
        read_cifar10(tmp_path)
    for word in (str(tmp_path), "torchvision", "cs.toronto.edu", FOLDER_VARIABLE, 'load("digits")'):
        assert word in str(refused.value)


def test_missing_batches_are_listed(tmp_path):
    write(tmp_path, "binary", made_up())
    (tmp_path / "cifar-10-batches-bin/data_batch_4.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks data_batch_4\."):
        read_cifar10(tmp_path)


@pytest.mark.parametrize("form", FORMS)
def test_a_damaged_batch_is_named(tmp_path, form):
    write(tmp_path, form, made_up())
    [path] = tmp_path.rglob(f"test_batch{FORMS[form]}")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"test_batch.*Download it again"):
        read_cifar10(tmp_path)


def test_a_cut_off_archive_is_named(tmp_path):
    write(tmp_path, "python", made_up(), archive=True)
    path = tmp_path / "cifar-10-python.tar.gz"
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(ValueError, match=r"cifar-10-python.tar.gz cannot be read"):
        read_cifar10(tmp_path)


def test_wrong_labels_are_refused(tmp_path):
    batches = made_up()
    batches["test_batch"][1][3] = 99  # as in CIFAR-100
    with pytest.raises(ValueError, match=r"labels from \d to 99"):
        read_cifar10(write(tmp_path, "binary", batches))


def test_a_pickle_that_wants_to_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("ran",))

    write(tmp_path, "python", made_up())
    path = tmp_path / "cifar-10-batches-py/data_batch_1"
    path.write_bytes(pickle.dumps({"data": Evil(), "labels": [1]}, protocol=2))
    with pytest.raises(ValueError, match=r"it wants .*print, which no CIFAR-10 file needs"):
        read_cifar10(tmp_path)


def fake_torchvision(monkeypatch, make):
    datasets = types.ModuleType("torchvision.datasets")
    datasets.CIFAR10 = make
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.datasets", datasets)


def test_torchvision_downloads_when_there_are_no_files(tmp_path, monkeypatch):
    """torchvision keeps (N, 32, 32, 3) in `data` and a list in `targets`."""
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    asked = []

    class CIFAR10:
        def __init__(self, root, train, download):
            asked.append((root, train, download))
            self.data, self.targets = images, [3, 1, 4, 1]

    fake_torchvision(monkeypatch, CIFAR10)
    x_train, y_train, x_test, _ = read_cifar10(tmp_path)
    assert asked == [(str(tmp_path), True, True), (str(tmp_path), False, True)]
    assert np.array_equal(x_train, images.transpose(0, 3, 1, 2)) and y_train.tolist() == [
        3,
        1,
        4,
        1,
    ]
    assert x_test.shape == (4, 3, 32, 32)


def test_a_failed_download_says_what_to_do(tmp_path, monkeypatch):
    def offline(*args, **kwargs):
        raise OSError("no network")

    fake_torchvision(monkeypatch, offline)
    with pytest.raises(FileNotFoundError, match=r"no network.*cs\.toronto\.edu"):
        read_cifar10(tmp_path)
