"""Layers for the last axes of a tensor: LayerNorm, RMSNorm, and DyT, which has no statistics.

All three treat every sample, and every position of a sequence, by itself: they behave the
same in training and in evaluation, and at any batch size.
"""

from __future__ import annotations

import torch
from torch import nn


def _shape(normalized_shape: int | tuple[int, ...]) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


def _last_axes(x: torch.Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of `shape`, counted from the end; raises ValueError if x does not end with it."""
    if tuple(x.shape[-len(shape) :]) != shape:
        raise ValueError(
            f"x has shape {tuple(x.shape)} and should end with {shape}. "
            "Build the layer with the sizes of the axes that share one statistic."
        )
    return tuple(range(-len(shape), 0))


class LayerNorm(nn.Module):
    """y = γ·(x − μ)/√(σ² + ε) + β, with μ and σ² over the last axes of one sample.

    Args:
        normalized_shape: sizes of those axes, D or (C, H, W). γ and β have this shape.
        eps: inside the root.

    Input and output: (*, *normalized_shape), float32 or float64.

    Raises:
        ValueError: x does not end with normalized_shape.

    Source: Ba, Kiros & Hinton, "Layer Normalization", arXiv 1607.06450, 2016.
    """

    def __init__(self, normalized_shape: int | tuple[int, ...], eps: float = 1e-5):
        super().__init__()
        self.normalized_shape, self.eps = _shape(normalized_shape), eps
        self.weight = nn.Parameter(torch.ones(self.normalized_shape))
        self.bias = nn.Parameter(torch.zeros(self.normalized_shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        axes = _last_axes(x, self.normalized_shape)
        var, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
        return self.weight * (x - mean) * torch.rsqrt(var + self.eps) + self.bias


class RMSNorm(nn.Module):
    """y = γ·x/√(mean(x²) + ε), over the last axes of one sample. No mean, no β.

    Args:
        normalized_shape: sizes of those axes, D or (C, H, W). γ has this shape.
        eps: inside the root. torch.nn.RMSNorm's default is another: the machine epsilon.

    Input and output: (*, *normalized_shape), float32 or float64.

    Raises:
        ValueError: x does not end with normalized_shape.

    Source: Zhang & Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019,
    which has no ε.
    """

    def __init__(self, normalized_shape: int | tuple[int, ...], eps: float = 1e-5):
        super().__init__()
        self.normalized_shape, self.eps = _shape(normalized_shape), eps
        self.weight = nn.Parameter(torch.ones(self.normalized_shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        axes = _last_axes(x, self.normalized_shape)
        mean_square = x.square().mean(axes, keepdim=True)
        return self.weight * x * torch.rsqrt(mean_square + self.eps)


class DyT(nn.Module):
    """y = γ·tanh(α·x) + β: bounded like a normalised value, and without any statistic.

    Args:
        num_features: width D of the feature axis; γ and β are (D,), α is one number.
        alpha: its start.
        feature_axis: the axis with D entries: −1 for (N, T, D), 1 for images (N, C, H, W).

    Source: Zhu et al., "Transformers without Normalization", CVPR 2025, arXiv 2503.10622.
    """

    def __init__(self, num_features: int, alpha: float = 0.5, feature_axis: int = -1):
        super().__init__()
        self.feature_axis = feature_axis
        self.alpha = nn.Parameter(torch.tensor(float(alpha)))
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shape = [1] * x.ndim
        shape[self.feature_axis] = -1
        return self.weight.view(shape) * torch.tanh(self.alpha * x) + self.bias.view(shape)


class PerPosition(nn.Module):
    """A norm of the last axis, applied to images: over the channels of one position.

    Args:
        norm: a layer for (*, C), such as `RMSNorm(C)`.

    Input and output: (N, C, *spatial).
    """

    def __init__(self, norm: nn.Module):
        super().__init__()
        self.norm = norm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x.movedim(1, -1)).movedim(-1, 1)
