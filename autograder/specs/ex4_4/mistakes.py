"""4.4 The sweep: wrong sweeps that learners write, and what to tell them."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from autograder.spec import Mistake
from autograder.specs.ex4_4.answers import Sweeper, batches, sweeps
from autograder.specs.ex4_4.conclude_mistakes import OF_CONCLUDE


def _kept_model(self, build, norm, seed, rate, seeds):
    """One network for all rates of a norm and a seed."""
    key = norm, seed
    if getattr(self, "key", None) != key:
        self.key, self.kept = key, build(norm, seed)
    return self.kept


def _joined(*parts):
    return tuple(torch.cat(both) for both in zip(*parts, strict=True))


def _with_the_rest(self, n, epochs, seed, seeds):
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        yield from torch.randperm(n, generator=order).split(32)


def _one_order(self, n, epochs, seed, seeds):
    return list(batches(n, 1, seed)) * epochs


def _global_order(self, n, epochs, seed, seeds):
    torch.manual_seed(0)
    for _ in range(epochs):
        yield from (rows for rows in torch.randperm(n).split(32) if len(rows) == 32)


def _training_mode(self, model, valid_set, test_set):
    return [self.accuracy(model, *part) for part in (valid_set, test_set)]


def _test_in_training_mode(self, model, valid_set, test_set):
    model.eval()
    valid = self.accuracy(model, *valid_set)
    model.train()
    return valid, self.accuracy(model, *test_set)


def _in_eval_mode(self, model, x, y, rate, steps, valid_set, test_set):
    """Evaluates after each epoch and does not go back to training mode."""
    steps, epoch = list(steps), len(x) // 32
    optimiser = torch.optim.SGD(model.parameters(), lr=rate)
    for number, rows in enumerate(steps, 1):
        loss = F.cross_entropy(model(x[rows]), y[rows])
        if not torch.isfinite(loss):
            return False
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if number % epoch == 0:
            model.eval()
    return True


def _accumulated(self, model, x, y, rate, steps, valid_set, test_set):
    optimiser = torch.optim.SGD(model.parameters(), lr=rate)
    for rows in steps:
        loss = F.cross_entropy(model(x[rows]), y[rows])
        if not torch.isfinite(loss):
            return False
        loss.backward()
        optimiser.step()
    return True


class _Best(Sweeper):
    """The best accuracies of any epoch."""

    def fit(self, model, x, y, rate, steps, valid_set, test_set):
        steps, epoch, self.best = list(steps), len(x) // 32, (0.0, 0.0)
        for start in range(0, len(steps), epoch):
            part = steps[start : start + epoch]
            if not super().fit(model, x, y, rate, part, valid_set, test_set):
                return False
            model.eval()
            now = [self.accuracy(model, *s) for s in (valid_set, test_set)]
            self.best = tuple(map(max, self.best, now))
        return True

    def accuracies(self, model, valid_set, test_set):
        return self.best


@torch.no_grad()
def _mean_of_batches(self, model, x, y):
    pieces = zip(x.split(64), y.split(64), strict=True)
    return float(np.mean([(model(a).argmax(1) == b).float().mean().item() for a, b in pieces]))


def _on_training_images(self, model, x, y, rate, steps, valid_set, test_set):
    self.seen = x, y
    return Sweeper.fit(self, model, x, y, rate, steps, valid_set, test_set)


def _as_it_is(self, model, valid_set, test_set):
    return self.accuracies(model, valid_set, test_set)


def _transposed(*axes):
    def results(self, norms, rates, valid, test):
        turned = (np.transpose(a, axes) for a in (valid, test))
        return Sweeper.results(self, norms, rates, *turned)

    return results


def _percent(self, norms, rates, valid, test):
    return Sweeper.results(self, norms, rates, 100 * valid, 100 * test)


OF_SWEEP = (
    Mistake(
        "eval mode forgotten",
        "The images are classified in training mode: batch norm then uses the statistics of the "
        "very images that it is asked about, and its running statistics move. Call "
        "model.eval() before you evaluate.",
        sweeps(accuracies=_training_mode),
    ),
    Mistake(
        "test images in training mode",
        "The test images are classified in training mode, the validation images in eval mode. "
        "Both need model.eval().",
        sweeps(accuracies=_test_in_training_mode),
    ),
    Mistake(
        "trained in eval mode",
        "After the first epoch the network goes on training in eval mode. Call model.train() again "
        "once you have evaluated.",
        sweeps(fit=_in_eval_mode),
    ),
    Mistake(
        "network kept between rates",
        "One network goes through all rates: each run goes on where the one before stopped. Call "
        "build(norm, seed) anew for every run.",
        sweeps(model=_kept_model),
    ),
    Mistake(
        "first seed for every network",
        "All networks are built with the first seed, so the spread over seeds shows the order of "
        "the batches alone. Call build(norm, seed) with the seed of the run.",
        sweeps(model=lambda self, build, norm, seed, rate, seeds: build(norm, seeds[0])),
    ),
    Mistake(
        "first seed for every order",
        "The order of the batches does not follow the seed of the run: call batches(…, seed) "
        "with it.",
        sweeps(steps=lambda self, n, epochs, seed, seeds: batches(n, epochs, seeds[0])),
    ),
    Mistake(
        "order from the global generator",
        "The order of the batches comes from torch.randperm without a generator, or from one with "
        "another seed. Take it from batches(…, seed).",
        sweeps(steps=_global_order),
    ),
    Mistake(
        "one order for all epochs",
        "Every epoch uses the same order. `batches` draws a new one for each epoch: go through it "
        "once, with the number of epochs.",
        sweeps(steps=_one_order),
    ),
    Mistake(
        "last batch kept",
        "The last, smaller batch of an epoch is used too. `batches` drops it: with a few images "
        "the statistics of batch norm are poor, with a single one there are none.",
        sweeps(steps=_with_the_rest),
    ),
    Mistake(
        "validation images in training",
        "The network is trained on the validation images too. Then they no longer tell how it "
        "does on images that it has not seen.",
        sweeps(images=lambda self, train_set, valid_set, test_set: _joined(train_set, valid_set)),
    ),
    Mistake(
        "test images in training",
        "The network is trained on the test images too. Then nothing is left to test it with.",
        sweeps(images=lambda self, train_set, valid_set, test_set: _joined(train_set, test_set)),
    ),
    Mistake(
        "gradients accumulated",
        "The gradients of all steps add up: zero_grad() is missing in the loop.",
        sweeps(fit=_accumulated),
    ),
    Mistake(
        "best epoch reported",
        "The accuracies are the best of any epoch, each for itself. That is the maximum of several "
        "noisy numbers. Report what the network does after its last step.",
        (_Best(), sweeps()[1]),
    ),
    Mistake(
        "mean over batches",
        "An accuracy is the mean of the accuracies of batches, so an image in the small last batch "
        "counts more than the others. Count right answers, and divide once.",
        sweeps(accuracy=_mean_of_batches),
    ),
    Mistake(
        "validation and test exchanged",
        "`valid` and `test` are exchanged.",
        sweeps(
            results=lambda self, norms, rates, valid, test: Sweeper.results(
                self, norms, rates, test, valid
            )
        ),
    ),
    Mistake(
        "training accuracy for validation",
        "`valid` holds the accuracy on the training images.",
        sweeps(
            fit=_on_training_images,
            accuracies=lambda self, model, valid_set, test_set: Sweeper.accuracies(
                self, model, self.seen, test_set
            ),
        ),
    ),
    Mistake(
        "test accuracy in both",
        "`valid` holds the test accuracy. Then the rate is chosen on the test images.",
        sweeps(
            accuracies=lambda self, model, valid_set, test_set: Sweeper.accuracies(
                self, model, test_set, test_set
            )
        ),
    ),
    Mistake(
        "accuracy for a diverged run",
        "A run whose loss stopped being finite has an accuracy, a guess or what the network "
        "answers: the largest of ten NaN is the first, so it seems to get the zeros right. "
        "Nothing was measured: its accuracies are NaN.",
        sweeps(diverged=_as_it_is),
    ),
    Mistake(
        "axes: norms, seeds, rates",
        "The axes are norms, seeds, rates. They are norms, rates, seeds.",
        sweeps(results=_transposed(0, 2, 1)),
    ),
    Mistake(
        "axes: rates, norms, seeds",
        "The axes are rates, norms, seeds. They are norms, rates, seeds.",
        sweeps(results=_transposed(1, 0, 2)),
    ),
    Mistake(
        "axes: seeds, norms, rates",
        "The axes are seeds, norms, rates. They are norms, rates, seeds.",
        sweeps(results=_transposed(2, 0, 1)),
    ),
    Mistake(
        "percent",
        "The accuracies are in percent. They are shares, from 0 to 1.",
        sweeps(results=_percent),
    ),
)

MISTAKES = OF_SWEEP + OF_CONCLUDE
