"""The measures an effect may name: fixed names and units, one table for the loader, the judge and the docs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgebench import plugins
from edgebench.claim.settings import Kind


@dataclass(frozen=True)
class Metric:
    """A measure of an arm.

    Attributes:
        unit: `%`, `points`, `nats`, `bytes`, `s`, or empty for counts.
        worst: the value that a diverged arm is given; None where divergence cannot change it.
        summary: what it is, in one line.
        packed: the size of a file: exact, but libraries may pack the same numbers differently from version to version.
    """

    unit: str
    summary: str
    worst: float | None = None
    packed: bool = False


# A diverged network predicts no better than a constant: 0 % is a bound below chance, and 100 nats lie beyond every
# loss that a network still training shows here. Finite, so that means and intervals stay defined.
_TRAIN = {
    "top1": Metric("%", "accuracy on the test split, or on the fold, of the trained network", 0.0),
    "train_top1": Metric("%", "accuracy on the un-augmented training images, of the trained network", 0.0),
    "val_top1": Metric("%", "accuracy on the validation split, of the trained network", 0.0),
    "val_loss": Metric("nats", "cross-entropy on the validation split, of the trained network", 100.0),
    "train_loss": Metric(
        "nats",
        "mean training loss of the epoch that the network is of, the last or early stopping's best",
        100.0,
    ),
    "gap": Metric("points", "train_top1 - top1, both on un-augmented images", 100.0),
    "params": Metric("", "trainable parameters"),
    "params.nonzero": Metric("", "parameters that are not zero, of the whole network"),
    "epochs": Metric("", "epochs of training, of all stages together; early stopping makes them fewer"),
    "macs": Metric(
        "",
        "multiply-accumulates of convolutions and linear layers for one image; not there where a layer with weights "
        "has no counting rule",
    ),
    "model_bytes": Metric("bytes", "parameters and buffers as stored; of an int8 network, its own"),
    "train_seconds": Metric(
        "s", "wall-clock time of the training epochs, shared out when seeds share a program"
    ),
    "curve.val_top1": Metric("%", "validation accuracy after each epoch", 0.0),
    "curve.val_loss": Metric("nats", "validation cross-entropy after each epoch", 100.0),
    "curve.train_loss": Metric("nats", "mean training loss of each epoch, as optimised", 100.0),
    "curve.lr": Metric("", "learning rate of each epoch"),
}

# The loss of a detector: cross-entropies of objectness and classes, and how far boxes are off; a sum without a unit.
_DETECT = {
    "ap50": Metric(
        "%", "average precision at an overlap of 0.5 on the test scenes, after the last epoch", 0.0
    ),
    "val_loss": Metric("", "loss on the validation scenes, after the last epoch", 100.0),
    "train_loss": Metric("", "mean training loss of the last epoch, as optimised", 100.0),
    "params": Metric("", "trainable parameters of the whole detector"),
    "macs": Metric("", "multiply-accumulates of the whole detector for one scene, as for trainings"),
    "model_bytes": Metric("bytes", "parameters and buffers as stored"),
    "train_seconds": Metric("s", "wall-clock time of the training epochs"),
    "curve.val_loss": Metric("", "validation loss after each epoch", 100.0),
    "curve.train_loss": Metric("", "mean training loss of each epoch, as optimised", 100.0),
    "curve.lr": Metric("", "learning rate of each epoch"),
}

_PROFILE = {
    "params": Metric("", "parameters"),
    "params.trained": Metric("", "parameters that train"),
    "macs": Metric(
        "", "multiply-accumulates of convolutions and linear layers in one forward pass of the batch"
    ),
    "macs.with_scalings": Metric(
        "",
        "macs, and the multiplications by which squeeze and excitation scales maps, which some papers count",
    ),
    "flops": Metric("", "elementary operations, forward and backward"),
    "flops.forward": Metric("", "elementary operations of the forward pass"),
    "flops.backward": Metric("", "elementary operations of the backward pass"),
    "activation_bytes": Metric(
        "bytes", "bytes that autograd really keeps for backward, from saved-tensor hooks"
    ),
    "activation_bytes.counted": Metric("bytes", "bytes that the MobileTL paper's counting rule gives"),
    "activation_bytes.stock": Metric(
        "bytes", "bytes that autograd keeps for backward by the rules of its own formulas"
    ),
    "memory.counted": Metric(
        "bytes",
        "peak of a training step by the MobileTL paper's counting rule: parameters and the larger pass",
    ),
    "memory.counted.params": Metric("bytes", "its parameters: 4 bytes for a trained one, 1 for a frozen one"),
    "memory.counted.forward": Metric(
        "bytes", "its forward pass: what is stored so far, and a convolution's input and output, at most"
    ),
    "memory.counted.backward": Metric(
        "bytes", "its backward pass: what is still stored, and gradients of a weight for each image, at most"
    ),
    "activation_bits.per_element": Metric("bits", "bits really kept, for each element of the input"),
    "activation_bits.per_element.counted": Metric(
        "bits", "bits that the rule gives, for each element of the input"
    ),
    "model_bytes": Metric("bytes", "parameters and buffers as stored"),
}

_PROPERTY = {
    "cases": Metric("", "generated cases that were checked"),
    "violations": Metric("", "cases in which the property did not hold"),
    "max_error": Metric("", "largest relative error over all cases; left over right side of an inequality"),
}

# Medians over the rounds of a trial, with NetAug at the mean cost of a step (`edgebench.measure.passes`). No optimiser
# runs: Table 6 of MobileTL, too, times forward and backward.
_LATENCY = {
    "step_ms": Metric(
        "ms", "a training step: forward pass, loss and backward pass; before them its batch, with `augment`"
    ),
    "batch_ms": Metric("ms", "the step's share that prepares its batch, of arms with `augment`"),
    "forward_ms": Metric("ms", "the step's forward pass and loss"),
    "backward_ms": Metric("ms", "the step's backward pass"),
    "infer_ms": Metric("ms", "a forward pass in evaluation mode, without gradients"),
    "step_macs": Metric(
        "",
        "multiply-accumulates of convolutions and linear layers in a step's forward passes, with NetAug the mean over "
        "the steps; not there where a layer with weights has no counting rule",
    ),
    "threads": Metric("", "threads that the operations of the CPU could use"),
}

# Of all training images that the settings name; channels scaled to 0..1.
_DATASET = {
    "images": Metric("", "training images"),
    "images.test": Metric("", "test images"),
    "classes": Metric("", "classes"),
    "share.smallest": Metric("%", "training images of the smallest class"),
    "share.largest": Metric("%", "training images of the largest class"),
    **{
        f"{name}.{channel}": Metric("", f"{what} of the {channel} channel of the training images")
        for name, what in (("mean", "mean"), ("std", "population standard deviation"))
        for channel in ("red", "green", "blue", "grey")
    },
}

# Of files that are really written. What stands around the numbers (names, shapes, graphs, alignment) is the libraries'.
_FILE = {
    "params": Metric("", "parameters"),
    "model_bytes": Metric("bytes", "parameters and buffers as stored, without a file around them"),
    "checkpoint_bytes": Metric(
        "bytes", "those and the optimiser's state after one step, without a file around them"
    ),
    **{
        f"bytes.{name}": Metric("bytes", summary, packed=True)
        for name, summary in (
            ("safetensors", "a safetensors file of the float32 weights and buffers"),
            ("torch", "the same as torch.save writes it"),
            (
                "checkpoint",
                "weights, buffers and the optimiser's state after one step, as torch.save writes them",
            ),
            ("onnx", "an ONNX file of the float32 network: weights and graph"),
            ("onnx_int8", "an ONNX file of the network in int8, as `quantise: int8` makes it"),
        )
    },
}

# What a training with a `method` measures besides: its cost for a batch, which divergence cannot change.
METHOD_METRICS = ("params.trained", "flops", "memory.counted", "activation_bytes", "activation_bytes.counted")
_TRAIN |= {name: _PROFILE[name] for name in METHOD_METRICS}

# What trainings of a network of two paths with outputs of their own measure besides.
PATH_METRICS = tuple(
    f"{path}.{name}" for path in ("first", "second") for name in ("top1", "train_top1", "gap")
)
_TRAIN |= {
    f"{path}.{name}": Metric(_TRAIN[name].unit, f"{name} of the {path} path by itself", _TRAIN[name].worst)
    for path in ("first", "second")
    for name in ("top1", "train_top1", "gap")
}

# What every training of this version measures, one of them at least, and records of older versions lack.
ADDED = frozenset({"macs", "model_bytes", "params.nonzero", "epochs"})

METRICS: dict[Kind, dict[str, Metric]] = {
    "train": _TRAIN,
    "detect": _DETECT,
    "profile": _PROFILE,
    "property": _PROPERTY,
    "latency": _LATENCY,
    "dataset": _DATASET,
    "file": _FILE,
}

# Kinds whose values do not depend on a seed: judged exactly, with n = 1 and no interval.
EXACT_KINDS: frozenset[Kind] = frozenset({"profile", "property", "dataset", "file"})


def packed(kind: Kind, references: Iterable[tuple[str, str]]) -> bool:
    """Whether one of the references, (arm, metric) each, reads the size of a file."""
    return any(METRICS[kind][name].packed for _, name in references if name in METRICS[kind])


def unit(kind: Kind, name: str) -> str:
    """The unit of a metric, of ours or of another package."""
    if name not in METRICS[kind] and (added := plugins.metric_called(name)) is not None:
        return added.unit
    return METRICS[kind][name].unit


def worst(name: str) -> float | None:
    """The value of the metric `name` of a training, of a classifier or a detector, when the arm diverged."""
    table = _TRAIN | _DETECT
    if name not in table and (added := plugins.metric_called(name)) is not None:
        return added.worst
    return table[name].worst
