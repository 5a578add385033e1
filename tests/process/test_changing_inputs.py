"""Inputs that another thread changes during a call do no harm.

`make sanitize ARGS=tests/process/test_changing_inputs.py` watches every access; set
SMOOTHXENT_RACE_SECONDS for longer races.
"""

import os

import pytest

SECONDS = os.environ.get("SMOOTHXENT_RACE_SECONDS", "0.05")  # for each call


@pytest.mark.fault("changing-inputs")
@pytest.mark.slow
def test_inputs_that_change_during_a_call_do_no_harm(run_child):
    ended = run_child("import changing; changing.main()", SECONDS, flags=(), timeout=7200)
    assert ended.endswith("unharmed\n")
