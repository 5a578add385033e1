"""Records of version 1, which have fewer sums, are still read."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from smoothxent import Evaluation, evaluate
from test_evaluation_record import through_json

LOGITS = np.float32([[4, 5, 10], [1, 5, 4], [1, 15, 4], [0, 1, 2], [2, 2, 0]])
LABELS = np.array([2, 2, 1, 2, 0])


def version_1():
    return json.loads(Path(__file__).with_name("evaluation_version_1.json").read_text())


def test_record_of_version_1_is_read_without_the_results_that_it_can_not_have():
    old = Evaluation.from_dict(version_1())
    new = evaluate(LOGITS, LABELS, label_smoothing=0.1, top_k=(2,), num_bins=3)
    unknown = {"entropy_stderr", "confidence_stderr", "brier_stderr"}
    for name, value in new.to_dict()["metrics"].items():
        if name in unknown:
            assert math.isnan(getattr(old, name)), name
        elif isinstance(value, float):  # its metrics of rows were not yet rounded to float32
            assert getattr(old, name) == pytest.approx(value, rel=1e-6), name
    assert (old.top_k, old.top_k_stderr) == (new.top_k, new.top_k_stderr)
    assert old.risk_coverage() == new.risk_coverage()
    before, now = old.reliability(), new.reliability()
    assert before.recalibrated == now.recalibrated
    assert (before.discrimination, before.uncertainty) == (now.discrimination, now.uncertainty)
    assert math.isnan(before.score + before.miscalibration)


def test_record_of_version_1_is_added_and_saved_as_one_of_version_2():
    old = Evaluation.from_dict(version_1())
    assert through_json(old) == old
    assert old.to_dict()["version"] == 2
    both = old + old
    assert both.count == 10
    assert both.brier == old.brier
    assert math.isnan(both.brier_stderr)
    assert not math.isnan(both.nll_stderr)
