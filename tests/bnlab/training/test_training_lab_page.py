"""Chapter 4.3: the same code on CIFAR-10, and the same statements with other seeds."""

import matplotlib
import matplotlib.pyplot as plt
import pytest
from cifar_files import made_up, write
from page_cells import run

import bnlab.training
from bnlab.training.cifar10 import FOLDER_VARIABLE

PAGE = "chapters/4-pytorch/3-training-lab.md"


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    backend = matplotlib.get_backend()
    matplotlib.use("Agg")
    with matplotlib.rc_context():
        yield
    plt.close("all")
    matplotlib.use(backend)


def once(function):
    """`train` or `sweep` with one epoch, unless the epochs are what varies."""

    def short(*arguments, **options):
        if "epochs" in options:
            options["epochs"] = 1
        return function(*arguments, **options)

    return short


def test_one_word_switches_the_page_to_cifar10(tmp_path, monkeypatch):
    """Files in the published binary form with images of noise, one epoch, one seed."""
    write(tmp_path, "binary", made_up(n=80))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(bnlab.training, "train", once(bnlab.training.train))
    monkeypatch.setattr(bnlab.training, "sweep", once(bnlab.training.sweep))
    page = run(
        PAGE,
        data=('load("digits")', 'load("cifar10")'),
        seeds=("SEEDS = range(3)", "SEEDS = range(1)"),
        depth=("DEPTHS = [2, 10, 30]", "DEPTHS = [2, 4]"),
        steps=("STEPS = [0, 1, 2, 5, 20]", "STEPS = [0, 1]"),
    )
    assert page["data"].name == "cifar10" and page["CHANNELS"] == 3 and page["INPUTS"] == 3072
    sweeps = [value for value in page.values() if isinstance(value, bnlab.training.Sweep)]
    assert len(sweeps) > 10
    for results in sweeps:
        for (arm, value), runs in results.runs.items():
            assert all(0 <= r.accuracy <= 1 for r in runs), (arm, value)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", ["range(3, 6)", "range(6, 9)"])
def test_what_the_page_asserts_holds_for_other_seeds(seeds):
    run(PAGE, seeds=("SEEDS = range(3)", f"SEEDS = {seeds}"))
