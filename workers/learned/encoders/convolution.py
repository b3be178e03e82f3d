"""Residual convolutions over pictures and spectrograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Norm = Literal["batch", "group", "channel"]
#: Channels of a group, where groups are normalised.
_GROUP = 8


class ChannelNorm(nn.LayerNorm):
    """Normalises over the channels at each place: what is padded changes nothing elsewhere."""

    def forward(self, maps: Tensor) -> Tensor:
        """(rows, channels, height, width) -> the same."""
        return super().forward(maps.movedim(1, -1)).movedim(-1, 1)


def make_norm(kind: Norm, channels: int) -> nn.Module:
    """Normalisation of maps of so many channels."""
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "group":
        return nn.GroupNorm(max(1, channels // _GROUP), channels)
    return ChannelNorm(channels)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al., CVPR 2016)."""

    def __init__(self, channels: int, out: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.stride = stride
        self.first = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.first_norm = make_norm(norm, out)
        self.second = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.second_norm = make_norm(norm, out)
        self.shortcut = (
            nn.Identity()
            if stride == 1 and channels == out
            else nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False), make_norm(norm, out)
            )
        )

    def forward(self, maps: Tensor, there: Tensor | None = None) -> Tensor:
        """(rows, channels, height, width) -> (rows, out, height/stride, width/stride).

        ``there``: 1 where the output is of something, 0 where it is of padding.
        """
        hidden = masked(torch.relu(self.first_norm(self.first(maps))), there)
        added = self.second_norm(self.second(hidden)) + self.shortcut(maps)
        return masked(torch.relu(added), there)


class ResidualTrunk(nn.Module):
    """A stem, with ``stem_pool`` halved by the maximum, and, for each width, a stage of ``blocks``
    blocks; each stage but the first halves height and width.
    """

    def __init__(
        self,
        channels: int,
        widths: Sequence[int],
        blocks: int,
        norm: Norm,
        first_stride: int,
        *,
        stem_pool: bool = False,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, widths[0], 3, first_stride, 1, bias=False),
            make_norm(norm, widths[0]),
            nn.ReLU(),
            *([nn.MaxPool2d(2)] if stem_pool else []),
        )
        before, made = widths[0], []
        for place, width in enumerate(widths):
            for block in range(blocks):
                made.append(ResidualBlock(before, width, 2 if place and not block else 1, norm))
                before = width
        self.blocks = nn.ModuleList(made)

    def forward(self, maps: Tensor, there: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Maps (rows, channels, height, width) to those of the last stage.

        ``there``: (rows, 1, height, 1), 0 where height is padding, which then has no influence on
        the rest; returned as it is for what comes out. Only with a first stride of 1 and no
        ``stem_pool``.
        """
        maps = masked(self.stem(maps), there)
        for block in self.blocks:
            if there is not None and block.stride == 2:
                there = there[:, :, ::2]
            maps = block(maps, there)
        return maps, there


def masked(maps: Tensor, there: Tensor | None) -> Tensor:
    """Zeros in place of padding, which is what a convolution pads with."""
    return maps if there is None else maps * there
