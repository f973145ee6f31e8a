from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import interpolate

from edgebench.claim.settings import ModelSettings
from edgebench.errors import ModelError
from edgebench.models import folded, registry
from edgebench.models.mobile import Layout, MobileNet, Stage
from edgebench.models.weights import NAMED
from tests.models.pretrained import REAL, folded_features, folded_tensors, needs_real, real

_LAYOUT = Layout(8, 8, (Stage(16, 2, (3, 3), (3, 5)),), mix=None)


def _features(model: MobileNet, x: Tensor) -> Tensor:
    out: Tensor = model.pool(model.blocks(model.stem(x))).flatten(1)
    return out


def _normalisations(model: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


@pytest.mark.parametrize("calibration", [None, torch.rand(70, 3, 24, 24)])
def test_in_eval_mode_the_network_computes_what_the_folded_one_does(calibration: Tensor | None) -> None:
    model = MobileNet(_LAYOUT, classes=5)
    tensors = folded_tensors(model)
    folded.unfold(model, tensors, calibration, "here")
    assert all(module.training for module in model.modules())
    x = torch.rand(6, 3, 40, 40) * 2 - 1
    ours, theirs = _features(model.eval(), x), folded_features(model, tensors, x)
    assert theirs.std() > 0.1
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_statistics_are_those_of_the_calibration_images() -> None:
    """So the network computes nearly the same in training mode, on the calibration images as one batch."""
    model = MobileNet(_LAYOUT, classes=5)
    tensors = folded_tensors(model)
    images = torch.rand(70, 3, 24, 24) * 2 - 1
    folded.unfold(model, tensors, images, "here")
    assert torch.allclose(
        _features(model.train(), images), folded_features(model, tensors, images), atol=1e-3
    )
    seen: list[Tensor] = []
    model.stem.bn.register_forward_hook(lambda bn, inputs, out: seen.append(inputs[0]))  # type: ignore[union-attr]
    model.eval()(images)
    variance, mean = torch.var_mean(seen[0], (0, 2, 3), correction=0)
    bn = model.stem.bn
    assert isinstance(bn, nn.BatchNorm2d)
    assert torch.allclose(bn.running_var, variance, rtol=1e-3, atol=1e-5)  # type: ignore[arg-type]
    model = MobileNet(_LAYOUT, classes=5)
    folded.unfold(model, tensors, images, "here")
    assert torch.allclose(model.stem.bn.running_mean, mean, atol=1e-5)  # type: ignore[union-attr, arg-type]


def test_the_classifier_and_the_random_state_stay() -> None:
    model = MobileNet(_LAYOUT, classes=5)
    before, state = model.classifier.weight.clone(), torch.get_rng_state()
    folded.unfold(model, folded_tensors(model), None, "here")
    assert torch.equal(model.classifier.weight, before)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_channel_that_never_varies_is_no_problem() -> None:
    model = MobileNet(_LAYOUT, classes=5)
    tensors = folded_tensors(model)
    tensors["first_conv.weight"][3] = 0
    folded.unfold(model, tensors, None, "here")
    x = torch.rand(2, 3, 24, 24)
    assert torch.allclose(_features(model.eval(), x), folded_features(model, tensors, x), atol=1e-4)
    assert _features(model.train(), x).isfinite().all()


def test_tensors_of_another_network_are_refused_and_nothing_changes() -> None:
    model = MobileNet(_LAYOUT, classes=5)
    good = folded_tensors(model)
    before = [tensor.clone() for tensor in model.state_dict().values()]
    for change, message in (
        ({"blocks.2.expand.bias": None}, "here: it lacks blocks.2.expand.bias"),
        ({"blocks.3.expand.bias": torch.zeros(8)}, "it has, and the model has not, blocks.3.expand.bias"),
        ({"first_conv.weight": torch.zeros(8, 1, 3, 3)}, r"'first_conv.weight' .* \[8, 1, 3, 3\]"),
    ):
        tensors = {name: t for name, t in {**good, **change}.items() if t is not None}
        with pytest.raises(ModelError, match=message):
            folded.unfold(model, tensors, None, "here")
    after = model.state_dict().values()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_synthetic_images_are_always_the_same_and_like_photographs() -> None:
    torch.manual_seed(5)
    images = folded.synthetic_images(3, 8, 64)
    torch.manual_seed(6)
    assert torch.equal(images, folded.synthetic_images(3, 8, 64))
    assert images.shape == (8, 3, 64, 64)
    assert images.abs().max() <= 1
    assert 0.4 < images.std() < 0.6
    smooth = torch.corrcoef(torch.stack([images[..., 1:].flatten(), images[..., :-1].flatten()]))[0, 1]
    assert smooth > 0.9


def _photographs(count: int) -> Tensor:
    with np.load(REAL / "imagenette_112_jpeg.npz") as file:
        jpeg, offsets = file["test_jpeg"], file["test_offsets"]
    decoded = [
        np.array(Image.open(io.BytesIO(jpeg[a:b].tobytes())).convert("RGB"))
        for a, b in pairwise(offsets[: count + 1])
    ]
    pixels = torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return interpolate(pixels, (128, 128), mode="bilinear", align_corners=False)


@needs_real
@pytest.mark.parametrize("name", NAMED)
def test_the_released_networks_keep_their_function_on_photographs(name: str) -> None:
    model = registry.build(ModelSettings(name=name), in_channels=3, classes=10)
    assert isinstance(model, MobileNet)
    tensors, _ = real(name)
    x = _photographs(48)
    folded.unfold(model, tensors, x[:32], "here")
    theirs = folded_features(model, tensors, x)
    ours = _features(model.eval(), x)
    assert (ours - theirs).abs().max() < 1e-4
    # Statistics of real images make training mode start near the released function.
    trained = _features(model.train(), x)
    centred = [each - each.mean(0) for each in (theirs, trained)]
    assert torch.cosine_similarity(*centred).mean() > 0.9
