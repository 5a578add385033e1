"""Evaluation of checked rows: calls of the kernel, and the totals of groups and classes."""

import math
from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import ArrayLike

from smoothxent._arguments.groups import Groups
from smoothxent._arguments.labels import label_out_of_range
from smoothxent._arguments.options import (
    Targets,
    check_ignore_index,
    check_products,
    check_weights,
)
from smoothxent._evaluation.classes.totals import ClassTotals
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.groups.grouped_evaluation import GroupedEvaluation
from smoothxent._evaluation.groups.totals import MOST_EVALUATIONS, GroupTotals
from smoothxent._evaluation.probabilities import look_like_probabilities
from smoothxent._evaluation.row_metrics import RowMetrics
from smoothxent._evaluation.settings import Options
from smoothxent._kernel import widening
from smoothxent._kernel.protocol import EvaluatedRows
from smoothxent._kernel.rows import Layout, Rows
from smoothxent._kernel.threads import team_size
from smoothxent._kernel.views import row_views


def evaluate_rows(
    rows: Rows,
    options: Options,
    sample_weight: ArrayLike | None,
    ignore_index: int | None,
    num_threads: int | None,
) -> Evaluation:
    """Return the evaluation of checked rows whose labels are class indices."""
    targets = _targets(rows, options, sample_weight, ignore_index)
    if not options.per_class:
        return _evaluations(rows, options, targets, num_threads)[0]
    outputs = _outputs(rows[2], options)
    evaluation = _evaluations(rows, options, targets, num_threads, outputs)[0]
    return _with_classes(evaluation, rows, RowMetrics.of(outputs, rows[1], targets))


def evaluate_groups(
    rows: Rows,
    options: Options,
    groups: Groups,
    sample_weight: ArrayLike | None,
    ignore_index: int | None,
    num_threads: int | None,
    total_groups: int = 0,
) -> GroupedEvaluation:
    """Return the evaluation of checked rows and of their groups.

    total_groups: the number of groups of all batches, of which these rows are one.
    """
    keeps_evaluations = max(total_groups, len(groups.ids)) <= MOST_EVALUATIONS
    targets = _targets(rows, options, sample_weight, ignore_index)
    outputs = _outputs(rows[2], options)
    slices = groups if keeps_evaluations and len(groups.ids) else None
    evaluations = _evaluations(rows, options, targets, num_threads, outputs, slices)
    total = reduce(add, evaluations)
    measured = RowMetrics.of(outputs, rows[1], targets)
    if options.per_class:
        total = _with_classes(total, rows, measured)
    totals = GroupTotals.of(measured, groups)
    if not keeps_evaluations:
        return GroupedEvaluation(total, totals, None)
    return GroupedEvaluation(total, totals, tuple(evaluations) if slices else ())


def _targets(
    rows: Rows, options: Options, sample_weight: ArrayLike | None, ignore_index: int | None
) -> Targets:
    _, labels, layout = rows
    label_smoothing, prior, class_weight, _, _ = options.targets
    weights = ignored = None
    if sample_weight is not None:
        weights = check_weights("sample_weight", sample_weight, layout.row_shape)
        check_products(class_weight, weights)
    if ignore_index is not None:
        ignored = check_ignore_index(ignore_index, labels)
    return label_smoothing, prior, class_weight, weights, ignored


def _outputs(layout: Layout, options: Options) -> EvaluatedRows:
    size = math.prod(layout.row_shape)
    nll, brier = np.empty((2, size))
    return EvaluatedRows(nll, brier, np.empty(size, np.int64), options.per_class)


def _with_classes(evaluation: Evaluation, rows: Rows, measured: RowMetrics) -> Evaluation:
    return evaluation._with_classes(ClassTotals.of(measured, rows[2].num_classes))


def _evaluations(
    rows: Rows,
    options: Options,
    targets: Targets,
    num_threads: int | None,
    outputs: EvaluatedRows | None = None,
    slices: Groups | None = None,
) -> list[Evaluation]:
    """Return the evaluation of each slice, or of all rows; fill in the outputs of the rows."""
    logits, labels, layout = rows
    settings, transforms = options.settings, options.transforms
    kernel = widening.kernel_for(layout.dtype_name, transforms)
    threads = team_size(num_threads, logits.size, kernel)
    indices = labels
    if not layout.is_flat:
        logits, indices = row_views(layout.axis, logits, labels)
    ranks = np.array([min(k, layout.num_classes) for k in settings.top_k], np.int64)
    num_slices = 1 if slices is None else len(slices.ids)
    evaluations: list[Evaluation] = []
    for block, wide in widening.wide_blocks(layout.dtype_name, transforms, logits):
        its_slices = None
        sizes: Sequence[int | None] = [None]
        if slices is not None:
            its_slices = slices.of_rows[block.rows]
            sizes = np.bincount(its_slices, minlength=num_slices).tolist()
        bad_row, results = kernel.evaluate(
            wide,
            indices[block.of_labels],
            widening.targets_of_rows(targets, block.rows),
            transforms,
            ranks,
            settings.num_bins,
            its_slices,
            num_slices,
            None if outputs is None else outputs.of(block.rows),
            threads,
        )
        if bad_row >= 0:
            raise label_out_of_range(labels, layout.num_classes, block.rows.start + bad_row)
        parts = [
            Evaluation._of_kernel(settings, result, size)
            for result, size in zip(results, sizes, strict=True)
        ]
        evaluations = [*map(add, evaluations, parts)] if evaluations else parts
    if look_like_probabilities(*rows, targets[-1]):
        return [each._of_probabilities() for each in evaluations]
    return evaluations
