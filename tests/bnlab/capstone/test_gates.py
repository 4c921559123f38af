"""The tools of the study of gates for batches of one."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from autograder.specs.ex10_2.answers import Right
from autograder.specs.ex10_3.answers import Right as Decide
from bnlab.capstone.gates import (
    Standardised,
    answers,
    arms,
    constant,
    each_its_own,
    first_layer_open,
    gated,
    gated_layers,
    learn_gates,
    networks,
    right,
    shifts,
    shuffled,
    with_gates,
)
from bnlab.training import cnn, load, train


@pytest.fixture(scope="module")
def data():
    return load()


@pytest.fixture(scope="module")
def trained(data):
    model = cnn("bn", seed=0)
    train(model, 0.1, epochs=2, data=data)
    return model.eval()


def test_each_image_has_a_contrast_and_a_brightness_of_its_own():
    x = torch.rand(300, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    moved = each_its_own(x, seed=1, contrast=2.0, brightness=0.25)
    factor = (moved[:, :, 1:] - moved[:, :, :1]) / (x[:, :, 1:] - x[:, :, :1])
    a = factor.flatten(1).median(1).values
    b = (moved - a.view(-1, 1, 1, 1) * x).flatten(1).median(1).values
    assert a.min() >= 0.499 and a.max() <= 2.001 and 0.4 < (a < 1).float().mean() < 0.6
    assert b.abs().max() <= 0.2501 and b.std() > 0.1
    assert torch.equal(moved, each_its_own(x, 1, 2.0, 0.25))
    assert not torch.equal(moved, each_its_own(x, 2, 2.0, 0.25))


def test_shut_gates_are_batch_norm_and_open_ones_instance_norm(trained, data):
    x = data.x_test[:40]
    model = gated(trained, Right)
    with torch.no_grad():
        same = with_gates(model, constant(0))(x)
        assert torch.allclose(same, trained(x), atol=1e-5)
        first = trained[0](x)
        bn = trained[1]
        own = F.instance_norm(first, weight=bn.weight, bias=bn.bias, eps=bn.eps)
        assert torch.allclose(with_gates(model, constant(1))[1](first), own, atol=1e-5)
        mixed = with_gates(model, first_layer_open)
        assert torch.allclose(mixed[1](first), own, atol=1e-5)
        assert mixed[4].gate_logit.sigmoid().max() < 1e-12
    assert isinstance(trained[1], nn.BatchNorm2d) and model.training is False


def test_a_layer_without_gates_is_refused(trained):
    with pytest.raises(TypeError, match="no gate_logit"):
        gated(trained, nn.BatchNorm2d)


def test_shuffling_keeps_the_shares_of_a_layer(trained):
    model = gated(trained, Right)
    with torch.no_grad():
        for layer in gated_layers(model):
            layer.gate_logit.copy_(torch.linspace(-2, 2, len(layer.gate_logit)))
    other = with_gates(model, shuffled(3))
    for mine, theirs in zip(gated_layers(model), gated_layers(other), strict=True):
        assert not torch.equal(mine.gate_logit, theirs.gate_logit)
        assert torch.equal(mine.gate_logit, theirs.gate_logit.sort().values)


def test_nothing_but_the_gates_learns(trained, data):
    before = gated(trained, Right)
    after = learn_gates(before, data, seed=0, steps=5)
    moved = {
        name
        for name, value in after.state_dict().items()
        if not torch.equal(value, before.state_dict()[name])
    }
    assert moved == {n for n in before.state_dict() if n.endswith("gate_logit")} and len(moved) == 3
    assert not after.training


def test_images_one_at_a_time_get_the_answers_they_get_together(trained, data):
    model, x = with_gates(gated(trained, Right), constant(0.5)), data.x_test[:50]
    assert torch.equal(answers(model, x, 1), answers(model, x, 50))
    assert right(model, x, answers(model, x)) == 1.0


def test_standardised_images_lose_contrast_and_brightness(trained, data):
    x = data.x_test[:30]
    with torch.no_grad():
        a, b = (Standardised(trained)(images) for images in (x, each_its_own(x, seed=0)))
    assert torch.allclose(a, b, atol=1e-2)


def accuracies(data, seeds):
    """Accuracy under the shift and without it, by arm and seed, as in the capstone's notebook."""
    x, y = data.part("test")
    images = shifts(x)
    found = {"clean": {}, "shifted": {}}
    for seed in seeds:
        for name, model in arms(networks(data, seed), Right, data, seed).items():
            for which, runs in found.items():
                runs.setdefault(name, {})[seed] = right(model, images[which], y)
    return found


def test_a_gate_helps_and_so_does_a_rule(data):
    found = accuracies(data, [0])
    seen = {name: runs[0] for name, runs in found["shifted"].items()}
    assert seen["learned gates"] > seen["running statistics"] + 0.08
    assert seen["first layer own"] > seen["running statistics"] + 0.08
    assert seen["own statistics"] < 0.2
    assert found["clean"]["learned gates"][0] > 0.93


@pytest.mark.slow
def test_ten_seeds_support_a_gate_but_not_that_nothing_simpler_does_as_well(data):
    found = accuracies(data, range(10))

    def verdict(*controls):
        return Decide()(found["shifted"], found["clean"], "learned gates", list(controls))

    helps = verdict("running statistics", "own statistics", "half and half")
    assert helps["verdict"] == "supported" and not helps["harmful"]
    assert verdict("running statistics", "learned without a shift")["verdict"] == "supported"
    simpler = verdict("running statistics", "standardised images", "group norm")
    assert simpler["verdict"] == "not supported"
    by_channel = verdict("running statistics", "shuffled gates", "first layer own")
    assert by_channel["verdict"] in ("not supported", "undecided")
    medians = {k: np.median(list(v.values())) for k, v in found["shifted"].items()}
    assert medians["learned gates"] > 0.92 and medians["running statistics"] < 0.8
    assert abs(medians["learned gates"] - medians["first layer own"]) < 0.03
    assert medians["standardised images"] > medians["learned gates"]
