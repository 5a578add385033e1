"""Agreement with libraries whose conventions are options: ONNX, TensorFlow, Keras.

Agreement with PyTorch is that of smoothxent.torch, in test_torch.py.
"""

import numpy as np
import pytest

import smoothxent

# The tolerance: a few roundoffs of both libraries for losses of about 10.
TOLERANCE = {np.float32: 3e-6, np.float64: 1e-12}
REDUCTIONS = ["none", "sum", "mean"]


def assert_agrees(actual, expected, dtype):
    """Compare to the tolerance, relative to the larger of 1 and the value."""
    np.testing.assert_allclose(actual, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.slow
@pytest.mark.parametrize("ignored", [False, True], ids=["all kept", "some ignored"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(13, 7), (5, 7, 6), (3, 7, 4, 5)], ids=["batch", "1-d", "2-d"])
def test_loss_agrees_with_onnx(dtype, rng, shape, reduction, weighted, ignored):
    onnx = pytest.importorskip("onnx")
    reference = pytest.importorskip("onnx.reference")
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    logits = rng.normal(0, 3, shape).astype(dtype)
    labels = rng.integers(0, shape[1], np.delete(shape, 1))
    feeds = {"scores": logits, "labels": labels}
    options = {"reduction": reduction} | ({"ignore_index": 2} if ignored else {})
    weights = {}
    if weighted:
        weights["class_weight"] = feeds["weights"] = rng.uniform(0.2, 2, shape[1]).astype(dtype)
    node = onnx.helper.make_node("SoftmaxCrossEntropyLoss", list(feeds), ["loss"], **options)
    inputs = [
        onnx.helper.make_tensor_value_info(
            name, onnx.TensorProto.INT64 if name == "labels" else kind, value.shape
        )
        for name, value in feeds.items()
    ]
    output = onnx.helper.make_tensor_value_info("loss", kind, None)
    graph = onnx.helper.make_graph([node], "loss", inputs, [output])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)])
    (expected,) = reference.ReferenceEvaluator(model).run(None, feeds)
    loss = smoothxent.cross_entropy(logits, labels, axis=1, **options, **weights)
    assert_agrees(loss, expected, dtype)


def tensorflow_softmax_cross_entropy(onehot_labels, logits, weights=1.0, label_smoothing=0):
    """Compute the documented tf.losses.softmax_cross_entropy, SUM_BY_NONZERO_WEIGHTS, in float64.

    The labels become onehot * (1 - eps) + eps / C. The loss of each row is multiplied by its
    weight, or by the only weight. The sum is divided by the number of weights that are not zero; if
    there are none, the result is 0.
    """
    onehot_labels, logits = np.asarray(onehot_labels, float), np.asarray(logits, float)
    num_classes = onehot_labels.shape[-1]
    target = onehot_labels * (1 - label_smoothing) + label_smoothing / num_classes
    peak = logits.max(axis=-1, keepdims=True)
    log_p = logits - peak - np.log(np.exp(logits - peak).sum(axis=-1, keepdims=True))
    losses = -(target * log_p).sum(axis=-1)
    weights = np.broadcast_to(np.asarray(weights, float), losses.shape)
    present = np.count_nonzero(weights)
    return (losses * weights).sum() / present if present else 0.0


@pytest.mark.parametrize("label_smoothing", [0, 0.001, 0.1, 1])
@pytest.mark.parametrize("weights", [1.0, 0.0, 2.5, "row", "row with zeros"], ids=str)
@pytest.mark.parametrize("kind", ["indices", "one_hot"])
def test_loss_agrees_with_the_losses_of_tensorflow(dtype, rng, kind, weights, label_smoothing):
    logits = rng.normal(0, 3, (12, 7)).astype(dtype)
    labels = rng.integers(0, 7, 12)
    one_hot = np.eye(7)[labels]
    if isinstance(weights, str):
        zeros = weights.endswith("zeros")
        weights = rng.uniform(0.1, 2, 12)
        weights[::3] *= not zeros
    expected = tensorflow_softmax_cross_entropy(one_hot, logits, weights, label_smoothing)
    loss = smoothxent.cross_entropy(
        logits,
        labels if kind == "indices" else one_hot,
        label_smoothing=label_smoothing,
        sample_weight=np.broadcast_to(weights, 12),
        reduction="sum_by_nonzero_weights",
    )
    assert_agrees(loss, expected, dtype)


@pytest.mark.parametrize("label_smoothing", [0, 0.1])
def test_loss_agrees_with_the_batch_mean_of_keras(dtype, rng, label_smoothing):
    # Keras: the same smoothing, and the weighted sum over the number of rows, zeros included.
    logits = rng.normal(0, 3, (12, 7)).astype(dtype)
    one_hot, weights = np.eye(7)[rng.integers(0, 7, 12)], rng.uniform(0, 2, 12)
    weights[:4] = 0
    expected = 8 / 12 * tensorflow_softmax_cross_entropy(one_hot, logits, weights, label_smoothing)
    loss = smoothxent.cross_entropy(
        logits,
        one_hot,
        label_smoothing=label_smoothing,
        sample_weight=weights,
        reduction="sum_over_batch_size",
    )
    assert_agrees(loss, expected, dtype)
