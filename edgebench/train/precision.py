"""Training steps in mixed precision (`precision: bf16` or `fp16`), by torch's autocast; evaluation stays in float32.

The weights, the loss and the optimiser are float32; convolutions and products of matrices are in the shorter type. In
fp16 the smallest gradients would vanish, so the loss is scaled (Micikevicius et al. 2018, Mixed Precision Training).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from edgebench.errors import SettingsError
from edgebench.train.loop import Forward

TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def mixed(model: nn.Module, precision: Literal["bf16", "fp16"], device: torch.device) -> Forward:
    """The network's forward pass in mixed precision: images to float32 logits.

    Raises:
        SettingsError: fp16 on a CPU, which has no fast arithmetic of that type.
    """
    if precision == "fp16" and device.type == "cpu":
        raise SettingsError(
            "precision 'fp16' on a CPU", expected="bf16", hint="fp16 is for GPUs: give --device cuda"
        )

    def forward(images: Tensor) -> Tensor:
        with torch.autocast(device.type, dtype=TYPES[precision]):
            logits: Tensor = model(images)
        return logits.float()

    return forward


def scaler(precision: Literal["bf16", "fp16"] | None, device: torch.device) -> torch.amp.GradScaler | None:
    """What scales the loss of a training in fp16; bf16 has the range of float32 and needs none."""
    return torch.amp.GradScaler(device.type) if precision == "fp16" else None
