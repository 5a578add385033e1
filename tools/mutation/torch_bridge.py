"""Mutants of the drop-in losses for PyTorch, where it is installed."""

from importlib.util import find_spec

from tools.mutation import mutants_of

ALL = [
    *mutants_of(
        "src/smoothxent/torch/_operators.py",
        (
            "        if type(grad_output) not in _tensors.PLAIN:\n",
            "        if False:\n",
            "half of a pair that flows back is lost",
        ),
        (
            "        return _pytorch.cross_entropy(*arguments).to(dtype)\n",
            "        raise\n",
            "negative weights raise an error",
        ),
        (
            "        return _pytorchs_gradient(grad_output, input, target, weight, dtype,",
            "        raise ValueError(",
            "a loss by PyTorch has no gradient",
        ),
    ),
    *mutants_of(
        "src/smoothxent/torch/_tensors.py",
        (
            "if type(tensor) not in _TYPES",
            "if not isinstance(tensor, Tensor | None)",
            "a DTensor is asked for our operator",
        ),
    ),
    *mutants_of(
        "src/smoothxent/torch/_pytorch.py",
        (
            "        _check_transforms(options)\n",
            "",
            "PyTorch computes with a temperature of 0",
        ),
        ("divisor = label_weight.sum()", "divisor = kept.sum()", "z_loss has a mean of its own"),
        (
            "if target.shape not in (logits.shape[:-1], logits.shape):",
            "if False:",
            "positions and rows are swapped",
        ),
    ),
    *mutants_of(
        "src/smoothxent/torch/_linear_operators.py",
        ("of_input[rows] = sign * of_rows", "of_input[rows] = of_rows", "a sign is lost"),
        (
            "        if torch.is_grad_enabled():\n",
            "        if False:\n",
            "second derivatives are 0",
        ),
        ("grad_output.item() == 1", "True", "the incoming gradient is forgotten"),
        (
            "if torch.is_grad_enabled() and any(",
            "if any(",
            "gradients are computed that nobody needs",
        ),
    ),
    *mutants_of(
        "src/smoothxent/torch/_linear_loss.py",
        ("-100 if ignore_index is None", "0 if ignore_index is None", "class 0 is ignored"),
    ),
]
MUTANTS = ALL if find_spec("torch") else []
