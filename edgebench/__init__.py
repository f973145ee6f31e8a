"""EdgeBench: checks whether published claims about edge-ML training hold here, and with what certainty."""

__version__ = "0.1.0"
