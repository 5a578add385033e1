"""Evaluation of checked rows: calls of the kernel, and the totals of groups and classes."""

import math
from dataclasses import replace

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
from smoothxent._evaluation.classes import sums_of_classes
from smoothxent._evaluation.groups import sums_of_groups
from smoothxent._evaluation.probabilities import look_like_probabilities
from smoothxent._evaluation.row_metrics import RowMetrics
from smoothxent._evaluation.settings import Options
from smoothxent._evaluation.totals import Totals
from smoothxent._kernel import widening
from smoothxent._kernel.protocol import EvaluatedRows
from smoothxent._kernel.rows import Layout, Rows
from smoothxent._kernel.threads import team_size
from smoothxent._kernel.views import row_views


def evaluate_rows(
    rows: Rows,
    options: Options,
    groups: Groups | None,
    sample_weight: ArrayLike | None,
    ignore_index: int | None,
    num_threads: int | None,
) -> Totals:
    """Return the totals of checked rows whose labels are class indices."""
    targets = _targets(rows, options, sample_weight, ignore_index)
    if groups is None and not options.per_class:
        return _totals(rows, options, targets, num_threads, None)
    outputs = _outputs(rows[2], options)
    totals = _totals(rows, options, targets, num_threads, outputs)
    measured = RowMetrics.of(outputs, rows[1], targets)
    return replace(
        totals,
        groups=None if groups is None else sums_of_groups(measured, groups),
        classes=sums_of_classes(measured) if options.per_class else None,
    )


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


def _totals(
    rows: Rows,
    options: Options,
    targets: Targets,
    num_threads: int | None,
    outputs: EvaluatedRows | None,
) -> Totals:
    """Return the totals without groups and classes; fill in the outputs of the rows."""
    logits, labels, layout = rows
    settings, transforms = options.settings, options.transforms
    kernel = widening.kernel_for(layout.dtype_name, transforms)
    threads = team_size(num_threads, logits.size, kernel)
    indices = labels
    if not layout.is_flat:
        logits, indices = row_views(layout.axis, logits, labels)
    ranks = np.array([min(k, layout.num_classes) for k in settings.top_k], np.int64)
    total: Totals | None = None
    for block, wide in widening.wide_blocks(layout.dtype_name, transforms, logits):
        bad_row, result = kernel.evaluate(
            wide,
            indices[block.of_labels],
            widening.targets_of_rows(targets, block.rows),
            transforms,
            ranks,
            settings.num_bins,
            None if outputs is None else outputs.of(block.rows),
            threads,
        )
        if bad_row >= 0:
            raise label_out_of_range(labels, layout.num_classes, block.rows.start + bad_row)
        part = Totals.from_kernel(settings, result)
        total = part if total is None else total + part
    assert total is not None  # there is at least one block
    if look_like_probabilities(*rows, targets[-1]):
        return replace(total, looks_like_probabilities=True)
    return total
