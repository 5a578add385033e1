"""`smoothxent demo`: the worked example, the table of both classifiers, the picture."""

import pytest

from smoothxent import cross_entropy
from smoothxent.cli import demo, main

for module in ("matplotlib", "rich", "sklearn", "threadpoolctl"):
    pytest.importorskip(module)


@pytest.mark.slow
def test_demo_shows_what_its_evaluations_say(capsys, tmp_path):
    path = tmp_path / "picture.png"
    assert main(["demo", "--epochs", "30", "--output", str(path)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    smoothed = cross_entropy(demo.EXAMPLE_LOGITS, demo.EXAMPLE_LABELS, label_smoothing=0.001)
    assert f"loss, label_smoothing=0.001 {smoothed!r}\n" in out
    rows = [(line[:27].strip(), line[27:].split()) for line in out.splitlines()]
    losses = [numbers for name, numbers in rows if name == "loss on the label (nll)"]
    table = dict(rows)
    plain, smooth = table["loss, as trained"]
    train, test, fitted = losses
    assert train[0] == plain
    # Smoothing costs a classifier that prefers the label to the others.
    assert float(smooth) > float(train[1])
    # The temperature has the least nll on other digits of the same kind.
    assert all(float(after) < float(before) for before, after in zip(test, fitted, strict=True))
    assert all(0 < float(share) <= 1 for share in table["accuracy"])
    assert out.endswith(f"Picture: {path}\n")
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_same_seed_shows_the_same(capsys, tmp_path):
    shown = []
    for seed in ("3", "3", "4"):
        path = tmp_path / f"{seed}.svg"
        main(["demo", "--epochs", "2", "--seed", seed, "--output", str(path)])
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    assert shown[0] != shown[2]
