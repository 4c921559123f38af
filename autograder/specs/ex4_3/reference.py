"""4.3 Blocks: the right outputs, from functions alone."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from autograder.specs.ex4_3.blocks import numbers

AT_THE_START = "convolutions that start as zero, then γ"


class Net:
    """The computation of a chain or a residual block with known parameters, in float64."""

    def __init__(self, seed, what, widths, stride, order, norm):
        self.seed, self.residual = seed, what == "residual"
        self.widths, self.stride, self.norm, self.pre = widths, stride, norm, order == "pre"
        self.depth = len(widths) - 1
        self.projects = self.residual and (stride > 1 or widths[0] != widths[-1])
        self.running = {}
        self.reads = []

    def with_bias(self, k):
        """Whether convolution k has a bias: no batch norm reads what it writes."""
        return not self.norm or (self.pre and k == self.depth)

    def parameter(self, role, name, *shape):
        return torch.from_numpy(numbers(self.seed, role, name, shape))

    def conv(self, role, x, c_out, size, stride, bias):
        weight = self.parameter(role, "weight", c_out, x.shape[1], size, size)
        bias = self.parameter(role, "bias", c_out) if bias else None
        return F.conv2d(x, weight, bias, stride, size // 2)

    def batch_norm(self, role, x, training):
        c = x.shape[1]
        zeros, ones = torch.zeros(c, dtype=x.dtype), torch.ones(c, dtype=x.dtype)
        mean, var = self.running.setdefault(role, (zeros, ones))
        gamma, beta = (self.parameter(role, name, c) for name in ("weight", "bias"))
        return F.batch_norm(x, mean, var, gamma, beta, training)

    def branch(self, x, training):
        self.reads = []
        for k in range(1, self.depth + 1):
            if self.pre:
                x = F.relu(self.batch_norm(f"norm {k}", x, training) if self.norm else x)
            self.reads.append(x)
            stride = self.stride if k == 1 else 1
            x = self.conv(f"conv {k}", x, self.widths[k], 3, stride, self.with_bias(k))
            if not self.pre:
                x = self.batch_norm(f"norm {k}", x, training) if self.norm else x
                x = x if self.residual and k == self.depth else F.relu(x)
        return x

    def shortcut(self, x, training):
        if not self.projects:
            return x
        normed = self.norm and not self.pre
        x = self.conv("shortcut conv 1", x, self.widths[-1], 1, self.stride, not normed)
        return self.batch_norm("shortcut norm 1", x, training) if normed else x

    def start(self, x):
        """The output while the branch is zero."""
        y = self.shortcut(x, True)
        self.running.clear()
        return y if self.pre else F.relu(y)

    def __call__(self, x, training):
        if not self.residual:
            return self.branch(x, training)
        y = self.branch(x, training) + self.shortcut(x, training)
        return y if self.pre else F.relu(y)


def reference(seed, what, widths, stride, order, norm, x, dy, zero_init=None):
    net, pre, depth = Net(seed, what, widths, stride, order, norm), order == "pre", len(widths) - 1
    residual, by_norm = what == "residual", norm and order == "post"
    ends = [int(k == depth) for k in range(1, depth + 1)]  # the last of the branch
    outputs = {
        "layers that run twice": 0,
        "parameters that no layer uses": 0,
        "channels of the convolutions": widths,
        "strides of the convolutions": [stride] + [1] * (depth - 1),
        "biases of the convolutions": [int(net.with_bias(k)) for k in range(1, depth + 1)],
        "features of the batch norms": (widths[:-1] if pre else widths[1:]) if norm else [],
    }
    if residual:
        projection = [widths[0], widths[-1], stride, int(not by_norm)] if net.projects else []
        zeroed = ends if zero_init else [0] * depth
        outputs |= {
            "the shortcut’s convolution: channels in, out, stride, bias": projection,
            "the shortcut’s batch norm: features, γ": [widths[-1], 1]
            if net.projects and by_norm
            else [],
        }
    else:
        zeroed = [0] * depth
    zero_convs = [0] * depth if by_norm else zeroed
    gamma = [1 - z for z in zeroed] if by_norm else [1] * depth
    outputs |= {AT_THE_START: zero_convs + (gamma if norm else [])}
    outputs = {name: np.array(value, dtype=int) for name, value in outputs.items()}
    x = torch.from_numpy(x).requires_grad_()
    if zero_init:
        outputs["y while the branch is new"] = net.start(x).detach().numpy()
    y = net(x, True)
    for k, reads in enumerate(net.reads, 1):
        outputs[f"what convolution {k} reads"] = reads.detach().numpy()
    [dx] = torch.autograd.grad(y, x, torch.from_numpy(dy))
    y_eval = net(x, False)
    arrays = {"y": y, "dx": dx, "y in eval mode": y_eval}
    return outputs | {name: value.detach().numpy() for name, value in arrays.items()}
