"""Make each mutant in a copy of the tree, run the tests that should fail, and count.

    make mutants                            all mutants, some hours on one core
    make mutants ARGS="losses.pxi _rows"    mutants of the files with these words in their names

A mutant of the kernel is built for the best instruction set of this machine and one dtype. Tests
that compare builds of several instruction sets do not run, because other builds have no mistake.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import smoothxent
from tools.mutation import (
    Mutant,
    bridges,
    calibration,
    checks,
    comparison,
    files,
    groups,
    kernel,
    metrics,
    moments,
    results,
    top_classes,
    torch_bridge,
    totals,
    transforms,
)

ROOT = Path(__file__).parents[2]
ISA = smoothxent.available_isas()[-1]
KERNELS = "src/smoothxent/_kernel"
TREE = [
    "src",
    "ext",
    "tests",
    "bench",
    "docs",
    "setup.py",
    "pyproject.toml",
    "README.md",
    "CONTRIBUTING.md",
]
PATIENCE = 600  # seconds for the tests of one mutant; a mutant that hangs is killed
NEEDED = 0.9  # fraction to kill of the mutants that are not equivalent

# The tests for the mutants of each module, likely failures first: a run stops at the first failure.
OF_EVALUATION = ["row_statistics", "evaluate", "evaluate_limits", "evaluation", "evaluation_merge"]
OF_EVALUATION += ["evaluation_record", "calibration", "exact", "evaluation_table"]
OF_CHECKS = ["errors", "out_errors", "labels", "reductions", "thread_policy", "smoothing"]
OF_CHECKS += ["layouts", "exact_sum", "loss_indices", "gradient", "half", "softmax"]
OF_CHECKS += ["special_values", "calls", "transforms", "runtime", "teams"]
OF_KERNEL = ["reference", "hard_cases", "special_values", "loss_probabilities", "loss_indices"]
OF_KERNEL += ["gradient", "softmax", "exact_sum", "reductions", "labels", "layouts", "errors"]
OF_KERNEL += ["out_errors", "sameness", "metamorphic", "evaluate_limits", "calls", "accuracy"]
OF_KERNEL += ["teams", "bounds", "accuracy_campaign", "lanes"]
OF_HALVES = ["half", "calls", "lanes"]
OF_BRIDGES = ["interop", "sklearn", "jax", "jax_errors"]
OF_TORCH = ["torch", "torch_errors", "torch_transforms", "torch_samples", "torch_subclasses"]
OF_TORCH += ["torch_tracing", "torch_linear", "torch_linear_errors"]
OF_TORCH += ["torch_linear_probabilities", "torch_linear_tracing"]
OF_GROUPS = ["group_sums", "groups", "groups_merge", "group_errors", "group_record", "classes"]
OF_GROUPS += ["group_files", "cli_groups"]
OF_COMPARISON = ["compare", "compare_formulas", "quantile_sketch", "comparison_merge"]
OF_COMPARISON += ["comparison_record", "compare_groups", "compare_groups_record"]
OF_FILES = ["evaluate_file", "file_faults", "read_ahead", "file_formats"]
OF_FILES += ["archive_faults", "text_faults", "evaluate_chunks", "chunk_faults"]
OF_FILES += ["npy_faults", "shards"]
OF_CALIBRATION = ["fit_temperature", "fit_reads", "fit_errors", "fit_temperature_file"]
OF_CALIBRATION += ["temperature"]
OF_TRANSFORMS = ["transforms", "z_loss", "linear", "linear_errors", "linear_probabilities"]
OF_TRANSFORMS += ["workers"]
TESTS = {
    bridges: OF_BRIDGES,
    torch_bridge: OF_TORCH,
    calibration: OF_CALIBRATION,
    checks: OF_CHECKS,
    comparison: OF_COMPARISON,
    totals: [*OF_EVALUATION, "errors"],
    metrics: [*OF_EVALUATION, "calls"],
    moments: [*OF_EVALUATION, "calls"],
    kernel: OF_KERNEL,
    results: OF_KERNEL,
    files: OF_FILES,
    top_classes: ["top_classes", "linear_row_statistics", "row_statistics"],
    groups: OF_GROUPS,
    transforms: OF_TRANSFORMS,
}
OF_BUILDS = ["another_way", "instruction_set"]  # parts of the names of tests that compare builds
MUTANTS = {mutant: tests for module, tests in TESTS.items() for mutant in module.MUTANTS}


def main() -> None:
    """Parse the arguments, run the mutants, print the results."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.mutation", description="Count the mutants that make a test fail."
    )
    parser.add_argument("words", nargs="*", help="parts of the names of the files to mutate")
    words = parser.parse_args().words
    chosen = [each for each in MUTANTS if not words or any(word in each.path for word in words)]
    if stale := [mutant.stale_text for mutant in chosen if mutant.is_stale(ROOT)]:
        sys.exit("\n".join(stale))
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = copied_tree(Path(folder))
        check_without_mutants(chosen, tree)
        results = [report(mutant, result_of(mutant, tree)) for mutant in chosen]
    counted = [result for result in results if result in ("killed", "SURVIVED")]
    killed = counted.count("killed")
    print(f"{killed} of {len(counted)} killed, {results.count('equivalent')} equivalent")
    sys.exit(not counted or killed < NEEDED * len(counted))


def copied_tree(folder: Path) -> Path:
    """Return a copy of the tree, including the built kernels."""
    for name in TREE:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    compiler = folder / "cc"  # -O1 compiles faster; the compiler uses the last -O
    compiler.write_text(f'#!/bin/sh\nexec {os.environ.get("CC", "cc")} "$@" -O1 -g0\n')
    compiler.chmod(0o755)
    return folder


def check_without_mutants(chosen: list[Mutant], tree: Path) -> None:
    """Exit unless the tests of the mutants pass in the tree as it is, else each would be killed."""
    for names, expression in dict.fromkeys(
        tests_of(each) for each in chosen if not each.is_equivalent
    ):
        if not passed(names, expression, tree):
            sys.exit(
                f"without a mutant, a test fails or all take over {PATIENCE} s, with "
                f"-k {expression!r}: {' '.join(names)}"
            )


def result_of(mutant: Mutant, tree: Path) -> str:
    """Return "killed", "SURVIVED" or "equivalent"."""
    if mutant.is_equivalent:
        return "equivalent"
    path = tree / mutant.path
    text = path.read_text()
    path.write_text(text.replace(mutant.old, mutant.new))
    try:
        if is_of_kernel(mutant) and not built(mutant.dtype, tree):
            return "killed"  # by the compiler
        return "SURVIVED" if passed(*tests_of(mutant), tree) else "killed"
    finally:
        path.write_text(text)
        restore_kernels(tree)


def built(dtype: str, tree: Path) -> bool:
    """Build the one kernel; return whether it compiled."""
    environment = os.environ | {
        "SMOOTHXENT_KERNELS": f"{ISA}_{dtype}",
        "SMOOTHXENT_WERROR": "0",  # a mistake may leave something unused
        "CC": str(tree / "cc"),
    }
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, check=False)
    return done.returncode == 0


def restore_kernels(tree: Path) -> None:
    """Restore the kernels without a mistake."""
    for kernel_file in (ROOT / KERNELS).glob("*_*.so"):
        shutil.copy2(kernel_file, tree / KERNELS)


def is_of_kernel(mutant: Mutant) -> bool:
    return mutant.path.startswith("ext/")


def tests_of(mutant: Mutant) -> tuple[tuple[str, ...], str]:
    """Return the names of the test files for the mutant, and pytest's -k for tests of them."""
    is_half = mutant.dtype in ("float16", "bfloat16")
    names = OF_HALVES if is_half else MUTANTS[mutant]
    other = {"float32": "float64", "float64": "float32"}.get(mutant.dtype)
    words = [*OF_BUILDS, *[other, "float16"] * (is_of_kernel(mutant) and not is_half)]
    return tuple(names), " and ".join(f"not {word}" for word in words)


def passed(names: tuple[str, ...], expression: str, tree: Path) -> bool:
    """Return whether all these tests pass."""
    files = [str(*(tree / "tests").rglob(f"test_{name}.py")) for name in names]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files]
    command += ["-k", expression]
    environment = os.environ | {"PYTHONPATH": str(tree / "src"), "SMOOTHXENT_ISA": ISA}
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return False
    if done.returncode not in (0, 1) and done.returncode > 0:
        raise SystemExit(done.stdout.decode() + done.stderr.decode())
    return done.returncode == 0


def report(mutant: Mutant, result: str) -> str:
    """Print the result of a mutant; return the result."""
    now = time.strftime("%H:%M:%S")
    print(f"{now} {result:10} {mutant.path}: {mutant.new.strip()!r}: {mutant.why}", flush=True)
    return result


if __name__ == "__main__":
    main()
