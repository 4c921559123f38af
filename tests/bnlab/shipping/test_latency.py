"""The latency harness: its arithmetic with clocks of its own, its program, its errors."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from bnlab.shipping.candidates import CandidateError, input_for, open_candidate, try_out
from bnlab.shipping.export import to_onnx
from bnlab.shipping.latency import Latency, main, measure
from bnlab.shipping.quantiles import quantile, ratio


class Clock:
    """A clock that moves only when a candidate says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def takes(self, *seconds):
        """A candidate whose calls take these times, the last one for ever."""
        left = list(seconds)

        def run():
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return run


def test_the_first_calls_do_not_count():
    clock = Clock()
    found = measure({"a": clock.takes(9, 9, 1, 3, 2)}, rounds=3, warm_up=2, clock=clock)
    assert found.seconds["a"].tolist() == [1, 3, 2]
    assert found.quantile("a", 0.5).value == 2


def test_candidates_take_turns_in_random_order():
    calls = []
    runs = {name: (lambda name=name: calls.append(name)) for name in "abc"}
    measure(runs, rounds=40, warm_up=1)
    rounds = [tuple(calls[k : k + 3]) for k in range(0, len(calls), 3)]
    assert all(sorted(r) == ["a", "b", "c"] for r in rounds)
    assert len(set(rounds)) == 6


def test_ratios_are_to_the_first():
    clock = Clock()
    found = measure({"one": clock.takes(2.0), "two": clock.takes(3.0)}, rounds=20, clock=clock)
    assert found.ratio("two").value == pytest.approx(1.5)
    table = found.table(times=False)
    assert [row[1] for row in table.rows] == ["1 (1–1)", "1.5 (1.5–1.5)"]
    assert "ms" not in repr(table) and "ms" in repr(found.table())


def test_nothing_to_measure():
    for arguments in ({}, 5), ({"a": print}, 0):
        with pytest.raises(ValueError, match="nothing to measure"):
            measure(arguments[0], rounds=arguments[1])


def test_quantiles_are_measured_times():
    times = np.random.default_rng(0).permutation(np.arange(1.0, 1001))
    assert quantile(times, 0.5).value == 500 and quantile(times, 0.99).value == 990
    with pytest.raises(ValueError, match="got 0 times"):
        quantile(times[:0], 0.5)


def test_p99_of_few_times_is_open_above():
    assert quantile(np.arange(367.0), 0.99).high == np.inf
    assert quantile(np.arange(368.0), 0.99).high == 367


@pytest.mark.parametrize("q, n", [(0.5, 41), (0.99, 500), (0.9, 100)])
def test_the_interval_holds_the_true_quantile_as_often_as_it_says(q, n):
    rng = np.random.default_rng(0)
    times = rng.exponential(size=(2000, n))
    truth = -np.log(1 - q)
    found = [quantile(row, q) for row in times]
    share = np.mean([f.low <= truth <= f.high for f in found])
    assert 0.94 < share < 0.995


def test_the_ratios_interval_is_of_whole_rounds():
    """A disturbance that hits whole rounds leaves the ratio alone."""
    slow = np.random.default_rng(0).choice([1.0, 10.0], size=200)
    found = ratio(3 * slow, slow)
    assert (found.value, found.low, found.high) == (3, 3, 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models")
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).eval()
    to_onnx(model, path / "model.onnx", torch.randn(2, 1, 8, 8))
    (path / "bad.onnx").write_text("no model")
    torch.export.save(torch.export.export(model, (torch.randn(2, 1, 8, 8),)), path / "model.pt2")
    (path / "my_models.py").write_text(
        "from torch import nn\n"
        "model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))\n"
        "def make():\n    return model\n"
        "def plus_one(x):\n    return x + 1\n"
        "def broken():\n    raise RuntimeError('no weights')\n"
        "number = 3\n"
    )
    return path


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    return folder


def test_the_program_measures_files_and_names(here, capsys):
    names = ["model.onnx", "my_models:model", "my_models:make", "my_models:plus_one"]
    options = ["--rounds", "30", "--warm-up", "1", "--json", "out.json"]
    assert main([*names, *options]) == 0
    seen = capsys.readouterr().out
    assert "rounds" in seen and "input float32 (1, 1, 8, 8)" in seen
    assert all(name in seen for name in names)
    written = json.loads((here / "out.json").read_text())
    assert set(written["candidates"]) == set(names)
    first = written["candidates"]["model.onnx"]
    assert len(first["seconds"]) == 30 and first["p99"]["high"] is None
    assert first["p50"]["value"] > 0 and written["machine"]


def test_a_program_of_torch_export_and_an_input_of_ones_own(here, capsys):
    np.save("x.npy", np.zeros((2, 1, 8, 8), np.float32))
    assert main(["model.pt2", "--input", "x.npy", "--rounds", "5", "--quiet"]) == 0
    seen = capsys.readouterr().out
    assert "(2, 1, 8, 8)" in seen and "|" not in seen


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["missing.onnx"], "There is no file missing.onnx"),
        (["missing.pt2"], "There is no such file"),
        (["bad.onnx"], "onnxruntime cannot run bad.onnx"),
        (["model.txt"], "ends in .onnx or .pt2, or package.module:name"),
        (["no_module:model"], "No module named 'no_module'. Is the folder"),
        (["my_models:nothing"], "has no attribute 'nothing'"),
        (["my_models:number"], "is int; expected an nn.Module"),
        (["my_models:broken"], "raised RuntimeError: no weights"),
        (["my_models:model"], "give --shape"),
        (["model.onnx", "--shape", "1,3,8,8"], "shape (batch, 1, 8, 8), and got (1, 3, 8, 8)"),
        (["model.onnx", "--shape", "1,8,8"], "got (1, 8, 8)"),
        (["my_models:model", "--shape", "1,3,8,8"], "it raised RuntimeError"),
        (["model.onnx", "--input", "missing.npy"], "--input missing.npy"),
        (["model.onnx", "--json", "nowhere/latency.json"], "There is no such folder"),
    ],
)
def test_what_cannot_be_measured_is_told(here, capsys, arguments, words):
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("rounds, told", [(5, True), (368, False)])
def test_too_few_rounds_are_told(here, capsys, rounds, told):
    assert main(["model.onnx", "--rounds", str(rounds), "--quiet"]) == 0
    seen = capsys.readouterr().out
    assert ("?" in seen) == ("p99 takes 368 or more" in seen) == told


@pytest.mark.parametrize("wrong", [["--shape", "1,x"], ["--rounds", "0"], ["--batch", "-1"]])
def test_options_that_are_no_numbers(here, capsys, wrong):
    with pytest.raises(SystemExit):
        main(["model.onnx", *wrong])
    assert "expected" in capsys.readouterr().err


def test_open_sizes_besides_the_batch_need_a_shape(here):
    candidate = open_candidate("model.onnx")
    assert input_for({"m": candidate}, None, 3).shape == (3, 1, 8, 8)
    from dataclasses import replace

    open_sizes = replace(candidate, shape=("batch", 1, "height", 8))
    with pytest.raises(CandidateError, match="sizes that are open"):
        input_for({"m": open_sizes}, None, 3)
    try_out(candidate, input_for({"m": open_sizes}, (2, 1, 8, 8), 1))
    other = replace(candidate, dtype="float64")
    with pytest.raises(CandidateError, match="different types: float32, float64"):
        input_for({"m": candidate, "n": other}, (2, 1, 8, 8), 1)


def test_a_module_is_measured_in_eval_mode(here):
    candidate = open_candidate("my_models:model")
    import my_models

    assert not my_models.model.training
    try_out(candidate, np.zeros((1, 1, 8, 8), np.float32))
    assert my_models.model[1].num_batches_tracked == 0


def test_latency_of_equal_candidates_is_a_ratio_near_one():
    """Real time, wide margins: the same work twice."""
    a = np.ones((60, 60))
    found = measure({"a": lambda: a @ a, "b": lambda: a @ a}, rounds=200)
    assert isinstance(found, Latency) and 0.5 < found.ratio("b").value < 2
