"""One run: seeded, honest about divergence, and the same after a break."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bnlab.training import accuracy, cnn, load, mlp, train
from bnlab.training import loop as loop_module


def test_it_is_sgd_on_shuffled_batches():
    """The same steps, written out with the plain rule p ← p − lr·gradient."""
    run = train(mlp(1, 16, seed=3), lr=0.2, epochs=1, batch_size=500, seed=5)
    model, (x, y) = mlp(1, 16, seed=3), load().flat().part("train")
    order = torch.randperm(1437, generator=torch.Generator().manual_seed(1005))
    losses = []
    for rows in order[:1000].split(500):  # the last 437 are dropped
        loss = F.cross_entropy(model(x[rows]), y[rows])
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for p, g in zip(model.parameters(), gradients, strict=True):
                p -= 0.2 * g
        losses.append(loss.item())
    assert run.losses == pytest.approx(losses, rel=1e-6)


def test_same_seed_same_run_and_other_seed_another():
    a, b, c = (train(mlp(2, 16, seed=0), 0.1, epochs=1, seed=s).losses for s in (0, 0, 1))
    assert a == b and a != c


class Stopped(Exception):
    pass


def dropout_net():
    return nn.Sequential(mlp(2, 16, dropout=0.3, seed=1), nn.BatchNorm1d(10))


OPTIONS = dict(lr=0.1, batch_size=128, momentum=0.9, weight_decay=1e-3, seed=2, watch=True)


def test_a_run_that_was_interrupted_ends_as_if_it_had_not_been(tmp_path):
    whole = train(dropout_net(), epochs=4, **OPTIONS)

    def stop(step, model):
        if step == 30:  # in the third epoch of 11 steps
            raise Stopped

    file = tmp_path / "deep" / "run.pt"
    with pytest.raises(Stopped):
        train(dropout_net(), epochs=4, checkpoint=file, each_step=stop, **OPTIONS)
    torch.manual_seed(999)  # whatever happened in between
    resumed = train(dropout_net(), epochs=4, checkpoint=file, **OPTIONS)
    assert resumed.losses == whole.losses and resumed.accuracy == whole.accuracy
    assert resumed.gradient_norms == whole.gradient_norms
    for a, b in zip(
        whole.model.state_dict().values(), resumed.model.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b)
    again = train(dropout_net(), epochs=4, checkpoint=file, **OPTIONS)  # finished: nothing to do
    assert again.losses == whole.losses
    longer = train(dropout_net(), epochs=5, checkpoint=file, **OPTIONS)
    assert longer.losses[: len(whole.losses)] == whole.losses and len(longer.losses) == 55


def test_a_break_while_writing_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    file = tmp_path / "run.pt"
    train(mlp(1, 16), 0.1, epochs=1, checkpoint=file)
    before = file.read_bytes()

    def half(state, path):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(loop_module.torch, "save", half)
    with pytest.raises(OSError, match="disk full"):
        train(mlp(1, 16), 0.1, epochs=2, checkpoint=file)
    assert file.read_bytes() == before


def test_a_checkpoint_of_another_run_or_no_checkpoint_is_refused(tmp_path):
    file = tmp_path / "run.pt"
    train(mlp(1, 16), 0.1, epochs=1, checkpoint=file)
    with pytest.raises(ValueError, match=r"belongs to another run, with lr = 0\.1\. Delete"):
        train(mlp(1, 16), 0.3, epochs=1, checkpoint=file)
    file.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="cannot be read as a checkpoint"):
        train(mlp(1, 16), 0.1, epochs=1, checkpoint=file)


def test_divergence_stops_the_run_and_counts_as_a_guess():
    run = train(mlp(3, 32, "none", init="he"), lr=1e6, epochs=2)
    assert run.diverged and run.accuracy == 0.1 and len(run.losses) < 44
    assert np.isfinite(run.losses).all()


def test_gradient_norms_are_those_of_the_step():
    seen = []

    def norms(step, model):
        seen.append(
            [
                m.weight.grad.norm().item()
                for m in model
                if hasattr(m, "kernel_size") or isinstance(m, nn.Linear)
            ]
        )

    model = nn.Sequential(
        *[m for m in cnn("none") if not isinstance(m, nn.AdaptiveAvgPool2d)][:-1],
        nn.Linear(128, 10),
    )
    run = train(model, 0.01, epochs=1, batch_size=256, data=load(), watch=True, each_step=norms)
    assert run.gradient_norms == seen and np.shape(seen) == (5, 4)
    assert train(mlp(1, 16), 0.1, epochs=1).gradient_norms == []


def test_accuracy_is_measured_in_eval_mode_and_restores_modes():
    model = train(mlp(2, 16), 0.1, epochs=1).model
    model[1].eval()  # a frozen layer in a training model
    before = {k: v.clone() for k, v in model.state_dict().items()}
    x, y = load().flat().part("test")
    got = accuracy(model)
    assert model.training and not model[1].training and model[4].training
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert got == (model.eval()(x).argmax(1) == y).float().mean().item() == pytest.approx(got)


def test_accuracy_of_a_part(tmp_path):
    data = load().flat().hold_out(300)
    assert accuracy(mlp(1, 16), data, "valid") * 300 == pytest.approx(
        round(accuracy(mlp(1, 16), data, "valid") * 300)
    )
    with pytest.raises(ValueError, match="valid part is empty"):
        accuracy(mlp(1, 16), part="valid")


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ValueError, match="only 1437"):
        train(mlp(1, 16), 0.1, batch_size=2000)


def test_the_progress_bar_goes_to_standard_output(capsys):
    train(mlp(1, 16), 0.1, epochs=2, progress=True)
    captured = capsys.readouterr()
    assert "epochs" in captured.out and "2/2" in captured.out and captured.err == ""


def test_a_page_has_no_progress_bar(capsys, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")  # as the book's extension sets it
    train(mlp(1, 16), 0.1, epochs=2, progress=True)
    assert capsys.readouterr() == ("", "")
