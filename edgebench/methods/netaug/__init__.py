"""NetAug (Cai et al., ICLR 2022): train a tiny network as part of larger ones; see `network`."""

from edgebench.methods.netaug.dials import Sample
from edgebench.methods.netaug.network import Augmented, augment

__all__ = ["Augmented", "Sample", "augment"]
