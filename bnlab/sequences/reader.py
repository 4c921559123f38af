"""A small transformer whose normaliser, and its place, are arguments."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from bnlab.sequences.norms import token_norm
from bnlab.sequences.sentences import PADDING, VOCABULARY


class Attention(nn.Module):
    """Multi-head self-attention that looks where `mask` allows it."""

    def __init__(self, width: int, heads: int = 2):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        n, t, width = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out(y.transpose(1, 2).reshape(n, t, width))


class Block(nn.Module):
    """Attention and a two-layer network, each with a residual and a normaliser.

    Args:
        post: normalise after the addition, as Vaswani et al. (2017) did; else before each layer.

    Source: Xiong et al., "On Layer Normalization in the Transformer Architecture", ICML 2020,
    table 1.
    """

    def __init__(self, width: int, norm: str, post: bool):
        super().__init__()
        self.post = post
        self.attention = Attention(width)
        self.network = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)
        )
        self.norms = nn.ModuleList([token_norm(norm, width), token_norm(norm, width)])

    def forward(self, x: torch.Tensor, real: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        first, second = self.norms
        if self.post:
            x = first(x + self.attention(x, mask), real)
            return second(x + self.network(x), real)
        x = x + self.attention(first(x, real), mask)
        return x + self.network(second(x, real))


class Reader(nn.Module):
    """A transformer over padded sentences (N, T): logits (N, 10), or (N, T, VOCABULARY).

    Args:
        depth: number of blocks.
        width: of a word's vector, even.
        norm: see NORMS.
        post: normalise after each addition (post-norm), not before each layer (pre-norm).
        causal: a position sees only what came before, and the outputs name the next word.
            Otherwise the outputs name the digit, from the mean over the real words.
        seed: of the weights: Xavier's uniform initialisation, zero biases.

    There is no encoding of the position: a word says where in the image it stands.
    """

    def __init__(
        self,
        depth: int = 2,
        width: int = 32,
        norm: str = "ln",
        post: bool = False,
        causal: bool = False,
        seed: int = 0,
    ):
        super().__init__()
        torch.manual_seed(seed)
        self.causal = causal
        self.embedding = nn.Embedding(VOCABULARY, width, padding_idx=PADDING)
        self.blocks = nn.ModuleList(Block(width, norm, post) for _ in range(depth))
        self.last = token_norm("none" if post else norm, width)
        self.head = nn.Linear(width, VOCABULARY if causal else 10)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        real, length = tokens != PADDING, tokens.shape[1]
        mask = real[:, None, None, :]
        if self.causal:
            mask = mask & torch.ones(length, length, dtype=torch.bool).tril()
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, real, mask)
        x = self.last(x, real)
        if self.causal:
            return self.head(x)
        return self.head((x * real[..., None]).sum(1) / real.sum(1, keepdim=True))
