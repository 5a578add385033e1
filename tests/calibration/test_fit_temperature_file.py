"""fit_temperature_file: the bits of fit_temperature on the whole arrays; progress and warnings."""

import warnings

import ml_dtypes
import numpy as np
import pytest

from assertions import error_text
from smoothxent import evaluate, fit_temperature, fit_temperature_file, softmax


@pytest.fixture
def arrays(rng, tmp_path, monkeypatch):
    """Save logits, labels and weights to the current folder, whole and as shards."""
    monkeypatch.chdir(tmp_path)
    logits = rng.normal(0, 3, (120, 7)).astype(np.float32)
    labels = (logits / 3 + rng.gumbel(size=logits.shape)).argmax(axis=1)
    weights = rng.uniform(0, 2, 120)
    cuts = {"logits": [7, 7, 50], "labels": [33], "weights": [100, 110]}
    arrays = logits, labels, weights
    for (name, places), array in zip(cuts.items(), arrays, strict=True):
        np.save(f"{name}.npy", array)
        for number, part in enumerate(np.split(array, places)):
            np.save(f"{name}-{number}.npy", part)
    return arrays


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("num_threads", [1, 3, None])
def test_files_in_chunks_have_the_bits_of_the_arrays(arrays, num_threads):
    found = fit_temperature_file("logits.npy", "labels.npy", num_threads=num_threads)
    assert found == fit_temperature(*arrays[:2])
    assert found.value > 1.5


@pytest.mark.usefixtures("small_chunks")
def test_shards_and_options_have_the_bits_of_the_arrays(arrays):
    logits, labels, weights = arrays
    options = {"softcap": 9.0, "ignore_index": 3, "top_k": [2], "num_bins": 6, "bounds": (0.1, 9)}
    expected = fit_temperature(logits, labels, sample_weight=weights, **options)
    for given in (weights, "weights.npy", "weights-*.npy"):
        found = fit_temperature_file("logits-*.npy", "labels-*.npy", sample_weight=given, **options)
        assert found == expected


def test_words_of_two_bytes_are_what_dtype_says(arrays):
    logits, labels, _ = arrays
    half = logits.astype(ml_dtypes.bfloat16)
    np.save("logits.npy", half.view(np.uint16))
    found = fit_temperature_file("logits.npy", "labels.npy", dtype="bfloat16")
    assert found == fit_temperature(half, labels)


@pytest.mark.usefixtures("small_chunks")
def test_progress_sees_every_read(arrays):
    seen = []

    def progress(num_done, num_rows, evaluation):
        assert num_rows == 120
        seen.append((num_done, evaluation))

    fitted = fit_temperature_file("logits.npy", "labels.npy", progress=progress)
    wholes = [evaluation for num_done, evaluation in seen if num_done == 120]
    assert len(wholes) == fitted.iterations
    assert (wholes[0], wholes[-1]) == (fitted.evaluation_before, fitted.evaluation)
    temperatures = [evaluation.temperature for _, evaluation in seen]
    assert len(set(temperatures)) == fitted.iterations
    assert evaluate(*arrays[:2], temperature=temperatures[-1]) == fitted.evaluation


@pytest.mark.fault("probabilities-for-logits")
def test_probabilities_bring_one_warning_of_the_callers_line(arrays):
    np.save("logits.npy", softmax(arrays[0]))
    for call, name in (
        (lambda: fit_temperature_file("logits.npy", "labels.npy"), "logits file logits.npy"),
        (lambda: fit_temperature(softmax(arrays[0]), arrays[1]), "logits"),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        (found,) = caught
        assert found.filename == __file__
        assert str(found.message).startswith(f"{name} must not be probabilities")


@pytest.mark.fault("shards")
def test_shards_in_the_order_of_text_bring_a_warning_of_the_callers_line(arrays):
    np.save("logits-10.npy", np.zeros((0, 7), np.float32))
    shards = ["logits-0.npy", "logits-1.npy", "logits-10.npy", "logits-2.npy", "logits-3.npy"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = fit_temperature_file(shards, "labels.npy")
    assert found == fit_temperature(*arrays[:2])
    assert [each.filename for each in caught] == [__file__]


def test_errors_are_those_of_files_and_of_the_fit(arrays):
    logits, labels, _ = arrays
    np.save("labels.npy", logits.argmax(axis=1))
    found = error_text(ValueError, fit_temperature_file, "logits.npy", "labels.npy")
    assert found.startswith("labels must not have the largest logit in every row, got ")
    np.save("labels.npy", labels + 7)
    found = error_text(IndexError, fit_temperature_file, "logits.npy", "labels.npy")
    assert found.startswith("labels in labels.npy must lie in [0, 7), got labels[0] = ")
    found = error_text(TypeError, fit_temperature_file, logits, "labels.npy")
    assert found.startswith("logits must be a path or a sequence of paths, got ndarray")
