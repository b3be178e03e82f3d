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

    def forward(self, maps: Tensor) -> Tensor:
        """(rows, channels, height, width) -> (rows, out, height/stride, width/stride)."""
        hidden = torch.relu(self.first_norm(self.first(maps)))
        return torch.relu(self.second_norm(self.second(hidden)) + self.shortcut(maps))


def residual_trunk(
    channels: int, widths: Sequence[int], blocks: int, norm: Norm, first_stride: int
) -> nn.ModuleList:
    """A stem and, for each width, a stage of ``blocks`` blocks; each stage but the first halves
    height and width.
    """
    stem = nn.Sequential(
        nn.Conv2d(channels, widths[0], 3, first_stride, 1, bias=False),
        make_norm(norm, widths[0]),
        nn.ReLU(),
    )
    stages: list[nn.Module] = [stem]
    before = widths[0]
    for place, width in enumerate(widths):
        parts: list[nn.Module] = []
        for block in range(blocks):
            stride = 2 if place and not block else 1
            parts.append(ResidualBlock(before, width, stride, norm))
            before = width
        stages.append(nn.Sequential(*parts))
    return nn.ModuleList(stages)
