"""Static int8 quantisation of a trained network, by ONNX Runtime: 8-bit weights and maps, and integer arithmetic.

The network is exported in evaluation mode (which folds normalisations into convolutions), the range of every map is
taken from calibration images (least and largest value, as ONNX Runtime's `MinMax`), and weights, biases (32 bits) and
maps become integers: q = round(x / scale) + zero point, by an affine scale for maps and a symmetric one for weights
(Jacob et al., CVPR 2018, equation 1), one for each output channel or for the whole tensor.

ONNX Runtime then computes convolutions, depthwise ones too, linear layers, additions and pooling with integer kernels:
it is not a simulation. What it has no integer kernel for (the hard sigmoid inside Hard-Swish and squeeze and
excitation) is computed in float32 between 8-bit maps.

Weights are unsigned (zero point 128) although their scales are symmetric: of 8-bit products, x86 processors without
VNNI saturate sums of unsigned by signed ones. As it is, sums are exact on all of them, and processors can differ by
the rounding of scales alone.
"""

from __future__ import annotations

import io
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edgebench.claim.settings import QuantiseSettings
from edgebench.errors import ModelError, SettingsError

_BATCH = 64  # images at a time, in calibration
_OPSET = 17
_INPUT, _OUTPUT = "images", "logits"
_TOLERANCE = 1e-3  # of the largest output: how much the exported network may differ from torch's


class Quantised(nn.Module):
    """A quantised network; images (float32 [N, C, H, W]) to outputs (float32 [N, classes]), on the CPU, one thread.

    Attributes:
        content: the quantised network, an ONNX file.
        model_bytes: bytes of its weights, biases, scales and zero points as stored.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = content
        self.model_bytes = _stored_bytes(content)
        self._session = _session(content)

    def forward(self, images: Tensor) -> Tensor:
        (out,) = self._session.run([_OUTPUT], {_INPUT: images.contiguous().numpy()})
        return torch.from_numpy(out)


def int8(model: nn.Module, images: Tensor, settings: QuantiseSettings) -> Quantised:
    """Quantise a trained network; it stays as it is, in evaluation mode.

    Args:
        model: of float32 weights, on the CPU.
        images: for calibration [N, C, H, W], normalised as the network wants them.
        settings: the granularity of the scales of weights.

    Raises:
        SettingsError: ONNX Runtime is not installed.
        ModelError: the network cannot be exported, or not be quantised.
    """
    exported = onnx_file(model, images)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return Quantised(_quantised(exported, images, settings, Path(folder)))
    except Exception as error:
        raise _refused(model, error) from error


def onnx_file(model: nn.Module, images: Tensor) -> bytes:
    """The float32 network as an ONNX file, checked to compute what torch computes; it is left in evaluation mode.

    Args:
        model: of float32 weights, on the CPU.
        images: [N, C, H, W], as the network wants them; the file takes any number of them.

    Raises:
        SettingsError: ONNX Runtime is not installed.
        ModelError: the network cannot be exported.
    """
    _check_installed()
    try:
        exported = _exported(model.eval(), images[:2])
        _check_equal(model, exported, images[:_BATCH])
    except ModelError:
        raise
    except Exception as error:
        raise _refused(model, error) from error
    return exported


def _refused(model: nn.Module, error: Exception) -> ModelError:
    """One error for whatever the libraries raise, by class and message."""
    said = str(error).strip().splitlines() or [type(error).__name__]
    return ModelError(
        f"{type(model).__name__} cannot be quantised to int8: {said[0]}",
        expected="a network of layers that torch exports to ONNX and ONNX Runtime quantises",
    )


def _check_installed() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            f"quantise needs ONNX Runtime: {error}", hint="install it with: pip install onnx onnxruntime"
        ) from error


def _exported(model: nn.Module, images: Tensor) -> bytes:
    """The float network as an ONNX file, for any number of images."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        # By tracing: the newer exporter needs another package, and minutes for a network of fifty layers. What
        # tracing can miss, of which it warns, `_check_equal` finds.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (images.contiguous(),),
            file,  # type: ignore[arg-type]
            input_names=[_INPUT],
            output_names=[_OUTPUT],
            dynamic_axes={_INPUT: {0: "n"}, _OUTPUT: {0: "n"}},
            opset_version=_OPSET,
            dynamo=False,
        )
    return file.getvalue()


def _check_equal(model: nn.Module, exported: bytes, images: Tensor) -> None:
    """Refuse an exported network that computes something else than torch's."""
    with torch.inference_mode():
        expected = model(images)
    (found,) = _session(exported).run([_OUTPUT], {_INPUT: images.contiguous().numpy()})
    difference = float(
        (torch.from_numpy(found) - expected).abs().max() / expected.abs().max().clamp(min=1e-9)
    )
    if not difference <= _TOLERANCE:
        raise ModelError(
            f"{type(model).__name__} computes something else once it is exported to ONNX: outputs differ by "
            f"{difference:.2g} of the largest",
            expected=f"at most {_TOLERANCE:g}",
        )


def _quantised(exported: bytes, images: Tensor, settings: QuantiseSettings, folder: Path) -> bytes:
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.quant_utils import load_model_with_shape_infer
    from onnxruntime.quantization.shape_inference import quant_pre_process

    path = folder / "float.onnx"
    quant_pre_process(onnx.load_model_from_string(exported), str(path), skip_symbolic_shape=True)
    network = onnx.load_model(str(path))

    class OneThread(quantization.MinMaxCalibrater):  # type: ignore[misc]
        def create_inference_session(self) -> None:
            self.infer_session = _session(Path(self.augmented_model_path).read_bytes(), optimised=False)

    calibrater = OneThread(path, augmented_model_path=str(folder / "calibrated.onnx"))
    calibrater.augment_graph()
    calibrater.create_inference_session()
    calibrater.collect_data(_Batches(images))
    ranges = calibrater.compute_data()
    operations = sorted({node.op_type for node in network.graph.node})
    quantizer = quantization.QDQQuantizer(
        load_model_with_shape_infer(path),
        per_channel=settings.per != "tensor",
        reduce_range=False,
        weight_qType=quantization.QuantType.QUInt8,
        activation_qType=quantization.QuantType.QUInt8,
        tensors_range=ranges,
        nodes_to_quantize=[],
        nodes_to_exclude=[],
        op_types_to_quantize=operations,
        extra_options={"WeightSymmetric": True},
    )
    quantizer.quantize_model()
    content: bytes = quantizer.model.model.SerializeToString(deterministic=True)
    return content


class _Batches:
    """Images as ONNX Runtime's calibration reads them."""

    def __init__(self, images: Tensor) -> None:
        self._left: Iterator[Tensor] = iter(torch.split(images, _BATCH))

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self._left, None)
        return None if batch is None else {_INPUT: batch.contiguous().numpy()}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while (batch := self.get_next()) is not None:
            yield batch


def _session(content: bytes, *, optimised: bool = True) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _stored_bytes(content: bytes) -> int:
    import onnx
    from onnx import numpy_helper

    graph = onnx.load_model_from_string(content).graph
    return sum(numpy_helper.to_array(each).nbytes for each in graph.initializer)
