"""6.3 Recalibrate: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from autograder.spec import Mistake
from autograder.specs.ex6_3 import slips
from autograder.specs.ex6_3.answers import Recalibrate


def variant(**methods):
    return (type("Recalibrate", (Recalibrate,), methods)(),)


MISTAKES = (
    Mistake(
        "BatchNorm2d only",
        "Some batch norms kept their old statistics. Not all are `nn.BatchNorm2d`: 1d, 3d and "
        "SyncBatchNorm have their base class in common, `nn.modules.batchnorm._BatchNorm`.",
        variant(kinds=(nn.BatchNorm2d,)),
    ),
    Mistake(
        "SyncBatchNorm passed over",
        "A SyncBatchNorm kept its old statistics. It is no BatchNorm1d, 2d or 3d; look for the base "
        "class that they share, `nn.modules.batchnorm._BatchNorm`.",
        variant(kinds=(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)),
    ),
    Mistake(
        "the loader is not read",
        "Nothing has changed, and not a single batch was read. Is the loop reached?",
        (slips.not_read,),
    ),
    Mistake(
        "a copy is recalibrated",
        "The model that was passed in has not changed. Change it in place: the caller does not look "
        "at what you return.",
        (slips.on_a_copy,),
    ),
    Mistake(
        "one pass in training mode",
        "The model was put in training mode and shown the data, and that is all. With momentum 0.1 "
        "each batch replaces a tenth of the old statistics, and what was there before stays in "
        "them. Reset first, and let the batches share equally.",
        variant(reset=slips.nothing, modes=slips.all_in_training, share=slips.own_momentum),
    ),
    Mistake(
        "each layer's own momentum",
        "The statistics were reset, but each batch came in with the layer's momentum. The start, 0 "
        "and 1, fades no faster than any old statistics do, and the last batches count most.",
        variant(share=slips.own_momentum),
    ),
    Mistake(
        "own momentum without a reset",
        "Each batch came in with the layer's momentum, on top of the old statistics. After five "
        "batches at 0.1, 59 % of the old are left. Reset, and weigh each batch by its samples.",
        variant(reset=slips.nothing, share=slips.own_momentum),
    ),
    Mistake(
        "momentum=None without a reset",
        "The share of momentum=None is 1/num_batches_tracked, and the counter still counts the old "
        "batches. Call `reset_running_stats()` first.",
        variant(reset=slips.nothing, share=slips.none),
    ),
    Mistake(
        "every batch weighs the same",
        "Each batch has the same weight, as with momentum=None. A smaller last batch then counts "
        "too much: a batch of n samples must weigh n. Its share is n over the samples so far.",
        variant(share=slips.equal),
    ),
    Mistake(
        "momentum left changed",
        "The momentum of the layers is not what it was. The next training run would go on with the "
        "share of your last batch. Remember it before, and put it back.",
        variant(restore=slips.momentum_stays),
    ),
    Mistake(
        "momentum=None, and none put back after an error",
        "The layers are left with momentum None after an error in the loader (and every batch "
        "weighed the same). Put the old value back in a `finally`.",
        variant(share=slips.none, guarded=slips.no_finally),
    ),
    Mistake(
        "momentum left at None",
        "The layers are left with momentum None (and every batch weighed the same). The next "
        "training run would average over its whole past. Put the old value back.",
        variant(share=slips.none, restore=slips.momentum_stays),
    ),
    Mistake(
        "dropout active",
        "The whole model was in training mode: dropout drew its noise into the statistics, and "
        "other layers with a state moved it. Only the batch norms to be measured belong in "
        "training mode: `model.eval()`, then `layer.train()` for each of them.",
        variant(modes=slips.all_in_training),
    ),
    Mistake(
        "all but dropout in training mode",
        "Dropout was switched off, and everything else was in training mode. Other layers have "
        "modes, too: an instance norm with running statistics moved them. Start from `model.eval()` "
        "and switch on only what is to be measured.",
        variant(modes=slips.dropout_off_by_class),
    ),
    Mistake(
        "layers without statistics not left out",
        "A batch norm with `track_running_stats=False` has no running statistics: its buffers are "
        "None. Leave it out, or call `reset_running_stats()`, which knows.",
        variant(wanted=slips.every_one, reset=slips.zeroed),
    ),
    Mistake(
        "the counter is 0",
        "`num_batches_tracked` is 0. It says how many batches the statistics stand for: those of "
        "the loader. A layer counts by itself if it is in training mode; if you write the "
        "statistics yourself, write the counter, too.",
        variant(passes=slips.counter_is_zero),
    ),
    Mistake(
        "the counter stays as it was",
        "The statistics are new, and `num_batches_tracked` still belongs to the old ones. It says "
        "how many batches the statistics stand for: those of the loader.",
        variant(reset=slips.nothing, passes=slips.counter_stays),
    ),
    Mistake(
        "no layer in training mode",
        "The statistics are 0 and 1: they were reset, and no batch came in. In eval mode a batch "
        "norm reads its running statistics and never moves them.",
        variant(modes=slips.stay_in_eval),
    ),
    Mistake(
        "model left in eval mode",
        "All modules are in eval mode afterwards. Those that were in training mode must be in it "
        "again: remember `training` of every module.",
        variant(restore_modes=slips.all_to(False)),
    ),
    Mistake(
        "model left in training mode",
        "All modules are in training mode afterwards: the next answers of the model would use the "
        "batch, and dropout. Remember `training` of every module, and put it back.",
        variant(restore_modes=slips.all_to(True)),
    ),
    Mistake(
        "one mode for all modules",
        "All modules got the mode of the model. A layer that was in eval mode inside a model in "
        "training mode is no longer, and the reverse. Remember `training` of *every* module.",
        variant(restore_modes=slips.roots_mode),
    ),
    Mistake(
        "one mode for all modules, and none after an error",
        "All modules got the mode of the model, and after an error in the loader not even that. "
        "Remember `training` of *every* module, and put it back in a `finally`.",
        variant(guarded=slips.no_finally, restore_modes=slips.roots_mode),
    ),
    Mistake(
        "not restored after an error",
        "After an error in the loader, modes and momenta stay as they were during the pass. Put "
        "them back in a `finally`.",
        variant(guarded=slips.no_finally),
    ),
    Mistake(
        "error swallowed",
        "The loader's error never arrived at the caller, who takes the statistics of half the data "
        "for good. Restore in a `finally`, and let the error pass.",
        variant(guarded=slips.swallowed),
    ),
    Mistake(
        "keep ignored",
        "The layers named in `keep` were measured again, too. Their names are those of "
        "`model.named_modules()`: leave them out.",
        variant(layers=slips.every_layer),
    ),
    Mistake(
        "kept layers in training mode",
        "The layers named in `keep` were in training mode during the pass: they normalised with the "
        "batch, and their statistics moved. They belong in eval mode.",
        variant(modes=slips.kept_in_training),
    ),
    Mistake(
        "kept layers put back afterwards",
        "The layers named in `keep` have their old statistics again, but during the pass they "
        "normalised with the batch. So the layers behind them measured inputs that they will never "
        "see. Kept layers must be in eval mode during the pass.",
        variant(measure=slips.kept_put_back),
    ),
    Mistake(
        "kept layers reset",
        "The statistics of the layers named in `keep` were reset to 0 and 1 and never measured "
        "again. Leave those layers alone; `torch.optim.swa_utils.update_bn` does the same to "
        "frozen layers that refuse training mode.",
        variant(measure=slips.kept_are_reset),
    ),
    Mistake(
        "labels passed along",
        "A batch may be a pair of images and labels, in a tuple or a list. The model gets the "
        "images only: the first entry.",
        variant(inputs=slips.as_it_comes),
    ),
    Mistake(
        "gradients on",
        "The pass records gradients: it keeps the activations of each batch in memory for nothing. "
        "Run it under `torch.no_grad()`. (The statistics still move: the mode decides that.)",
        variant(gradients=torch.enable_grad),
    ),
    Mistake(
        "instance norm measured as well",
        "An instance norm with running statistics was measured as well. The task is about batch "
        "norm; look for `nn.modules.batchnorm._BatchNorm`.",
        variant(kinds=(_NormBase,), wanted=slips.instance_norms_too),
    ),
    Mistake(
        "reset_parameters",
        "γ and β are 1 and 0 again: `reset_parameters()` resets them with the statistics. What you "
        "want is `reset_running_stats()`.",
        variant(reset=slips.wiped),
    ),
    Mistake(
        "the counter goes on counting",
        "`num_batches_tracked` still counts the batches that were overwritten. It says how many "
        "batches the statistics stand for: those of the loader.",
        variant(reset=slips.nothing, passes=slips.first_batch_not_counted),
    ),
    Mistake(
        "the loader is read twice",
        "The loader was gone through twice, and a generator gives its batches once. Count the "
        "samples while the batches come in.",
        variant(passes=slips.gone_through_twice),
    ),
    Mistake(
        "pooled variance",
        "The variance holds the spread of the batch means as well, as if all samples were one "
        "batch. Asked is the average of the batch variances: that is what the layer divided by in "
        "training.",
        variant(passes=slips.collected(slips.pooled)),
    ),
    Mistake(
        "standard deviations averaged",
        "The standard deviations of the batches were averaged, and squared. Average the variances.",
        variant(passes=slips.collected(slips.of_standard_deviations)),
    ),
    Mistake(
        "biased variances",
        "The batch variances are divided by m. `running_var` keeps unbiased ones, divided by "
        "m − 1.",
        variant(passes=slips.biased),
    ),
    Mistake(
        "measured in eval mode",
        "The inputs were measured while every layer normalised with its old statistics. From the "
        "second layer on, they are not the inputs that come with the new ones. The layers to be "
        "measured must be in training mode.",
        variant(reset=slips.nothing, modes=slips.stay_in_eval, passes=slips.inputs_in_eval),
    ),
    Mistake(
        "last batch dropped",
        "The last batch is missing in the statistics. It counts as well, with its own size.",
        variant(passes=slips.last_dropped),
    ),
    Mistake(
        "update_bn",
        "This behaves like `torch.optim.swa_utils.update_bn`: it also measures (or resets) the "
        "layers of `keep`, runs dropout, gives every batch the same weight and all modules one "
        "mode. Those are the things to do better here.",
        (slips.update_bn,),
    ),
)
