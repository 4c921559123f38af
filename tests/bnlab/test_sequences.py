"""Sentences, their normalisers, the transformer that reads them, and its training."""

import copy
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from bnlab.digits import digits
from bnlab.sequences import (
    NORMS,
    Reader,
    digit_accuracy,
    fit,
    loss_per_word,
    pad,
    remeasured,
    text,
    token_norm,
)
from bnlab.sequences.loop import batches, next_word_loss
from bnlab.sequences.picture import draw_padded
from bnlab.sequences.sentences import END, INK, PADDING, START

TOKENWISE = ["ln", "rms", "dyt", "none"]


def test_a_sentence_lists_the_dark_pixels_in_reading_order():
    data, images = text(), digits().x_train
    assert len(data.train) == 1437 and len(data.test) == 360
    assert {5, 24} == {f(map(len, data.train + data.test)) for f in (min, max)}
    for sentence, image in zip(data.train[:50], images, strict=False):
        drawn = np.zeros(64, bool)
        drawn[sentence.numpy() - 1] = True
        assert np.array_equal(drawn, image >= INK)
        assert (sentence.diff() > 0).all()


def test_a_framed_sentence_has_a_start_and_an_end():
    plain, framed = text().train[3], text(framed=True).train[3]
    assert framed.tolist() == [START, *plain.tolist(), END]


def test_padding_fills_up_to_the_longest_or_to_a_length():
    sentences = [torch.tensor([3, 4]), torch.tensor([5])]
    assert pad(sentences).tolist() == [[3, 4], [5, PADDING]]
    assert pad(sentences, 4).tolist() == [[3, 4, 0, 0], [5, 0, 0, 0]]
    with pytest.raises(ValueError, match="2 words, more than length = 1"):
        pad(sentences, 1)


@pytest.fixture
def x_and_real():
    torch.manual_seed(0)
    real = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]], dtype=torch.bool)
    return 3 + torch.randn(3, 4, 8), real


def standardised(rows):
    return (rows - rows.mean(0)) / (rows.var(0, correction=0) + 1e-5).sqrt()


def test_padded_batch_norm_counts_every_position(x_and_real):
    x, real = x_and_real
    y = token_norm("bn", 8)(x, real)
    torch.testing.assert_close(y.flatten(0, 1), standardised(x.flatten(0, 1)))


def test_masked_batch_norm_counts_real_words_only(x_and_real):
    x, real = x_and_real
    y = token_norm("masked bn", 8)(x, real)
    torch.testing.assert_close(y[real], standardised(x[real]))
    assert not y[~real].any()
    x[~real] = 1e6
    assert torch.equal(token_norm("masked bn", 8)(x, real), y)


@pytest.mark.parametrize("norm", TOKENWISE)
def test_a_norm_of_each_token_sees_that_token_alone(norm, x_and_real):
    x, real = x_and_real
    layer = token_norm(norm, 8)
    y = layer(x, real)
    alone = layer(x[1:2, 1:2], real[1:2, 1:2])
    torch.testing.assert_close(y[1:2, 1:2], alone, rtol=0, atol=0)


def test_another_name_is_refused():
    with pytest.raises(ValueError, match="norm is 'batch'; expected one of 'bn'"):
        token_norm("batch", 8)


@pytest.mark.parametrize("post", [False, True])
@pytest.mark.parametrize("norm", [*TOKENWISE, "masked bn"])
def test_more_padding_changes_no_answer(norm, post):
    model, sentences = Reader(norm=norm, post=post), text().train[:6]
    with torch.no_grad():
        short, long = model(pad(sentences)), model(pad(sentences, 40))
    torch.testing.assert_close(short, long, rtol=1e-4, atol=1e-5)


def moved(norm, causal, change):
    """How far the first outputs of a model in training mode move when the tokens are changed."""
    model = Reader(norm=norm, causal=causal)
    tokens = pad(text(framed=causal).train[:4])
    other = change(tokens.clone())
    with torch.no_grad():
        a, b = model(tokens), model(other)
    return (a[0] - b[0]).abs().amax(-1) if causal else (a[0] - b[0]).abs().max()


def test_padding_moves_batch_norm():
    def longer(tokens):
        return torch.nn.functional.pad(tokens, (0, 16), value=PADDING)

    assert moved("bn", False, longer) > 0.1


def last_word(tokens):
    tokens[0, (tokens[0] != PADDING).sum() - 2] = 64  # the word before END
    return tokens


@pytest.mark.parametrize("norm", TOKENWISE)
def test_a_causal_model_with_a_norm_per_token_does_not_see_the_future(norm):
    assert moved(norm, True, last_word)[0] == 0


@pytest.mark.parametrize("norm", ["bn", "masked bn", "gn"])
def test_statistics_over_time_see_the_future(norm):
    assert moved(norm, True, last_word)[0] > 1e-3


def test_every_norm_has_been_looked_at():
    assert set(NORMS) == {*TOKENWISE, "bn", "masked bn", "gn"}


def test_post_norm_ends_normalised_and_pre_norm_keeps_a_residual_stream():
    tokens = pad(text().train[:8])
    real = tokens != PADDING
    for post, wanted in ((True, True), (False, False)):
        model = Reader(post=post)
        seen = []
        model.blocks[-1].register_forward_hook(lambda m, i, out, seen=seen: seen.append(out))
        with torch.no_grad():
            model(tokens)
        var = seen[0][real].var(-1, correction=0)
        assert torch.allclose(var, torch.ones(()), atol=1e-3) is wanted


def test_weights_and_training_follow_from_the_seed():
    losses = [fit(Reader(1, 16, seed=s), lr=1e-2, steps=4, seed=s) for s in (1, 1, 2)]
    assert np.array_equal(losses[0], losses[1]) and not np.array_equal(losses[0], losses[2])
    assert losses[0].shape == (4,)


@pytest.mark.parametrize(("warmup", "share"), [(0, 1.0), (1, 1.0), (10, 0.1)])
def test_the_first_step_of_adam_is_the_learning_rate_of_the_warm_up(warmup, share):
    model = Reader(1, 16)
    before = model.head.weight.detach().clone()
    fit(model, lr=1e-2, steps=1, warmup=warmup)
    step = (model.head.weight - before).abs().median().item()
    assert step == pytest.approx(share * 1e-2, rel=1e-3)


@pytest.mark.parametrize("by_length", [False, True])
def test_an_epoch_holds_every_row_once(by_length):
    lengths = torch.arange(30) % 10
    order = torch.Generator().manual_seed(0)
    parts = list(itertools.islice(batches(lengths, 6, by_length, order), 5))
    assert sorted(torch.cat(parts).tolist()) == list(range(30))
    spreads = [(lengths[part].max() - lengths[part].min()).item() for part in parts]
    assert (max(spreads) <= 2) is by_length


def test_training_learns_both_tasks():
    reader = Reader(1)
    fit(reader, lr=5e-3, steps=100)
    assert digit_accuracy(reader) > 0.7
    writer = Reader(1, causal=True)
    start = loss_per_word(writer)
    fit(writer, lr=5e-3, steps=60)
    assert loss_per_word(writer) < 0.5 * start


def test_the_loss_per_word_is_the_mean_over_real_words():
    model, sentences = Reader(1, causal=True), text(framed=True).test
    values = [next_word_loss(model, s[None], "sum").item() for s in sentences[:360]]
    mean = sum(values) / sum(len(s) - 1 for s in sentences)
    for size in (1, 7, 360):
        assert loss_per_word(model, size) == pytest.approx(mean, rel=1e-5)


def test_remeasured_statistics_are_those_of_the_padded_sentences():
    model = Reader(1, 8, norm="bn")
    with torch.no_grad():
        tokens = pad(text().train[:1408], 30)
        x = model.embedding(tokens).flatten(0, 1)
    fresh = remeasured(model, 30)
    torch.testing.assert_close(fresh.blocks[0].norms[0].running_mean, x.mean(0), atol=1e-5, rtol=0)
    assert not model.blocks[0].norms[0].running_mean.any()
    masked = Reader(1, 8, norm="masked bn")
    a, b = (remeasured(masked, length).blocks[0].norms[0].running_var for length in (24, 60))
    torch.testing.assert_close(a, b)


def test_looking_changes_nothing():
    model = Reader(1, norm="bn", causal=True)
    before = copy.deepcopy(model.state_dict())
    loss_per_word(model, 8, training=True)
    assert model.training and all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize(
    ("fill", "filled"),
    [
        (dict(words=True, padding=True), 6),
        (dict(words=True, padding=False), 4),
        (dict(words=True, padding=True, only=(1, 0)), 1),
    ],
)
def test_the_picture_fills_what_shares_a_statistic(fill, filled):
    fig, ax = plt.subplots()
    draw_padded(ax, [3, 1], "red", **fill)
    boxes = [p for p in ax.patches if p.get_facecolor()[:3] == (1.0, 0.0, 0.0)]
    dotted = [p for p in ax.patches if p.get_linestyle() == ":"]
    plt.close(fig)
    assert len(ax.patches) == 6 and len(dotted) == 2
    assert len([p for p in boxes if p.get_facecolor()[3] > 0]) == filled
