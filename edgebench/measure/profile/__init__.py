"""The analytic profiler: parameters, operations, kept activations and peak memory by MobileTL's accounting."""

from edgebench.measure.profile.result import Cost, Layer, Memory, Profile
from edgebench.measure.profile.trace import profile

__all__ = ["Cost", "Layer", "Memory", "Profile", "profile"]
