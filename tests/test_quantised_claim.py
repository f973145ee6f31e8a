"""A claim about quantisation from the command line: each network is trained once, and quantised once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from edgebench.run.store import Store
from tests.shell import Shell

CLAIM = """
    claim: A trained network is a quarter of the size in int8, or little more
    where: Introduction
    tags: [quantisation]
    settings:
      model: micronet
      data: {name: digits, train: 200, val: 100}
      epochs: 2
      batch: 16
      optimiser: {name: sgd, lr: 0.05, momentum: 0.9}
    arms:
      classical: {}
      int8: {quantise: {name: int8, calibration: 50}}
    reference: classical
    tiers:
      smoke: {}
    effects:
      smaller: {value: int8.model_bytes / classical.model_bytes, expect: "< 0.6"}
      multiplies: {value: classical.macs - int8.macs, expect: "~ 0 ± 1"}
"""


PLAIN, INT8 = "micronet on digits, seed {}", "micronet on digits, int8, seed {}"


def test_each_seed_is_trained_once_and_a_second_run_starts_nothing(shell: Shell) -> None:
    shell.write(smaller=CLAIM)
    Store(Path("store.sqlite")).close()
    with closing(sqlite3.connect("store.sqlite")) as db:
        # A second training of a seed would replace its record; this keeps count.
        db.execute("CREATE TABLE written (trial TEXT)")
        db.execute(
            "CREATE TRIGGER count AFTER INSERT ON record BEGIN INSERT INTO written VALUES (new.description); END"
        )
        for seeds in (2, 3, 3):
            assert shell("run", "--store", "store.sqlite", "--seeds", str(seeds)) == 0, shell.out
            assert shell.out.count("reproduced · proxy") >= 2
            rows = sorted(trial for (trial,) in db.execute("SELECT trial FROM written"))
            assert rows == sorted(form.format(seed) for form in (PLAIN, INT8) for seed in range(seeds))
