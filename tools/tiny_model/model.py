"""The network: a small decoder in the ``qwen3`` layout of GGUF, and its optimizer step.

Pre-norm blocks with RMSNorm, per-head QK-norm, half-split (NEOX) rotary positions, SwiGLU and tied
embeddings; no biases.  Training runs on the CPU: bf16 matrix products, fp32 master weights, and the
element-wise work in three compiled pieces.  Every micro-batch has the same number of tokens, so two
of the three pieces are compiled only once; the third (softmax) once per sequence length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    """Sizes of the network."""

    vocabulary: int = 2560
    width: int = 256
    layers: int = 6
    heads: int = 8
    head_width: int = 32
    hidden: int = 512
    context: int = 2048
    rope_base: float = 10000.0


def rms_norm(x: Tensor, weight: Tensor) -> Tensor:
    """RMSNorm with statistics in fp32."""
    wide = x.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6) * weight).to(x.dtype)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def _project(
    x: Tensor, norm: Tensor, wqkv: Tensor, q_norm: Tensor, k_norm: Tensor, cos: Tensor, sin: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalised input to queries, keys and values of shape (tokens, heads, head width)."""
    h = rms_norm(x, norm)
    q, k, v = F.linear(h, wqkv).view(x.size(0), 3, -1, q_norm.size(-1)).unbind(1)
    return _rotate(rms_norm(q, q_norm), cos, sin), _rotate(rms_norm(k, k_norm), cos, sin), v


def _softmax(scores: Tensor, mask: Tensor, scale: float) -> Tensor:
    return torch.softmax(scores * scale + mask, -1)


def _finish(
    x: Tensor, attended: Tensor, wo: Tensor, norm: Tensor, w_in: Tensor, w_out: Tensor
) -> Tensor:
    """Output projection and the gated feed-forward, both with their residual."""
    x = x + F.linear(attended, wo)
    gate, up = F.linear(rms_norm(x, norm), w_in).chunk(2, -1)
    return x + F.linear(F.silu(gate) * up, w_out)


class TinyModel(nn.Module):
    """The decoder. Matrices of one kind are stacked over the layers."""

    MATRICES = ("wqkv", "wo", "w_in", "w_out")

    def __init__(self, config: Config, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        c, generator = config, torch.Generator().manual_seed(seed)

        def normal(*shape: int, std: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator) * std)

        inner, small = c.heads * c.head_width, 1 / math.sqrt(2 * c.layers)
        self.embedding = normal(c.vocabulary, c.width, std=0.04)
        self.wqkv = normal(c.layers, 3 * inner, c.width, std=c.width**-0.5)
        self.wo = normal(c.layers, c.width, inner, std=inner**-0.5 * small)
        self.w_in = normal(c.layers, 2 * c.hidden, c.width, std=c.width**-0.5)
        self.w_out = normal(c.layers, c.width, c.hidden, std=c.hidden**-0.5 * small)
        self.attention_norm = nn.Parameter(torch.ones(c.layers, c.width))
        self.q_norm = nn.Parameter(torch.ones(c.layers, c.head_width))
        self.k_norm = nn.Parameter(torch.ones(c.layers, c.head_width))
        self.ffn_norm = nn.Parameter(torch.ones(c.layers, c.width))
        self.output_norm = nn.Parameter(torch.ones(c.width))
        frequencies = c.rope_base ** (-torch.arange(0, c.head_width, 2).float() / c.head_width)
        angles = torch.outer(torch.arange(c.context).float(), frequencies)
        self._cos, self._sin = angles.cos()[:, None, :], angles.sin()[:, None, :]
        self._tables: dict[tuple, tuple[Tensor, Tensor, Tensor]] = {}
        self._project, self._softmax, self._finish = _project, _softmax, _finish

    def compile_pieces(self) -> None:
        """Compile the element-wise work (static shapes)."""
        self._project = torch.compile(_project, dynamic=False)
        self._softmax = torch.compile(_softmax, dynamic=False)
        self._finish = torch.compile(_finish, dynamic=False)

    def _table(self, rows: int, length: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        key = (rows, length, dtype)
        if key not in self._tables:
            mask = torch.full((length, length), float("-inf")).triu(1).to(dtype)
            cos = self._cos[:length].repeat(rows, 1, 1).to(dtype)
            sin = self._sin[:length].repeat(rows, 1, 1).to(dtype)
            self._tables[key] = cos, sin, mask
        return self._tables[key]

    def forward(self, ids: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor:
        """Hidden states, (rows * length, width), of token ids (rows, length)."""
        c, (rows, length) = self.config, ids.shape
        cos, sin, mask = self._table(rows, length, dtype)
        x = self.embedding[ids.reshape(-1)].to(dtype)
        layers = {n: getattr(self, n).to(dtype).unbind(0) for n in self.MATRICES}
        for i in range(c.layers):
            parts = self._project(
                x,
                self.attention_norm[i],
                layers["wqkv"][i],
                self.q_norm[i],
                self.k_norm[i],
                cos,
                sin,
            )
            q, k, v = (t.view(rows, length, c.heads, c.head_width).transpose(1, 2) for t in parts)
            weights = self._softmax(q @ k.transpose(-1, -2), mask, c.head_width**-0.5)
            attended = (weights @ v).transpose(1, 2).reshape(rows * length, -1)
            x = self._finish(
                x,
                attended,
                layers["wo"][i],
                self.ffn_norm[i],
                layers["w_in"][i],
                layers["w_out"][i],
            )
        return rms_norm(x, self.output_norm)

    def logits(self, hidden: Tensor) -> Tensor:
        """Next-token scores."""
        return F.linear(hidden, self.embedding.to(hidden.dtype))


@torch.no_grad()
def muon_direction(gradient: Tensor, momentum: Tensor, beta: float = 0.95) -> Tensor:
    """Muon: the momentum's nearest semi-orthogonal matrix (5 Newton-Schulz steps), per matrix."""
    momentum.mul_(beta).add_(gradient, alpha=1 - beta)
    x = gradient.lerp(momentum, beta).bfloat16()
    tall = x.size(-2) > x.size(-1)
    if tall:
        x = x.transpose(-1, -2)
    x = (x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)).contiguous()
    for _ in range(5):
        a = x @ x.transpose(-1, -2)
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * (a @ a)) @ x
    if tall:
        x = x.transpose(-1, -2)
    return x.float() * max(1.0, gradient.size(-2) / gradient.size(-1)) ** 0.5
