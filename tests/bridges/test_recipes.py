"""The recipes of docs/recipes.md, unchanged, and the alternatives that docs/libraries.md names."""

import re

import numpy as np
import pytest

from peaks import peak_of
from place import ROOT
from smoothxent import evaluate, evaluate_file

PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
ALTERNATIVES = (
    (ROOT / "docs" / "libraries.md").read_text(encoding="utf-8").partition("## Not here")[2]
)
RECIPES = dict(re.findall(r"^## (.+)$(?:.|\n)*?^```python\n((?:.|\n)*?)^```", PAGE, re.MULTILINE))


@pytest.fixture
def rows(rng):
    logits = rng.normal(0, 4, (10_000, 12)).astype(np.float32)
    return logits, rng.integers(0, 12, 10_000)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that runs a recipe in an empty folder, and returns its variables."""
    monkeypatch.chdir(tmp_path)

    def run_recipe(heading, **names):
        exec(compile(RECIPES[heading], heading, "exec"), names)
        return names

    return run_recipe


def test_every_recipe_is_run():
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    tests = (ROOT / "tests" / "bridges" / "test_recipes.py").read_text()
    assert list(RECIPES) == headings
    assert PAGE.count("```python") == len(headings)
    assert [name for name in headings if f'run("{name}"' not in tests] == []


def batches_of(inputs, labels):
    return zip(np.array_split(inputs, 7), np.array_split(labels, 7), strict=True)


@pytest.mark.thread_unsafe(reason="prints")
def test_model_gives_the_bits_of_one_call(run, rows):
    logits, labels = rows
    names = run("A model", model=lambda inputs: inputs * 2, batches=batches_of(logits, labels))
    assert names["evaluation"] == evaluate(logits * 2, labels)


def causal_model(num_sequences, num_tokens, vocabulary):
    """Return a small language model of transformers with random weights, and padded sequences."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(7)
    shape = {"n_layer": 1, "n_head": 2, "n_embd": 16, "n_positions": num_tokens}
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=vocabulary, **shape))
    tokens = torch.randint(0, vocabulary, (num_sequences, num_tokens))
    mask = torch.arange(num_tokens) < torch.randint(2, num_tokens + 1, (num_sequences, 1))
    return model, tokens, mask.long()


@pytest.mark.thread_unsafe(reason="prints")
def test_shift_for_language_models_has_the_loss_of_the_next_tokens_and_copies_nothing(run, rng):
    logits = rng.normal(0, 4, (4, 30, 1000)).astype(np.float32)
    input_ids = rng.integers(0, 1000, (4, 30))
    attention_mask = np.arange(30) < np.array([[30], [7], [2], [15]])
    names = {"logits": logits, "input_ids": input_ids, "attention_mask": attention_mask}
    run("Causal language models", **names)
    found, peak = peak_of(lambda: run("Causal language models", **names))
    evaluation = found["evaluation"]
    assert peak < logits.nbytes / 4
    log_p = logits - np.log(np.exp(logits.astype(float)).sum(-1, keepdims=True))
    losses = [
        -log_p[n, t, input_ids[n, t + 1]]
        for n, length in enumerate(attention_mask.sum(1))
        for t in range(length - 1)
    ]
    assert evaluation.count == len(losses) == 50
    assert evaluation.nll == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.thread_unsafe(reason="prints")
def test_pytorch_gives_the_bits_of_one_call(run, rows, torch):
    logits, labels = map(torch.tensor, rows)
    model = torch.nn.Linear(12, 12)
    data = torch.utils.data.TensorDataset(logits, labels)
    loader = torch.utils.data.DataLoader(data, batch_size=1024)
    batches = [model(inputs).detach() for inputs, _ in loader]
    names = run("PyTorch", model=model, loader=loader)
    assert names["evaluation"] == evaluate(torch.cat(batches), labels)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of a machine without an accelerator
def test_trainer_reports_the_mean_over_all_tokens(run, torch, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model, tokens, mask = causal_model(21, 17, 50)
    labels = torch.where(mask.bool(), tokens, -100)
    keys = ("input_ids", "attention_mask", "labels")
    dataset = [dict(zip(keys, row, strict=True)) for row in zip(tokens, mask, labels, strict=True)]
    names = run("Hugging Face Trainer", model=model, dataset=dataset)
    with torch.no_grad():
        logits = model(tokens, attention_mask=mask).logits[:, :-1].reshape(-1, 50)
    following = labels[:, 1:].reshape(-1)
    nll = torch.nn.functional.cross_entropy(logits.double(), following).item()
    hits = (logits.argmax(1) == following)[following >= 0]
    for metrics in (names["metrics"], names["trainer"].evaluate()):
        assert metrics["eval_nll"] == pytest.approx(nll, rel=1e-5)
        assert metrics["eval_accuracy"] == pytest.approx(hits.double().mean().item())
        assert metrics["eval_perplexity"] == pytest.approx(np.exp(nll), rel=1e-5)
        assert metrics["eval_loss"] != pytest.approx(nll, rel=1e-5)  # a mean over batches
    assert names["total"].count == 0


def test_onnx_runtime_gives_the_bits_of_one_call(run, rows, tmp_path):
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    value = onnx.helper.make_tensor_value_info
    float32 = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Neg", ["x"], ["logits"])],
        "negative",
        [value("x", float32, [None, 12])],
        [value("logits", float32, [None, 12])],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9
    )
    onnx.save(model, tmp_path / "model.onnx")
    logits, labels = rows
    names = run("ONNX Runtime", batches=batches_of(logits, labels))
    assert names["evaluation"] == evaluate(-logits, labels)


def test_hdf5_gives_the_bits_of_one_call(run, rows, tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        file["logits"], file["labels"] = rows
    assert run("HDF5")["evaluation"] == evaluate(*rows)


def test_zarr_gives_the_bits_of_one_call(run, rows, tmp_path):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(tmp_path / "rows.zarr", mode="w")
    for name, array in zip(("logits", "labels"), rows, strict=True):
        group.create_array(name, data=array, chunks=(999, *array.shape[1:]))
    assert run("Zarr")["evaluation"] == evaluate(*rows)


def test_parquet_gives_the_bits_of_one_call(run, rows, tmp_path):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    logits, labels = rows
    lists = pa.FixedSizeListArray.from_arrays(pa.array(logits.reshape(-1)), 12)
    parquet.write_table(pa.table({"logits": lists, "label": labels}), tmp_path / "rows.parquet")
    assert run("Parquet")["evaluation"] == evaluate(logits, labels)


@pytest.mark.parametrize("names", [["no", "yes"], ["cat", "ant", "bee"]])
def test_names_of_scikit_learn_are_converted_to_the_columns_of_the_logits(run, rng, names):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, log_loss

    X = rng.normal(size=(200, 3))
    y = np.array(names)[(X + rng.normal(size=X.shape))[:, : len(names)].argmax(1)]
    classifier = LogisticRegression().fit(X, y)
    evaluation = run("scikit-learn", classifier=classifier, X=X, y=y)["evaluation"]
    assert evaluation.nll == pytest.approx(log_loss(y, classifier.predict_proba(X)), rel=1e-12)
    assert evaluation.accuracy == pytest.approx(accuracy_score(y, classifier.predict(X)))


def alternative(pattern):
    """Return the only code in docs/libraries.md that matches."""
    (code,) = re.findall(f"`({pattern}[^`]*)`", ALTERNATIVES)
    return code


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_pickled_tensors_are_converted_in_one_line(tmp_path, monkeypatch, rows, torch, dtype):
    save_file = pytest.importorskip("safetensors.torch").save_file
    monkeypatch.chdir(tmp_path)
    logits = torch.tensor(rows[0], dtype=getattr(torch, dtype))
    torch.save(logits, "logits.pt")
    np.save("labels.npy", rows[1])
    exec(alternative("save_file"), {"torch": torch, "save_file": save_file})
    assert evaluate_file("logits.safetensors", "labels.npy") == evaluate(logits, rows[1])


def test_formula_of_multi_label_losses_is_that_of_pytorch(rng, torch):
    x, y = rng.normal(0, 9, (50, 7)), rng.integers(0, 2, (50, 7)).astype(float)
    losses = eval(alternative(r"np\.logaddexp"), {"np": np, "x": x, "y": y})
    expected = torch.nn.BCEWithLogitsLoss()(torch.tensor(x), torch.tensor(y)).item()
    assert losses.mean() == pytest.approx(expected, rel=1e-12)


def test_focal_loss_of_pytorch_has_the_gradient_of_its_formula(rng, torch):
    blocks = re.findall(r"^```python\n((?:.|\n)*?)^```", ALTERNATIVES, re.MULTILINE)
    logits, labels = rng.normal(size=(50, 7)), rng.integers(0, 7, 50)
    x = torch.tensor(logits, requires_grad=True)
    p = torch.softmax(x, 1)[torch.arange(50), torch.tensor(labels)]
    expected = (-((1 - p) ** 2) * torch.log(p)).mean()
    expected.backward()
    names = {"logits": logits, "labels": labels, "focal_loss": expected.item()}
    exec(blocks[-1], names)
    np.testing.assert_allclose(names["x"].grad, x.grad, rtol=1e-9, atol=1e-15)


def test_metrics_for_loggers_are_numbers_by_name(rows):
    metrics = eval(alternative(r"evaluation\.to_dict"), {"evaluation": evaluate(*rows)})
    del metrics["top_k_stderr"]
    numbers = metrics | metrics.pop("top_k")
    assert {"loss", "nll", "accuracy", "1", "5"} <= numbers.keys()
    assert (numbers.pop("softcap"), numbers.pop("groups")) == (None, None)
    assert {type(value) for value in numbers.values()} == {float, int}
