"""Agreement with libraries whose conventions are options: PyTorch, ONNX, TensorFlow, Keras."""

import numpy as np
import pytest

import smoothxent

# The tolerance: a few roundoffs of both libraries for losses of about 10.
TOLERANCE = {np.float32: 3e-6, np.float64: 1e-12}
REDUCTIONS = ["none", "sum", "mean"]


def assert_agrees(actual, expected, dtype):
    """Compare to the tolerance, relative to the larger of 1 and the value."""
    np.testing.assert_allclose(actual, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def draw_case(rng, shape, dtype, kind):
    """Return logits with classes on axis 1 (0 for one row), as in PyTorch, and labels."""
    axis = min(1, len(shape) - 1)
    logits = rng.normal(0, 3, shape).astype(dtype)
    if kind == "indices":
        labels = rng.integers(0, shape[axis], np.delete(shape, axis))
    else:
        labels = np.moveaxis(
            rng.dirichlet(np.ones(shape[axis]), np.delete(shape, axis)), -1, axis
        ).astype(dtype)
    return logits, labels, axis


SHAPES = {
    "batch": (13, 7),
    "one row": (7,),
    "1-d": (5, 7, 6),
    "2-d": (3, 7, 4, 5),
    "3-d": (2, 7, 3, 2, 4),
}


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("kind", ["indices", "probabilities"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_loss_and_gradient_agree_with_pytorch(
    dtype, rng, shape, kind, reduction, label_smoothing, weighted, torch
):
    logits, labels, axis = draw_case(rng, shape, dtype, kind)
    weight = rng.uniform(0.2, 2, shape[axis]).astype(dtype) if weighted else None
    x = torch.from_numpy(logits.copy()).requires_grad_()
    expected = torch.nn.functional.cross_entropy(
        x,
        torch.as_tensor(labels),
        reduction=reduction,
        label_smoothing=label_smoothing,
        weight=None if weight is None else torch.from_numpy(weight),
    )
    expected.sum().backward()
    loss, grad = smoothxent.cross_entropy_and_grad(
        logits,
        labels,
        axis=axis,
        reduction=reduction,
        label_smoothing=label_smoothing,
        class_weight=weight,
    )
    assert_agrees(loss, expected.detach().numpy(), dtype)
    assert_agrees(grad, x.grad.numpy(), dtype)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("ignore_index", [-100, 2])
@pytest.mark.parametrize("shape", [(13, 7), (3, 7, 4, 5)], ids=["batch", "2-d"])
def test_ignored_labels_agree_with_pytorch(
    dtype, rng, shape, ignore_index, reduction, label_smoothing, weighted, torch
):
    logits, labels, axis = draw_case(rng, shape, dtype, "indices")
    labels[labels == 3] = ignore_index
    weight = rng.uniform(0.2, 2, shape[1]).astype(dtype) if weighted else None
    x = torch.from_numpy(logits.copy()).requires_grad_()
    expected = torch.nn.functional.cross_entropy(
        x,
        torch.from_numpy(labels),
        reduction=reduction,
        label_smoothing=label_smoothing,
        weight=None if weight is None else torch.from_numpy(weight),
        ignore_index=ignore_index,
    )
    expected.sum().backward()
    loss, grad = smoothxent.cross_entropy_and_grad(
        logits,
        labels,
        axis=axis,
        reduction=reduction,
        label_smoothing=label_smoothing,
        class_weight=weight,
        ignore_index=ignore_index,
    )
    assert_agrees(loss, expected.detach().numpy(), dtype)
    assert_agrees(grad, x.grad.numpy(), dtype)


def test_mean_of_ignored_rows_alone_agrees_with_pytorch(dtype, torch):
    logits = np.zeros((3, 5), dtype)
    expected = torch.nn.functional.cross_entropy(
        torch.from_numpy(logits), torch.full((3,), -100), ignore_index=-100
    )
    loss = smoothxent.cross_entropy(logits, [-100] * 3, ignore_index=-100)
    assert np.isnan(loss)
    assert np.isnan(expected.item())


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_softmaxes_agree_with_pytorch(dtype, rng, name, axis, torch):
    logits = rng.normal(0, 3, (5, 7, 6)).astype(dtype)
    expected = getattr(torch.nn.functional, name)(torch.from_numpy(logits), dim=axis).numpy()
    assert_agrees(getattr(smoothxent, name)(logits, axis=axis), expected, dtype)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_log_sum_exp_agrees_with_pytorch(dtype, rng, axis, torch):
    logits = rng.normal(0, 3, (5, 7, 6)).astype(dtype)
    expected = torch.logsumexp(torch.from_numpy(logits), dim=axis).numpy()
    assert_agrees(smoothxent.log_sum_exp(logits, axis=axis), expected, dtype)


@pytest.mark.parametrize("ignored", [False, True], ids=["all kept", "some ignored"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(13, 7), (5, 7, 6), (3, 7, 4, 5)], ids=["batch", "1-d", "2-d"])
def test_loss_agrees_with_onnx(dtype, rng, shape, reduction, weighted, ignored):
    onnx = pytest.importorskip("onnx")
    reference = pytest.importorskip("onnx.reference")
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    logits, labels, axis = draw_case(rng, shape, dtype, "indices")
    feeds = {"scores": logits, "labels": labels}
    options = {}
    if weighted:
        options["class_weight"] = feeds["weights"] = rng.uniform(0.2, 2, shape[1]).astype(dtype)
    if ignored:
        options["ignore_index"] = 2
    node = onnx.helper.make_node(
        "SoftmaxCrossEntropyLoss",
        list(feeds),
        ["loss"],
        reduction=reduction,
        **{name: value for name, value in options.items() if name == "ignore_index"},
    )
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
    loss = smoothxent.cross_entropy(logits, labels, axis=axis, reduction=reduction, **options)
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
