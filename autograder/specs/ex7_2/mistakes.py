"""7.2 A run and its record: what learners get wrong, and what to tell them."""

from __future__ import annotations

import torch
from torch import nn

from autograder.spec import Mistake
from autograder.specs.ex7_2.answers import Fitter, batches, variant


def _accumulated(self, model, optimiser, loss):
    loss.backward()


def _all_layers(self, model):
    return [m for m in model.modules() if getattr(m, "weight", None) is not None]


def _all_parameters(self, model, rate):
    return [p.grad.norm().item() for p in model.parameters()]


def _one_number(self, model, rate):
    norms = torch.stack([layer.weight.grad.norm() for layer in self.layers(model)])
    return [norms.norm().item()]


def _clipped(self, model, rate):
    return [
        nn.utils.clip_grad_norm_(layer.weight, max_norm=1.0).item() for layer in self.layers(model)
    ]


def _after_zero(self, model, rate):
    model.zero_grad(set_to_none=False)
    return Fitter.norms(self, model, rate)


def _after_the_step(self, loss, model, x, y):
    return Fitter.loss(self, model, x, y).item()


def _with_the_rest(self, n, epochs, seed):
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        yield torch.randperm(n, generator=order).split(32)


def _one_order(self, n, epochs, seed):
    return list(batches(n, 1, seed)) * epochs


def _new_generator(self, n, epochs, seed):
    for epoch in range(epochs):
        yield from batches(n, 1, seed + epoch)


def _validate_each_step(self, record, model, optimiser, valid_set):
    record["valid"] += Fitter.validated(self, model, valid_set)


def _keep_broken_loss(self, record, loss, optimiser):
    record["loss"].append(loss.item())


def _nothing(self, *arguments):
    """Left out."""


def _mean_of_pieces(self, model, x, y):
    with torch.no_grad():
        pieces = zip(x.split(32), y.split(32), strict=True)
        shares = [(model(a).argmax(1) == b).double().mean() for a, b in pieces]
        return torch.stack(shares).mean().item()


class _EpochMeans(Fitter):
    def __call__(self, *arguments):
        record = super().__call__(*arguments)
        epochs = len(record["valid"])
        if epochs and not record["diverged"]:
            steps = len(record["loss"]) // epochs
            losses = torch.tensor(record["loss"], dtype=torch.float64)
            record["loss"] = losses.view(epochs, steps).mean(1).tolist()
        return record


MISTAKES = (
    Mistake(
        "validated in training mode",
        "The validation images are classified in training mode: batch norm then uses their own "
        "statistics, and the running statistics move with them. torch.no_grad() does not prevent "
        "this; model.eval() does.",
        variant(before_validation=_nothing),
    ),
    Mistake(
        "eval mode never left",
        "After the first validation the network goes on training in eval mode: batch norm uses "
        "frozen statistics. Call model.train() again.",
        variant(after_validation=_nothing),
    ),
    Mistake(
        "gradients accumulated",
        "The gradients of all steps add up: zero_grad() is missing in the loop.",
        variant(gradients=_accumulated),
    ),
    Mistake(
        "norms after zero_grad",
        "The gradients are set to zero before their norms are read, so the norms are 0 and the steps "
        "change nothing. Read them between backward() and step().",
        variant(norms=_after_zero),
    ),
    Mistake(
        "batch norm's γ among the layers",
        "The norms include γ of the batch norms. Asked for are the convolutions and the linear layers.",
        variant(layers=_all_layers),
    ),
    Mistake(
        "biases among the norms",
        "There is a norm for each parameter, biases and γ included. Asked for is one for each "
        "convolution and linear layer, of its weight.",
        variant(norms=_all_parameters),
    ),
    Mistake(
        "one norm for all layers",
        "There is one norm for the whole network. A layer without gradient does not show in it: "
        "asked for is one for each layer.",
        variant(norms=_one_number),
    ),
    Mistake(
        "norm squared",
        "The norms are squares: the root is missing.",
        variant(norm=lambda self, layer: layer.weight.grad.square().sum().item()),
    ),
    Mistake(
        "mean in place of a norm",
        "The mean of the gradient's entries is no norm: plus and minus cancel. Take the root of the sum of "
        "squares.",
        variant(norm=lambda self, layer: layer.weight.grad.mean().item()),
    ),
    Mistake(
        "norms of the weights",
        "The norms are those of the weights, not of their gradients: `layer.weight.grad`.",
        variant(norm=lambda self, layer: layer.weight.norm().item()),
    ),
    Mistake(
        "norms of the steps",
        "The norms are multiplied by the learning rate. Then arms with different rates cannot be "
        "compared: record the gradient.",
        variant(
            norms=lambda self, model, rate: [
                rate * norm for norm in Fitter.norms(self, model, rate)
            ]
        ),
    ),
    Mistake(
        "clipped while measuring",
        "clip_grad_norm_ returns the norm, and shrinks every gradient that is longer than its limit. The "
        "run is then another one. Measure with `.norm()`.",
        variant(norms=_clipped),
    ),
    Mistake(
        "last layer first",
        "The layers are in reverse order. They go from input to output.",
        variant(norms=lambda self, model, rate: Fitter.norms(self, model, rate)[::-1]),
    ),
    Mistake(
        "loss after the step",
        "The loss is computed again after the step. It costs a forward pass, and in training mode moves "
        "the running statistics a second time. Record the loss that gave the gradient.",
        variant(noted=_after_the_step),
    ),
    Mistake(
        "loss of an epoch",
        "`loss` has a mean for each epoch. Asked for is a number for each step: a run that breaks "
        "does so within an epoch.",
        (_EpochMeans(),),
    ),
    Mistake(
        "last batch kept",
        "The last, smaller batch of an epoch is used too. `batches` drops it: a single image gives no "
        "statistics.",
        variant(order=_with_the_rest),
    ),
    Mistake(
        "one order for all epochs",
        "Every epoch uses the same order. `batches` draws a new one for each.",
        variant(order=_one_order),
    ),
    Mistake(
        "generator made anew each epoch",
        "`batches` is called once for each epoch, with another seed each time. Call it once with the "
        "number of epochs, so that the orders of both arms are those of the course.",
        variant(order=_new_generator),
    ),
    Mistake(
        "step with a broken loss",
        "The loss is not finite and the run goes on: from the next step on all weights are NaN. Stop "
        "before that step.",
        variant(stops=lambda self, loss: False),
    ),
    Mistake(
        "broken loss recorded",
        "The loss that is not finite is in `loss`, but no norm goes with it. The record holds the "
        "steps that were made.",
        variant(stopped=_keep_broken_loss),
    ),
    Mistake(
        "validated after each step",
        "`valid` has an entry for each step. Asked for is one for each epoch.",
        variant(after_step=_validate_each_step, validated=lambda self, model, valid_set: []),
    ),
    Mistake(
        "mean over batches",
        "The accuracy is the mean of the accuracies of batches, so an image in the small last batch "
        "counts more. Count right answers, and divide once.",
        variant(share=_mean_of_pieces),
    ),
    Mistake(
        "percent",
        "The accuracies are in percent. They are shares, from 0 to 1.",
        variant(share=lambda self, model, x, y: 100 * Fitter.share(self, model, x, y)),
    ),
)
