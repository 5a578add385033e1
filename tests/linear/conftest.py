"""The sizes of the blocks in which heads are computed."""

import pytest


@pytest.fixture(params=[None, 7], ids=["all rows at once", "seven rows at a time"])
def rows_each(request, monkeypatch):
    """Set the sizes of blocks and pieces; results do not depend on them."""
    if request.param:
        monkeypatch.setattr("smoothxent._linear.head._FEWEST_ROWS", request.param)
        monkeypatch.setattr("smoothxent._linear.head._TYPICAL_BLOCK", 0)
        monkeypatch.setattr("smoothxent._linear.head._TEMPORARY", 1 << 13)
        monkeypatch.setattr("smoothxent._linear.head._PRODUCT", 1 << 14)
