"""What this package adds to EdgeBench. Claims are checked with this module alone: it imports no torch."""

from edgebench.plugins import Dataset, Method, Metric, Model

PERCEPTRON = Model(
    "edgebench_example.network:Perceptron",
    options=("width",),
    summary="a perceptron of one hidden layer",
    passes=("in_channels", "classes", "size"),
)
STRIPES = Dataset("edgebench_example.data:stripes", "stripes along or across, in noise")
WEIGHT_NOISE = Method(
    "edgebench_example.method:WeightNoise", "noise on all weights before every epoch", {"strength": 0.01}
)
WEIGHT_NORM = Metric("edgebench_example.metric:weight_norm", "", "Euclidean norm of all weights", worst=1e9)
