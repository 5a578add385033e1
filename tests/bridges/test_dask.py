"""smoothxent.dask.evaluate: the bits of one machine, for any blocks and any scheduler."""

import doctest
import os

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import smoothxent
from assertions import error_text
from inventory import DTYPES
from quick import PATIENCE, slow_but_first

dask = pytest.importorskip("dask")
pytest.importorskip("distributed")

import dask.array as da  # noqa: E402
from distributed import Client, LocalCluster  # noqa: E402

import smoothxent.dask  # noqa: E402

evaluate = smoothxent.dask.evaluate

pytestmark = [
    pytest.mark.thread_unsafe(reason="the settings of dask are those of the process"),
    pytest.mark.xdist_group("dask"),  # one cluster for all
    pytest.mark.filterwarnings("ignore:Creating scratch directories:UserWarning"),  # over a second
]


@pytest.fixture(autouse=True)
def scheduler():
    """Run tasks in this thread, unless a test chooses another scheduler."""
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture(scope="module")
def cluster():
    """Return a cluster of three processes with one thread each, like three machines."""
    with (
        dask.config.set({"distributed.comm.timeouts.connect": PATIENCE}),
        LocalCluster(
            n_workers=3, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def draw(rng, num_rows=100, num_classes=40, dtype=np.float32):
    logits = rng.normal(0, 4, (num_rows, num_classes)).astype(dtype)
    return logits, rng.integers(0, num_classes, num_rows)


def explode(block):
    raise AssertionError("a task ran")


def without_sizes(array):
    """Return the array with the same blocks, but unknown numbers of rows."""
    return array[da.ones(array.shape[:1], dtype=bool, chunks=array.chunks[:1])]


@st.composite
def chunks_of(draw, size):
    """Draw the sizes of the blocks along one axis; some of them may be empty."""
    cuts = sorted(draw(st.lists(st.integers(0, size), max_size=3)))
    return tuple(np.diff([0, *cuts, size]).tolist())


@pytest.mark.fault("dask-blocks")
@given(st.data())
def test_any_blocks_give_the_bits_of_one_array(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    row_shape = tuple(data.draw(st.lists(st.integers(0, 7), max_size=3)))
    axis = data.draw(st.integers(-len(row_shape) - 1, len(row_shape)))
    position = axis % (len(row_shape) + 1)
    num_classes = data.draw(st.sampled_from([1, 2, 9, 40]))
    shape = (*row_shape[:position], num_classes, *row_shape[position:])
    logits = rng.normal(0, 4, shape).astype(data.draw(st.sampled_from(DTYPES)))
    labels = rng.integers(-1, num_classes, row_shape)
    weights = rng.uniform(0, 2, row_shape) if data.draw(st.booleans()) else None
    ids = rng.integers(0, data.draw(st.sampled_from([3, 40])), row_shape)
    groups = data.draw(st.sampled_from([None, ids, np.char.mod("document %d", ids)]))
    options = {"ignore_index": -1, "axis": axis, "label_smoothing": 0.1, "top_k": (2,)}
    options["per_class"] = data.draw(st.booleans())
    options |= {"softcap": 20.0, "temperature": 0.75, "z_loss": 0.01}
    if data.draw(st.booleans()):
        options |= {"class_weight": rng.uniform(0, 2, num_classes), "num_bins": 4}

    def in_blocks(array):
        if array is None or data.draw(st.integers(0, 4)) == 0:
            return array
        return da.from_array(array, chunks=tuple(data.draw(chunks_of(n)) for n in array.shape))

    actual = evaluate(
        da.from_array(logits, chunks=tuple(data.draw(chunks_of(n)) for n in shape)),
        in_blocks(labels),
        sample_weight=in_blocks(weights),
        groups=in_blocks(groups),
        **options,
    )
    options |= {"sample_weight": weights, "groups": groups}
    assert actual == smoothxent.evaluate(logits, labels, **options)


@pytest.mark.parametrize("name", slow_but_first(["threads", "processes"]))
def test_any_scheduler_gives_the_bits_of_one_array(rng, name):
    logits, labels = draw(rng)
    with dask.config.set(scheduler=name, num_workers=2):
        actual = evaluate(da.from_array(logits, chunks=(9, 30)), labels, label_smoothing=0.1)
    assert actual == smoothxent.evaluate(logits, labels, label_smoothing=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("rows, classes", [(4, 40), (9, 7), (100, 40)])
def test_cluster_of_processes_gives_the_bits_of_one_array(cluster, rng, any_dtype, rows, classes):
    logits, labels = draw(rng, dtype=any_dtype)
    weights = rng.uniform(0, 2, 100)
    with cluster.as_current(), dask.config.set(scheduler=None):
        actual = evaluate(
            da.from_array(logits, chunks=(rows, classes)),
            da.from_array(labels, chunks=13),
            sample_weight=da.from_array(weights, chunks=17),
            class_weight=np.arange(40),
        )
    assert actual == smoothxent.evaluate(
        logits, labels, sample_weight=weights, class_weight=np.arange(40)
    )


@pytest.mark.fault("dask-entries")
@pytest.mark.slow
def test_cluster_names_a_label_out_of_range(cluster, rng):
    logits, labels = draw(rng)
    labels[57] = 40
    with cluster.as_current(), dask.config.set(scheduler=None):
        assert error_text(IndexError, evaluate, da.from_array(logits, chunks=9), labels) == (
            "labels must lie in [0, 40), got labels[57] = 40"
        )


@pytest.mark.fault("dask-worker")
@pytest.mark.slow
def test_worker_that_dies_changes_no_bit(cluster, rng, tmp_path):
    logits, labels = draw(rng)
    marker = tmp_path / "dead"

    def die_once(block):
        if not marker.exists():
            marker.touch()
            os._exit(1)
        return block

    source = da.from_array(logits, chunks=(9, 40)).map_blocks(die_once, meta=logits[:0])
    with cluster.as_current(), dask.config.set(scheduler=None):
        actual = evaluate(source, labels)
    assert marker.exists()
    assert actual == smoothxent.evaluate(logits, labels)


@pytest.mark.fault("dask-blocks")
def test_blocks_of_unknown_size_are_taken_as_they_are(rng):
    logits, labels = draw(rng)
    weights = rng.uniform(0, 2, 100)
    expected = smoothxent.evaluate(logits, labels, sample_weight=weights)
    known = [da.from_array(labels, chunks=30), da.from_array(weights, chunks=30)]
    for classes in (40, 7):
        unknown = without_sizes(da.from_array(logits, chunks=(30, classes)))
        for others in (known, list(map(without_sizes, known))):
            assert evaluate(unknown, others[0], sample_weight=others[1]) == expected


def test_uint16_bits_are_read_as_dtype_says(rng):
    logits, labels = draw(rng, dtype=ml_dtypes.bfloat16)
    bits = da.from_array(logits.view(np.uint16), chunks=9)
    assert evaluate(bits.view(ml_dtypes.bfloat16), labels) == smoothxent.evaluate(logits, labels)


@pytest.mark.fault("dask-blocks")
def test_rows_in_pieces_are_made_whole_within_the_size_of_a_chunk(rng):
    logits, labels = draw(rng)
    shapes = []
    spied = da.from_array(logits, chunks=(100, 7)).rechunk((100, 7))
    with dask.config.set({"array.chunk-size": "4 kiB"}), pytest.MonkeyPatch.context() as patch:
        real = smoothxent.evaluate

        def spy(block, *arguments, **options):
            shapes.append(block.shape)
            return real(block, *arguments, **options)

        patch.setattr(smoothxent, "evaluate", spy)
        assert evaluate(spied, labels) == real(logits, labels)
    assert shapes[0] == (0, 40)
    assert sum(num_rows for num_rows, _ in shapes[1:]) == 100
    assert all(num_rows * num_classes * 4 <= 4096 for num_rows, num_classes in shapes)


def test_evaluation_may_wait_and_share_its_source_with_others(rng):
    logits, labels = draw(rng)
    calls = []

    def read(block):
        calls.append(block.shape)
        return block

    source = da.from_array(logits, chunks=(30, 40)).map_blocks(read, meta=logits[:0])
    top = source.argmax(axis=1)
    waiting = evaluate(source, labels, compute=False), evaluate(source + 1, top, compute=False)
    assert calls == []
    of_labels, of_top = dask.compute(*waiting)
    assert len(calls) == 4
    assert of_labels == smoothxent.evaluate(logits, labels)
    assert of_top.accuracy == 1


@pytest.mark.fault("dask-entries")
@pytest.mark.parametrize("row", [0, 8, 9, 57, 99])
def test_label_out_of_range_is_named_by_its_place_in_the_whole(rng, row):
    logits, labels = draw(rng)
    labels[row] = -3
    for chunks in [(9, 40), (30, 7), (100, 40)]:
        assert error_text(IndexError, evaluate, da.from_array(logits, chunks=chunks), labels) == (
            f"labels must lie in [0, 40), got labels[{row}] = -3; "
            "pass ignore_index=-3 to leave such rows out"
        )


@pytest.mark.fault("dask-entries")
def test_bad_entries_of_several_axes_are_named_by_their_place_in_the_whole(rng):
    logits = da.zeros((6, 3, 8), chunks=(4, 3, 5))
    labels, weights = np.zeros((6, 8), int), np.ones((6, 8))
    labels[5, 7] = 3
    assert error_text(IndexError, evaluate, logits, labels, axis=1) == (
        "labels must lie in [0, 3), got labels[5, 7] = 3"
    )
    labels[5, 7], weights[4, 5] = 0, np.nan
    assert error_text(ValueError, evaluate, logits, labels, sample_weight=weights, axis=1) == (
        "sample_weight must be finite and not negative, got sample_weight[4, 5] = nan"
    )


@pytest.mark.fault("dask-entries")
def test_where_sizes_are_unknown_errors_name_the_block(rng):
    logits, labels = draw(rng)
    labels[57] = -1
    unknown = without_sizes(da.from_array(logits, chunks=(30, 40)))
    assert error_text(IndexError, evaluate, unknown, da.from_array(labels, chunks=30)) == (
        "labels must lie in [0, 40), got labels[27] = -1 in block (1,); "
        "pass ignore_index=-1 to leave such rows out"
    )
    shorter = da.zeros(99, dtype=int, chunks=30)
    assert error_text(ValueError, evaluate, unknown, shorter) == (
        "labels must have shape (10,), got (9,) in block (3,)"
    )


NEGATIVE = "class_weight must be finite and not negative, got class_weight[2] = -1"
INDICES = "labels must be integers if they are class indices, got float64; convert with"
ARGMAX = "labels must be class indices here, got probabilities of shape (2, 3); take"
MASKED = "labels must be a plain array, got a masked array; fill it with labels.filled(value)"
BLOCKS = "labels must have (1,) blocks, as the rows of logits, where sizes are unknown, got (2,)"
TYPES = "logits must be float32, float64, float16 or bfloat16, got int64; convert with"
CLASSES = "logits must have a known number of classes, got nan; call logits.compute_chunk_sizes()"
COLUMN = "labels must have shape (2,), got (2, 1, 1); use labels.reshape((2,))"
IN_BLOCKS = without_sizes(da.zeros(2, dtype=int, chunks=1))
WRONG = [
    ({"label_smoothing": 2}, ValueError, "label_smoothing must lie in [0, 1], got 2"),
    ({"prior": [1.0]}, ValueError, "prior must have shape (3,), got (1,)"),
    ({"class_weight": [1, 2, -1]}, ValueError, NEGATIVE),
    ({"ignore_index": 0.5}, TypeError, "ignore_index must be an integer, got 0.5"),
    ({"top_k": iter([0])}, ValueError, "top_k must be at least 1, got 0"),
    ({"num_bins": 0}, ValueError, "num_bins must be at least 1, got 0"),
    ({"num_threads": 0}, ValueError, "num_threads must be at least 1, got 0"),
    ({"axis": 2}, ValueError, "axis must lie in [-2, 2), got 2"),
    ({"axis": 0.5}, TypeError, "axis must be an integer, got 0.5"),
    ({"labels": da.zeros(4, dtype=int)}, ValueError, "labels must have shape (2,), got (4,)"),
    ({"labels": da.zeros((2, 1, 1), dtype=int)}, ValueError, COLUMN),
    ({"labels": da.zeros(2)}, TypeError, f"{INDICES} labels.astype(np.int64)"),
    ({"labels": da.zeros((2, 3))}, ValueError, f"{ARGMAX} their argmax over the class axis"),
    ({"labels": da.ma.masked_array([0, 1])}, TypeError, MASKED),
    ({"labels": IN_BLOCKS}, ValueError, f"{BLOCKS}; call compute_chunk_sizes() of both"),
    ({"groups": [0]}, ValueError, "groups must have shape (2,), got (1,)"),
    ({"sample_weight": [1.0]}, ValueError, "sample_weight must have shape (2,), got (1,)"),
    ({"sample_weight": ["1", "2"]}, TypeError, "sample_weight must be real numbers, got <U1"),
    ({"logits": da.zeros((2, 3), dtype=int)}, TypeError, f"{TYPES} logits.astype(np.float32)"),
    ({"logits": da.zeros(())}, ValueError, "logits must have at least one axis, got shape ()"),
    ({"logits": without_sizes(da.zeros((3, 2))).T}, ValueError, CLASSES),
]


@pytest.mark.fault("dask-arguments")
@pytest.mark.parametrize("changes, error, text", WRONG)
def test_what_no_evaluation_takes_is_an_error_before_any_task_runs(changes, error, text):
    logits = da.zeros((2, 3), dtype=np.float32).map_blocks(
        explode, meta=np.empty((0, 0), np.float32)
    )
    arguments = {"logits": logits, "labels": [0, 1]} | changes
    assert error_text(error, evaluate, **arguments) == text


def test_example_of_the_docstring_runs_as_shown():
    (test,) = doctest.DocTestFinder(recurse=False).find(evaluate, "evaluate", globs={})
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0
