"""Imported once by the fork server, so that no trial's process pays for importing torch.

Nothing here may start a thread: a process forked from a threaded one can deadlock.
"""

import torch  # noqa: F401
import torchvision.transforms.v2  # noqa: F401

import edgebench.measure.profile_trial
import edgebench.measure.properties
import edgebench.run.worker
import edgebench.train.trial  # noqa: F401
