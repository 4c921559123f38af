"""What chapter 6.4 says of trained networks, with more seeds than its page."""

import pytest
import torch

from bnlab.shipping.export import parity, runner, to_onnx, weight_bytes
from bnlab.shipping.fold import fold_all
from bnlab.shipping.quantise import quantise
from bnlab.training import cnn, load, train

SEEDS = range(10)


def right(answers, labels):
    return float((torch.as_tensor(answers).argmax(1) == labels).float().mean())


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_folded_exported_and_in_eight_bits(seed, tmp_path):
    data = load("digits")
    x_train, _ = data.part("train")
    x, y = data.part("test")
    model = train(cnn("bn", seed=seed), lr=0.1, epochs=3, data=data, seed=seed).model.eval()
    with torch.no_grad():
        want = model(x)
        assert (fold_all(model)(x) - want).abs().max() < 1e-5
    full = to_onnx(model, tmp_path / "full.onnx", x_train[:4])
    assert max(parity(model, runner(full), x[:n]) for n in (1, 2, 7, 64)) < 1e-5
    batches = x_train[:512].split(64)
    small = to_onnx(quantise(model, batches), tmp_path / "small.onnx", x_train[:4])
    assert abs(right(runner(small)(x.numpy()), y) - right(want, y)) < 0.015
    assert 3.5 < weight_bytes(full) / weight_bytes(small) < 4
    dark = quantise(model, [0.1 * batch for batch in batches])
    assert right(dark(x).detach(), y) < 0.6
