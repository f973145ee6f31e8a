"""A network for `model: edgebench-example:perceptron`."""

from torch import Tensor, nn


class Perceptron(nn.Module):
    """One hidden layer of 32 units times `width`.

    Args:
        size: height and width of the images.
    """

    def __init__(self, in_channels: int, classes: int, size: tuple[int, int], width: float = 1.0) -> None:
        super().__init__()
        hidden = round(32 * width)
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(in_channels * size[0] * size[1], hidden),
            nn.ReLU(),
            nn.Linear(hidden, classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, classes] of images [B, C, H, W]."""
        return self.layers(images)
