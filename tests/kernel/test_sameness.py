"""The same bits for any number of threads, split of the batch, memory and instruction set."""

import json
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import smoothxent
from calls import calls, large_shapes
from inventory import DTYPES, rows_for_threads
from metric_checks import draw
from ways import WAYS, assert_same

CLASS_COUNTS = [2, 17, 70, 1000, 1025, 5000]
MANY_ROWS = [(rows_for_threads(count, 203), count) for count in CLASS_COUNTS]
DIGESTS = "import battery, json; print(json.dumps(battery.digests()))"


def bits(logits, labels, reduction="none", **options):
    """Return the bytes of the losses and of the gradient."""
    loss, grad = smoothxent.cross_entropy_and_grad(
        logits, labels, label_smoothing=0.1, reduction=reduction, **options
    )
    return np.asarray(loss).tobytes(), grad.tobytes()


@pytest.mark.parametrize("reduction", ["none", "mean"])
@pytest.mark.parametrize("num_rows, num_classes", [*MANY_ROWS, *product([1, 2, 3], [262144])])
def test_number_of_threads_does_not_change_a_bit(any_dtype, rng, num_rows, num_classes, reduction):
    logits, labels = draw(rng, num_rows, num_classes, any_dtype, 6)
    alone = bits(logits, labels, reduction, num_threads=1)
    for num_threads in (2, 3, 4, None):
        assert bits(logits, labels, reduction, num_threads=num_threads) == alone


# 256 rows of few classes are computed together: in the first and last group of lanes, in between.
@pytest.mark.parametrize("num_classes", [2, 3, 4, 10, 50])
def test_irregular_rows_change_no_bit_of_the_others(any_dtype, rng, num_classes):
    regular, labels = draw(rng, 400, num_classes, any_dtype, 6)
    options = {"label_smoothing": 0.1, "reduction": "none", "num_threads": 1}
    alone = [bits(row[None], label[None]) for row, label in zip(regular, labels, strict=True)]
    for value in (np.inf, -np.inf, np.nan, 30000.0):
        for at in ([0], [100], [255], [256 + 37], [5, 20, 40, 250, 251]):
            logits = regular.copy()
            logits[at, 1] = value
            losses, grad = smoothxent.cross_entropy_and_grad(logits, labels, **options)
            assert smoothxent.cross_entropy(logits, labels, **options).tobytes() == losses.tobytes()
            for row in range(400):
                expected = alone[row]
                if row in at:
                    expected = bits(logits[row : row + 1], labels[row : row + 1])
                assert (losses[row].tobytes(), grad[row].tobytes()) == expected, (value, row)


@pytest.mark.parametrize("num_parts", [2, 97])
@pytest.mark.parametrize("num_classes", CLASS_COUNTS)
def test_split_of_the_batch_does_not_change_a_bit(any_dtype, rng, num_classes, num_parts):
    logits, labels = draw(rng, 97, num_classes, any_dtype, 6)
    whole_losses, whole_grad = bits(logits, labels)
    parts = [
        bits(part, of_part)
        for part, of_part in zip(
            np.array_split(logits, num_parts), np.array_split(labels, num_parts), strict=True
        )
    ]
    assert b"".join(losses for losses, _ in parts) == whole_losses
    assert b"".join(grad for _, grad in parts) == whole_grad


@pytest.mark.parametrize("num_classes", [17, 70, 1025])
def test_alignment_does_not_change_a_bit(any_dtype, rng, num_classes):
    logits, labels = draw(rng, 5, num_classes, any_dtype, 6)
    expected = bits(logits, labels)
    memory = np.zeros(logits.nbytes + 64, np.uint8)
    for offset in range(64):
        view = memory[offset : offset + logits.nbytes].view(any_dtype).reshape(logits.shape)
        view[...] = logits
        assert bits(view, labels) == expected


@pytest.fixture(scope="module")
def portable_digests(run_child):
    return json.loads(run_child(DIGESTS, SMOOTHXENT_ISA="portable"))


@pytest.mark.slow
@pytest.mark.parametrize("isa", smoothxent.available_isas()[1:])
def test_instruction_set_does_not_change_a_bit(run_child, portable_digests, isa):
    expected, actual = portable_digests, json.loads(run_child(DIGESTS, SMOOTHXENT_ISA=isa))
    assert [name for name in expected if actual[name] != expected[name]] == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*map(np.dtype, DTYPES)], ids=str)
@pytest.mark.parametrize("ways", [["other threads"], smoothxent.available_isas()], ids=str)
@given(data=st.data())
def test_any_large_call_gives_the_same_bits_in_another_way(kind, ways, data):
    call = data.draw(calls((kind,), large_shapes(), transformed=True)).without_outs()
    for way in ways:
        assert_same(call, *WAYS[way](call, data.draw))
