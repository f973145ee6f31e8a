from __future__ import annotations

import pytest
import torch
from torch import nn

from edgebench.claim.settings import ModelSettings
from edgebench.detect.network import PRIOR, Backbone, Detector, scales
from edgebench.errors import ModelError
from edgebench.measure.inference import inference_costs
from edgebench.models import registry
from tests.detect.fixtures import detector


def network(name: str, size: int, **options: object) -> nn.Module:
    named = ModelSettings.model_validate({"name": name, **options})
    return registry.build(named, in_channels=3, classes=10, size=(size, size))


@pytest.mark.parametrize(
    ("name", "options", "taps"),
    [
        ("mobilenetv2-tiny", {}, [(16, 8), (32, 16), (112, 32)]),
        ("mbv2-w0.35", {}, [(16, 8), (32, 16), (112, 32)]),
        ("torchvision:mobilenet_v2", {"width": 0.35}, [(16, 8), (32, 16), (112, 32)]),
        ("torchvision:mobilenet_v3_small", {"width": 0.5}, [(16, 8), (24, 16), (48, 32)]),
        ("torchvision:resnet18", {}, [(128, 8), (256, 16), (512, 32)]),
        ("micronet", {}, [(32, 4)]),
    ],
)
def test_taps_are_the_last_maps_of_each_size(
    name: str, options: dict[str, object], taps: list[tuple[int, int]]
) -> None:
    backbone = Backbone(network(name, 64, **options), (3, 64, 64)).eval()
    assert backbone.taps == taps
    maps = backbone(torch.zeros(2, 3, 64, 64))
    assert [tuple(each.shape) for each in maps] == [(2, c, 64 // s, 64 // s) for c, s in taps]


def test_the_deepest_map_is_what_the_classifier_sees() -> None:
    torch.manual_seed(0)
    model = network("mbv2-w0.35", 64).eval()
    images = torch.randn(2, 3, 64, 64)
    deepest = Backbone(model, (3, 64, 64)).eval()(images)[-1]
    classifier = model.get_submodule("classifier")
    assert torch.allclose(classifier(deepest.mean((2, 3))), model(images), atol=1e-5)


def test_what_has_no_known_order_and_images_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ModelError, match="order of computation is not known"):
        Backbone(nn.ModuleDict({"a": nn.Conv2d(3, 4, 3)}), (3, 64, 64))
    with pytest.raises(ModelError, match="80 × 80"):
        Backbone(network("mobilenetv2-tiny", 80), (3, 80, 80))


def test_there_are_two_scales_at_least() -> None:
    small = detector()
    assert scales(small.backbone) == 2
    assert small.strides == [4, 8]
    assert len(small.coarser) == 1


def test_it_starts_with_objects_as_rare_as_they_are() -> None:
    torch.manual_seed(0)
    found = detector(classes=5).eval()(torch.randn(2, 1, 32, 32))
    for each in found:
        assert each.shape[-1] == 10
        assert torch.allclose(each[..., 4].sigmoid(), torch.tensor(PRIOR), rtol=0.5)
        assert torch.allclose(each[..., 5:].sigmoid(), torch.tensor(1 / 5), rtol=0.5)


def test_its_convolutions_are_separable_and_its_costs_are_counted() -> None:
    small = detector()
    spatial = [
        m for n, m in small.named_modules() if isinstance(m, nn.Conv2d) and not n.startswith("backbone.")
    ]
    assert all(conv.kernel_size == (1, 1) or conv.groups == conv.in_channels for conv in spatial)
    costs = inference_costs(small, (1, 32, 32))
    backbone = inference_costs(small.backbone, (1, 32, 32))
    at = {"coarser": 16, "finer": 64}  # positions of the two scales' maps
    head = (
        (9 * 32 * at["coarser"] + 32 * 8 * at["coarser"])  # the coarser map is made
        + (8 * 8 + 9 * 8 + 8 * 8) * at["coarser"]  # joined
        + (32 + 4) * 8 * at["finer"] + (9 * 8 + 8 * 8) * at["finer"]
        + 8 * 4 * at["coarser"]  # lifted
        + sum((9 * 8 + 8 * 8 + 8 * 24) * count for count in at.values())  # predicted from
    )  # fmt: skip
    assert costs["macs"] == backbone["macs"] + head


def test_gradients_reach_every_weight() -> None:
    torch.manual_seed(0)
    small: Detector = detector()
    sum((each.float() ** 2).sum() for each in small(torch.randn(2, 1, 32, 32))).backward()  # type: ignore[union-attr]
    assert all(each.grad is not None for each in small.parameters())
