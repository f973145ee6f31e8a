"""Whether a training's steps are compiled (`torch.compile`), and the compiled network.

The rule: compile where the steps that are planned save at least twice what a first compilation costs, so that a trial
gains even where it is the only one and the machine half as fast at compiling. What a step saves was measured, on one
thread of an AMD EPYC with AVX-512 (torch 2.15, g++ 12), after an eager run and a compiled run of the same network took
turns; networks that have not been measured are not compiled:

    network                                   eager step   compiled      first compilation   from the cache
    torchvision:mobilenet_v2 0.35, batch 64      30.8 ms    27.3 ms                   42 s            2.8 s
    the same, stem small                         75.9 ms    66.9 ms                   42 s            2.8 s
    mobilenet-v1 0.25 stem small, batch 128      61.3 ms    58.7 ms                   24 s            1.9 s
    micronet on digits, batch 64                  6.9 ms     5.9 ms                   23 s            1.7 s
    dual-path on MNIST, batch 64                  7.8 ms    11.9 ms                   22 s            1.3 s

(32 × 32 images but for the last two; the dual path's layers one after the other.) Convolutions stay oneDNN's, compiled
or not, and are most of a step: so the gain is 3-15 %, and only a training of millions of images pays for it.

What is guaranteed. Whether to compile is a function of the trial's settings, the torch in use and whether there is a
C++ compiler: not of load, of what else is planned, or of what the cache holds. A compiled training is the same twice,
bit for bit, cold or from the cache. It differs from the eager one by rounding, so a trial that would be compiled has
other bits on a machine without a compiler, with another compiler, or where compiling failed; each record's state says
which it was (`compile`), and records of one machine that say the same agree bit for bit. Trainings that are too short
to be compiled do not depend on any of this.
"""

from __future__ import annotations

import logging
import os
import subprocess
import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edgebench.claim.settings import TrainSettings
from edgebench.data.cache import cache_folder
from edgebench.train.loop import Forward

MARGIN = 2.0


@dataclass(frozen=True)
class Saving:
    """What compiling one kind of network was measured to save and to cost.

    Attributes:
        seconds: saved per training image, at the measured width and size of image.
        size: that width (channel multiplier) times that number of pixels; the saving grows with it, because what is
            saved is traffic of activations.
        cost: seconds of a first compilation.
    """

    seconds: float
    size: float
    cost: float


# By name and stem.
_SAVINGS: dict[tuple[str, str | None], Saving] = {
    ("torchvision:mobilenet_v2", None): Saving(53e-6, 0.35 * 32 * 32, 43.0),
    ("torchvision:mobilenet_v2", "small"): Saving(140e-6, 0.35 * 32 * 32, 43.0),
    ("mobilenet-v1", "small"): Saving(19e-6, 0.25 * 32 * 32, 24.0),
    ("micronet", None): Saving(14e-6, 8 * 8, 23.0),
}


@dataclass(frozen=True)
class Decision:
    """Whether to compile, and why; `str` of it is what the record says."""

    on: bool
    why: str

    def __str__(self) -> str:
        return f"{'on' if self.on else 'off'}: {self.why}"


def decide(settings: TrainSettings, images: int, shape: tuple[int, int, int], device: str) -> Decision:
    """Whether a trial's training steps are to be compiled.

    Args:
        settings: the trial's.
        images: training images that an epoch uses, without those of the incomplete batch.
        shape: (C, H, W) of an image.
        device: `cpu` or `cuda`.
    """
    if device != "cpu":
        return Decision(False, "not measured on a GPU")
    if settings.netaug is not None or settings.dropblock is not None:
        return Decision(False, "the network computes with other layers from step to step")
    if settings.hooks is not None:
        return Decision(False, "a method of another package may do anything to the network")
    if settings.then is not None or settings.unfrozen is not None:
        return Decision(False, "what trains changes from stage to stage")
    model = settings.model
    saving = _SAVINGS.get((model.name, model.stem))
    if saving is None:
        stem = f" with stem {model.stem}" if model.stem else ""
        return Decision(False, f"what it would save is not measured for {model.name}{stem}")
    relative = (model.width or 1.0) * shape[1] * shape[2] / saving.size
    planned = settings.epochs * images
    saved = planned * saving.seconds * relative
    sums = f"{planned:,} images would save {saved:.3g} s, a first compilation costs {saving.cost:.0f} s"
    if saved < MARGIN * saving.cost:
        return Decision(False, sums)
    if not (name := compiler()):
        return Decision(False, f"no C++ compiler was found; {sums}")
    return Decision(True, f"{sums}; {name}")


def compiler() -> str | None:
    """First line of what the C++ compiler says of its version; None where there is none."""
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        said = subprocess.run([get_cpp_compiler(), "--version"], capture_output=True, text=True, check=True)
    except (InvalidCxxCompiler, OSError, subprocess.CalledProcessError):
        return None
    return said.stdout.partition("\n")[0]


def compiled(model: nn.Module, sample: Tensor) -> tuple[Forward, str]:
    """The network's compiled forward pass for training, compiled here and now, and what is to be said of it.

    The network, its statistics and the random state are as before. The compiled code is kept in the cache folder, where
    other processes find it. Where compiling fails, the network itself is returned, with the reason.

    Args:
        model: in any mode.
        sample: a batch of the shape and memory order that training will have; its values do not matter.
    """
    import torch._inductor.config as inductor

    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "compiled"))
    # Says on import that there is no CUDA, where its compiler is installed but no GPU is.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    training, noise = model.training, torch.get_rng_state()
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    started = time.perf_counter()
    # One thread a trial, and dropout drawn from torch's own generator, as without compiling.
    with inductor.patch(compile_threads=1, fallback_random=True):
        forward = torch.compile(model.train(), dynamic=False)
        try:
            forward(sample).sum().backward()
            said = f"compiled or loaded in {time.perf_counter() - started:.1f} s"
        except Exception as error:  # whatever a compiler may raise: the training does not need it
            forward, said = model, f"failed ({type(error).__name__}: {str(error).strip()[:200]})"
    with torch.no_grad():
        for buffer, before in buffers:
            buffer.copy_(before)
    for parameter in model.parameters():
        parameter.grad = None
    torch.set_rng_state(noise)
    model.train(training)
    return forward, said
