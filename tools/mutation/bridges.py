"""Mutants of what connects us with other libraries; those that need one, where it is installed."""

from importlib.util import find_spec

from tools.mutation import mutants_of

ARRAYS = "src/smoothxent/_arguments/arrays.py"
FOREIGN = "src/smoothxent/jax/_foreign.py"

MUTANTS = [
    *mutants_of(
        ARRAYS,
        ("frozenset({1, 3, 11, 13})", "frozenset({2, 3, 11, 13})", "memory of a GPU is read"),
        (
            'if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):',
            "if False:",
            "what offers DLPack alone is an object",
        ),
        (
            "    elif package in TO_CPU:\n",
            "    elif False:\n",
            "the way to the CPU is not said",
        ),
    ),
    *mutants_of(
        "src/smoothxent/sklearn.py",
        (
            "        return -loss\n",
            "        return loss\n",
            "the worst is the best",
        ),
        (
            "[np.zeros_like(numbers), numbers]",
            "[numbers, np.zeros_like(numbers)]",
            "the two classes are swapped",
        ),
        (
            "in (PROBABILITIES, DECISIONS)",
            "in (DECISIONS, PROBABILITIES)",
            "decisions that are no logits are scored",
        ),
        (
            "        if hasattr(estimator, PROBABILITIES):",
            "        if False:",
            "clipped probabilities are divided by their sum",
        ),
        ("np.finfo(p.dtype).eps", "np.finfo(float).eps", "float32 is clipped like float64"),
        (
            "np.clip(p, eps, 1 - eps)",
            "p",
            "a probability of 0 is a score of -inf",
        ),
        (
            "            label_smoothing=self.label_smoothing,\n",
            "            label_smoothing=0.1,\n",
            "the smoothing is that of the default",
        ),
        (
            "            sample_weight=sample_weight,\n",
            "",
            "weights are forgotten",
        ),
        ("    if -1 in indices:\n", "    if False:\n", "an unknown label is out of range"),
        ("numbers.shape[1] != num_classes", "False", "decisions between pairs are logits"),
        (
            "numbers.ndim == 1 and num_classes == 2",
            "False",
            "two classes raise an error",
        ),
        ("alias=sample_weight", "alias=True", "weights are routed to who declined them"),
    ),
]
if find_spec("torch"):
    MUTANTS += mutants_of(
        ARRAYS,
        (
            '    if tensor.device.type != "cpu":\n',
            "    if False:\n",
            "no remedy for another device",
        ),
        ("    if tensor.requires_grad:\n", "    if False:\n", "no remedy for what requires grad"),
        ("else tensor), is_bfloat16", "else tensor), False", "bits of bfloat16 are integers"),
    )
if find_spec("jax"):
    MUTANTS += mutants_of(
        ARRAYS,
        ('sys.modules.get("jax.core")', "None", "no remedy for tracers"),
        ("    except Exception:", "    except ZeroDivisionError:", "sharded arrays raise an error"),
    )
    MUTANTS += mutants_of(
        FOREIGN,
        ("not PER_CLASS.isdisjoint(call.names)", "False", "class weights have a batch axis"),
        ('(call.options["reduction"] != "none" or', "(False or", "a batch has one mean"),
        ("        outs[0][bad] = np.nan\n", "", "the loss of a bad label is that of class 0"),
        ("[bad] = np.nan\n\n\n", "[bad] = 0\n\n\n", "the gradient of a bad label is 0"),
        ("        if not bad.any():\n            raise\n", "", "bad weights pass"),
        (
            "                out[...] = np.nan\n",
            "                out[...] = 0\n",
            "a mean with bad labels is 0",
        ),
        (
            "            bad &= labels != options",
            "            bad |= labels == options",
            "ignored labels are bad ones",
        ),
        ("(labels < np.inf)", "(labels <= np.inf)", "an infinite probability is an error"),
        ("np.moveaxis(grad, axis, -1)", "grad", "classes are on the last axis"),
    )
    MUTANTS += mutants_of(
        "src/smoothxent/jax/_loss.py",
        (
            '        options["axis"] = int(options["axis"]) - logits.ndim\n',
            "        pass\n",
            "vmap moves the class axis",
        ),
        ("        if array.perturbed:\n", "        if False:\n", "labels have a gradient of 0"),
        (
            "    if cotangent.ndim:\n",
            "    if False:\n",
            "what flows back is laid along the classes",
        ),
        (".astype(grad.dtype)", "", "the gradient of halves is of float32"),
        (
            "if logits.dtype == jnp.float64 else jnp.float32",
            "if False else jnp.float32",
            "the loss of float64 is rounded",
        ),
    )
