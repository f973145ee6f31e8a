"""The analytic profiler: parameters, operations and kept activations by MobileTL's accounting."""

from edgebench.measure.profile.result import Cost, Layer, Profile
from edgebench.measure.profile.trace import profile

__all__ = ["Cost", "Layer", "Profile", "profile"]
