"""A sweep trains every arm at every value with every seed, and keeps what it has finished."""

import csv

import numpy as np
import pytest
from torch import nn

from bnlab.training import mlp, sweep, train
from bnlab.training.table import Table, spread_of

ARMS = {
    "BN": lambda seed: mlp(1, 16, seed=seed),
    "no norm": lambda seed: mlp(1, 16, "none", init="he", seed=seed),
}
FAST = dict(epochs=1, batch_size=256, progress=False)


def test_each_run_is_the_run_that_train_makes():
    results = sweep(ARMS, "lr", [0.01, 0.1], seeds=[3, 4], watch=True, **FAST)
    assert results.arms == ["BN", "no norm"] and results.accuracies("BN").shape == (2, 2)
    alone = train(mlp(1, 16, seed=4), lr=0.1, seed=4, epochs=1, batch_size=256)
    assert results["BN", 0.1][1].losses == alone.losses
    assert results.accuracies("BN")[1, 1] == alone.accuracy
    assert results.losses("BN", 0.1)[1].tolist() == alone.losses
    assert results.gradient_norms("no norm", 0.01).shape == (2, 5, 2)


def test_a_name_that_train_does_not_know_goes_to_the_builder():
    asked = []

    def build(seed, width):
        asked.append((seed, width))
        return mlp(1, width, seed=seed)

    sweep({"BN": build}, "width", [8, 16], seeds=range(2), lr=0.1, **FAST)
    assert sorted(asked) == [(0, 8), (0, 16), (1, 8), (1, 16)]


def test_an_option_per_value():
    results = sweep(
        {"BN": ARMS["BN"]},
        "batch_size",
        [64, 256],
        [0],
        lr={64: 0.01, 256: 0.1},
        epochs=1,
        progress=False,
    )
    assert results["BN", 64][0].losses == train(mlp(1, 16), lr=0.01, epochs=1).losses
    with pytest.raises(ValueError, match=r"lr has no entry for 256; it has \[64\]"):
        sweep(ARMS, "batch_size", [256], lr={64: 0.01}, progress=False)


def test_a_diverged_run_is_padded():
    results = sweep(
        {"none": lambda s: mlp(3, 32, "none", init="he")}, "lr", [0.01, 1e6], [0], **FAST
    )
    assert np.isfinite(results.losses("none", 0.01)).all()
    both = {"none": results["none", 0.01] + results["none", 1e6]}
    mixed = type(results)("lr", (0,), {("none", 0): both["none"]})
    assert np.isnan(mixed.losses("none", 0)[1]).any() and mixed.losses("none", 0).shape == (2, 5)


def test_a_stopped_sweep_goes_on_where_it_was(tmp_path):
    whole = sweep(ARMS, "lr", [0.01, 0.1], seeds=range(2), **FAST)
    built = []

    def counted(seed):
        built.append(seed)
        if len(built) == 3:
            raise KeyboardInterrupt
        return mlp(1, 16, seed=seed)

    with pytest.raises(KeyboardInterrupt):
        sweep(ARMS | {"BN": counted}, "lr", [0.01, 0.1], seeds=range(2), folder=tmp_path, **FAST)
    kept = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    assert len(kept) == 4  # both arms and values of the first seed
    resumed = sweep(ARMS, "lr", [0.01, 0.1], seeds=range(2), folder=tmp_path, **FAST)
    assert np.array_equal(resumed.accuracies("BN"), whole.accuracies("BN"))
    assert all(tmp_path.joinpath(name).stat().st_mtime_ns == then for name, then in kept.items())


def test_nothing_to_run_and_unknown_options():
    with pytest.raises(ValueError, match="nothing to run"):
        sweep(ARMS, "lr", [])
    with pytest.raises(TypeError, match="no option learning_rate"):
        sweep(ARMS, "lr", [0.1], learning_rate=1)


def test_the_table(tmp_path, capsys):
    table = sweep(
        {"a <b>": ARMS["BN"], "none": ARMS["no norm"]}, "lr", [0.01, 0.1], seeds=range(3), epochs=1
    ).table()
    assert "runs: 100%" in capsys.readouterr().out
    assert table.header == ["lr", "a <b>", "none"] and [row[0] for row in table.rows] == [
        "0.01",
        "0.1",
    ]
    assert repr(table).splitlines()[0].split() == ["lr", "a", "<b>", "none"]
    html = table._repr_html_()
    assert "a &lt;b&gt;" in html and html.count("<td>") == 4 and html.count('scope="row"') == 2
    table.save(tmp_path / "t.csv")
    with open(tmp_path / "t.csv", encoding="utf8") as file:
        assert list(csv.reader(file)) == [list(table.header), *map(list, table.rows)]


def test_the_range_is_in_small_print():
    html = Table(["lr", "BN"], [["0.1", "0.9 (0.8–1.0)"], ["1", "<0.5"]])._repr_html_()
    assert "<td>0.9 <small>(0.8–1.0)</small></td>" in html and "<td>&lt;0.5</td>" in html


def test_the_spread():
    assert spread_of([0.5, 0.25, 0.75]) == "0.500 (0.250–0.750)" and spread_of([0.5]) == "0.500"
    assert repr(Table(["a", "b"], [["x", "1"], ["long", "2"]])) == "a     b\nx     1\nlong  2"


def test_models_of_a_sweep_are_trained_ones():
    results = sweep({"BN": ARMS["BN"]}, "lr", [0.1], [0], **FAST)
    norm = next(m for m in results["BN", 0.1][0].model if isinstance(m, nn.BatchNorm1d))
    assert norm.num_batches_tracked == 5
