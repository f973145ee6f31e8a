"""Imported once by the fork server, so that no trial's process pays for importing torch.

Nothing here may start a thread: a process forked from a threaded one can deadlock.
"""

import atexit
import gc

import torch  # noqa: F401
import torchvision.transforms.v2  # noqa: F401

import edgebench.measure.latency
import edgebench.measure.profile_trial
import edgebench.measure.properties
import edgebench.run.worker
import edgebench.train.together  # noqa: F401
from edgebench.run import environment

# Read once here, and not by every trial.
environment.identity()
environment.state()
# A trial's garbage collector would walk all that was imported, and so copy its pages into the trial's own memory: on
# a machine with 2 cores a single full collection took 227 ms, and takes 10 ms without those objects.
gc.collect()
gc.freeze()
atexit.register(gc.unfreeze)  # else some packages complain at the end that their objects are still there
