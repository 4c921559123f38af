"""Export: parity with onnxruntime for any batch, modes, and what the graph holds."""

import logging
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from bnlab.norms.batch_norm import BatchNorm
from bnlab.shipping.export import (
    operators,
    parity,
    program,
    runner,
    session,
    to_onnx,
    weight_bytes,
    write_onnx,
)
from bnlab.shipping.quantise import functions, observed, quantise
from bnlab.shipping.quiet import quiet

X = torch.randn(64, 1, 8, 8, generator=torch.manual_seed(0)) * 2 + 1


def net(norm=nn.BatchNorm2d):
    """A small trained-looking network in eval mode."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), norm(4), nn.ReLU())
    model.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10)])
    for _ in range(20):
        model(X)
    return model.eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The network and its file, in three forms."""
    model, folder = net(), tmp_path_factory.mktemp("onnx")
    paths = {
        "optimised": to_onnx(model, folder / "a.onnx", X[:2]),
        "plain": to_onnx(model, folder / "b.onnx", X[:2], optimise=False),
        "int8": to_onnx(quantise(model, X.split(16)), folder / "c.onnx", X[:2]),
    }
    return model, paths


@pytest.mark.parametrize("form", ["optimised", "plain"])
@pytest.mark.parametrize("batch", [1, 2, 7, 64])
def test_another_runtime_gives_the_same(exported, form, batch):
    model, paths = exported
    assert parity(model, runner(paths[form]), X[:batch]) < 1e-5


def test_the_exporter_folds_the_batch_norm(exported):
    _, paths = exported
    assert operators(paths["plain"])["BatchNormalization"] == 1
    assert "BatchNormalization" not in operators(paths["optimised"])


def test_int8_is_smaller_and_close(exported):
    model, paths = exported
    assert "QuantizeLinear" in operators(paths["int8"])
    assert "BatchNormalization" not in operators(paths["int8"])
    assert weight_bytes(paths["int8"]) < weight_bytes(paths["optimised"])
    spread = model(X).detach().std()
    assert parity(model, runner(paths["int8"]), X) < 0.3 * spread


def test_training_mode_is_refused_and_shown(tmp_path):
    model = net(BatchNorm)  # its forward asks self.training
    model[1].train()
    with pytest.raises(ValueError, match="1 modules are in training mode, the first is '1'"):
        to_onnx(model, tmp_path / "a.onnx", X[:2])
    assert not (tmp_path / "a.onnx").exists()
    run = runner(write_onnx(model, tmp_path / "a.onnx", X[:2]))
    model.eval()
    assert parity(model, run, X[:8]) > 0.01
    alone, together = run(X[:1].numpy()), run(X[:8].numpy())[:1]
    assert np.abs(alone - together).max() > 0.01


def test_a_program_keeps_the_mode_that_it_was_exported_in():
    model = net()
    graph = program(model, X[:4]).module()
    assert functions(graph)[:3] == ["conv2d", "batch_norm", "relu"]
    torch.testing.assert_close(graph(X[:7]), model(X[:7]))
    model.train()
    graph = program(model, X[:4]).module()
    counted = graph.state_dict()["1.num_batches_tracked"].clone()
    graph(X[:7])
    assert graph.state_dict()["1.num_batches_tracked"] == counted + 1
    with pytest.raises(NotImplementedError):
        graph.eval()
    with pytest.raises(ValueError, match="2 or more"):
        program(model, X[:1])


def test_the_older_tracing_is_deprecated():
    with pytest.warns(DeprecationWarning, match="deprecated"):
        torch.jit.trace(torch.nn.ReLU(), X[:2])


def test_observers_stand_where_the_batch_norm_was():
    model = net()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    graph = observed(model, X[:4])
    assert "batch_norm" not in functions(graph)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    with pytest.raises(ValueError, match="training mode"):
        observed(model.train(), X[:4])
    with pytest.raises(ValueError, match="needs batches"):
        quantise(model.eval(), [])


def test_files_that_are_not_there_or_no_model(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file"):
        session(tmp_path / "missing.onnx")
    (tmp_path / "bad.onnx").write_text("no model")
    with pytest.raises(ValueError, match="cannot run"):
        session(tmp_path / "bad.onnx")


def test_quiet_is_over_afterwards(capfd):
    log = logging.getLogger("somebody")
    before = logging.root.manager.disable
    with pytest.raises(KeyError), quiet():
        log.warning("hidden")
        warnings.warn("hidden", stacklevel=1)
        raise KeyError
    assert logging.root.manager.disable == before
    log.warning("shown")
    seen = capfd.readouterr().err
    assert "hidden" not in seen
    with pytest.warns(UserWarning, match="shown"):
        warnings.warn("shown", stacklevel=1)
