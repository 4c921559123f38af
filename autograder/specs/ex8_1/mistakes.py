"""8.1 A folded model and its file: what learners get wrong, and what to tell them."""

from __future__ import annotations

import torch
from torch import nn

from autograder.spec import Mistake
from autograder.specs.ex8_1.answers import NORMS, Exporter, Folder, exports, folds


def _inside_blocks(self, model):
    """Folds inside every nn.Sequential by itself."""
    if isinstance(model, nn.Sequential):
        return [nn.Sequential(*_pairs(self, [m for part in model for m in _parts(self, part)]))]
    return [model]


def _parts(self, part):
    return _inside_blocks(self, part) if isinstance(part, nn.Sequential) else [part]


def _pairs(self, parts):
    done = []
    for part in parts:
        if done and self.folds(done[-1], part):
            done[-1] = self.pair(done[-1], part)
        else:
            done.append(part)
    return done


class _OncePerLayer(Folder):
    """Looks at pairs of the given list, so that a second batch norm is left."""

    def __call__(self, model):
        given, layers = self.flat(self.copied(model)), []
        for number, layer in enumerate(given):
            if number and self.folds(given[number - 1], layer):
                layers[-1] = self.pair(given[number - 1], layer)
            else:
                layers.append(layer)
        return self.finished(nn.Sequential(*layers))


def _convolutions_alone(self, before, layer):
    return Folder.folds(self, before, layer) and isinstance(before, nn.Conv2d)


class _LastLayer(Folder):
    """Folds into the last layer with weights, whatever stands between."""

    def __call__(self, model):
        layers, last = [], None
        for layer in self.flat(self.copied(model)):
            if last is not None and self.folds(last, layer):
                self.pair(last, layer)
                continue
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                last = layer
            layers.append(layer)
        return self.finished(nn.Sequential(*layers))


def _without_statistics_too(self, before, layer):
    """Takes a batch norm without running statistics for one whose statistics are 0 and 1."""
    if not isinstance(before, (nn.Conv2d, nn.Linear)) or not isinstance(layer, NORMS):
        return False
    if layer.running_mean is None:
        like = before.weight
        layer.running_mean = torch.zeros(layer.num_features, dtype=like.dtype)
        layer.running_var = torch.ones(layer.num_features, dtype=like.dtype)
    return True


def _dropped(self, model):
    return nn.Sequential(
        *(m for m in model if not isinstance(m, nn.modules.batchnorm._BatchNorm))
    ).eval()


def _in_two_files(model, path, x):
    import onnx

    Exporter()(model, path, x)
    onnx.save(
        onnx.load(path),
        path,
        save_as_external_data=True,
        location="model.onnx.data",
        size_threshold=0,
    )


MISTAKES = (
    Mistake(
        "eps forgotten",
        "The scale is γ/√running_var: eps is missing. It shows where a variance is small or eps large.",
        folds(eps=lambda self, norm: 0.0),
    ),
    Mistake(
        "standard eps",
        "The scale uses 1e-5 for every batch norm. Each has its own eps.",
        folds(eps=lambda self, norm: 1e-5),
    ),
    Mistake(
        "bias of the layer lost",
        "The bias that the layer had is gone. It passes through the batch norm as well: (b − mean)·scale + β.",
        folds(bias=lambda self, bias, mean, scale, beta: beta - mean * scale),
    ),
    Mistake(
        "bias of the layer not scaled",
        "The layer's bias is added as it was. It comes before the batch norm, so it is scaled too: "
        "(b − mean)·scale + β.",
        folds(bias=lambda self, bias, mean, scale, beta: bias + beta - mean * scale),
    ),
    Mistake(
        "mean forgotten",
        "The running mean does not reach the new bias: (b − mean)·scale + β.",
        folds(bias=lambda self, bias, mean, scale, beta: bias * scale + beta),
    ),
    Mistake(
        "β forgotten",
        "β does not reach the new bias: (b − mean)·scale + β.",
        folds(bias=lambda self, bias, mean, scale, beta: (bias - mean) * scale),
    ),
    Mistake(
        "pairs across blocks missed",
        "A batch norm at the beginning of a block is left, although the layer before it ends the block before. "
        "What counts is the order in which layers run: flatten the blocks first.",
        folds(flat=_inside_blocks),
    ),
    Mistake(
        "second batch norm left",
        "Of two batch norms behind one convolution the second is left. After the first is folded, the second "
        "stands behind the convolution.",
        (_OncePerLayer(), Exporter()),
    ),
    Mistake(
        "linear layers not folded",
        "Batch norms behind linear layers are left. They fold in the same way.",
        folds(folds=_convolutions_alone),
    ),
    Mistake(
        "folded across a ReLU",
        "A batch norm behind a ReLU is folded into the layer before the ReLU. Scaling and clipping do not change "
        "places: fold direct neighbours alone.",
        (_LastLayer(), Exporter()),
    ),
    Mistake(
        "every batch norm dropped",
        "All batch norms are gone, also those that nothing could take in: at the front, or behind a ReLU.",
        folds(finished=_dropped),
    ),
    Mistake(
        "folded without running statistics",
        "A batch norm without running statistics is folded as if they were 0 and 1. It normalises with "
        "each batch, in eval mode too, so it cannot be folded: leave it.",
        folds(folds=_without_statistics_too),
    ),
    Mistake(
        "given model changed",
        "The model that was given has other weights afterwards. Fold into a copy: copy.deepcopy(model).",
        folds(copied=lambda self, model: model.eval()),
    ),
    Mistake(
        "left in training mode",
        "The folded model is in training mode: dropout is active, and batch norms that are left normalise with "
        "the batch. Return it in eval mode.",
        folds(finished=lambda self, model: model.train()),
    ),
    Mistake(
        "exported in training mode",
        "The file normalises with each batch: it was exported in training mode. Exporting decides on "
        "the mode for good, so call eval() before.",
        exports(
            training=torch.onnx.TrainingMode.TRAINING,
            fold=False,
            prepared=lambda self, model: Exporter.prepared(self, model).train(),
        ),
    ),
    Mistake(
        "weights in a second file",
        "The weights are in a second file beside the one asked for. PyTorch's exporter does this "
        "unless it is told external_data=False. Who gets the first file alone has no model.",
        (Folder(), _in_two_files),
    ),
    Mistake(
        "one batch size",
        "The file takes the batch size of the example and no other. Make the first axis of the input dynamic.",
        exports(dynamic=False),
    ),
    Mistake(
        "left in eval mode",
        "After the export the given model is in eval mode: whoever goes on training it has a frozen batch norm. "
        "Export a copy, or put every mode back.",
        exports(prepared=lambda self, model: model.eval()),
    ),
    Mistake(
        "names of the exporter",
        "Input or output have other names than 'images' and 'logits': pass input_names and output_names.",
        exports(input="input"),
    ),
    Mistake(
        "probabilities exported",
        "The file ends in a softmax. The task asks for the logits.",
        exports(
            prepared=lambda self, model: nn.Sequential(
                Exporter.prepared(self, model), nn.Softmax(1)
            ).eval()
        ),
    ),
)
