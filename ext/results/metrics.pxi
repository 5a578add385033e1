# Per-row metrics other than the loss (rank, entropy, confidence, Brier score), added to totals or written to arrays.
# The formulas are in metrics.h.

cdef extern from "results/metrics.h" nogil:
    void group_metrics(RowGroup *, double)
    void metrics_of_labels(RowGroup *, const double *)


cdef void measure_labels(const Call *call, Py_ssize_t first, RowGroup *group) noexcept nogil:
    # after shares_of_group: the metrics of rows whose label is not their anchor, unless store_few_results has them
    cdef double label_logits[LANES]
    cdef int64_t differ = 0
    cdef Py_ssize_t i
    if call.num_classes <= FEW and group.all_valid:
        return
    for i in range(LANES):
        differ |= group.label[i] ^ group.anchor[i]
    if differ:
        for i in range(LANES):
            label_logits[i] = 0.0
            if group.label[i] >= 0 and group.label[i] != group.anchor[i]:
                label_logits[i] = label_logit_at(call, first + i, group.label[i])
        metrics_of_labels(group, label_logits)


cdef inline void add_full_stage(EvaluationTotals *metrics) noexcept nogil:
    if metrics.stage.count == STAGE:
        add_stage(metrics)


cdef void add_metrics(
    const Call *call, Py_ssize_t first, Py_ssize_t count, const RowGroup *group, EvaluationTotals *metrics
) noexcept nogil:
    cdef Stage *stage = &metrics.stage
    cdef Py_ssize_t i
    if call.sample_weight != NULL:
        for i in range(LANES):
            stage.weights[stage.count + i] = call.sample_weight[first + i] if i < count and group.kept[i] else 0.0
    stage_group(stage, group)
    add_full_stage(metrics)


# Arrays of an evaluation.

cdef int64_t top_class_of(const Call *call, Py_ssize_t row, const RowGroup *group, Py_ssize_t i) noexcept nogil:
    # the first of the largest logits of row i of the group; NO_CLASS for a row without a softmax, and for a miss unless
    # the classes of misses are needed
    cdef stored logits[TILE]
    cdef Py_ssize_t start = group.highest_tile[i] if call.num_classes > TILE else 0
    cdef Py_ssize_t count = min(<Py_ssize_t> TILE, call.num_classes - start)
    if group.nll[i] != group.nll[i]:
        return NO_CLASS
    if group.rank[i] == 0.0:
        return group.label[i]
    if not call.evaluated_rows.needs_misses:
        return NO_CLASS
    if call.anchors_are_top:
        return group.anchor[i]
    return start + first_equal(
        contiguous(call, row_start(&call.logits, row) + start * call.logits.class_stride, count, logits), count,
        <real> group.highest[i])


cdef void write_evaluated_rows(
    const Call *call, Py_ssize_t first, Py_ssize_t count, const RowGroup *group
) noexcept nogil:
    cdef EvaluatedRows out = call.evaluated_rows
    cdef Py_ssize_t i
    for i in range(count):
        if group.label[i] >= 0:
            out.nll[first + i] = <real> group.label_nll[i]  # as in the totals
            out.brier[first + i] = <real> group.brier[i]
            out.top_class[first + i] = top_class_of(call, first + i, group, i)


# Arrays of row_statistics.

cdef int add_statistics_arrays(Call *call, cnp.ndarray labels, ignore_index, tuple results) except -1:
    # results: the fields of RowStatistics in their order, None for those that the caller does not need
    cdef cnp.ndarray log_sum_exp, max_logit, argmax, entropy, confidence, label_logit, nll, rank
    cdef cnp.ndarray top_log_probs, top_classes
    cdef RowStatisticsArrays *out = &call.statistics_arrays
    log_sum_exp, max_logit, argmax, entropy, confidence, label_logit, nll, rank, top_log_probs, top_classes = results
    out.log_sum_exp, out.max_logit, out.argmax = reals(log_sum_exp), reals(max_logit), integers(argmax)
    out.entropy, out.confidence = reals(entropy), reals(confidence)
    out.label_logit, out.nll, out.rank = reals(label_logit), reals(nll), integers(rank)
    out.top_log_probs, out.top_classes = reals(top_log_probs), integers(top_classes)
    call.top_k = 0 if top_classes is None else cnp.PyArray_DIM(top_classes, cnp.PyArray_NDIM(top_classes) - 1)
    call.has_metrics = True
    call.rank_limit = call.num_classes
    call.has_labels = labels is not None
    if call.has_labels:
        call.labels = labels_of(labels, call.num_classes, ignore_index)
    return 0


cdef void write_top_classes(
    const Call *call, Py_ssize_t row, double top_logit, double nll, bint has_nan
) noexcept nogil:
    # the formula of log_softmax_of
    cdef TopClasses top = top_of_row(call, row, call.num_classes)
    cdef Py_ssize_t j
    for j in range(top.count):
        top.logits[j] = <real> ((top.logits[j] - top_logit) - nll)
        if has_nan:
            top.classes[j] = -1


cdef void write_metrics(const Call *call, Py_ssize_t first, Py_ssize_t count, RowGroup *group) noexcept nogil:
    # the anchor of each row is its top class
    cdef RowStatisticsArrays out = call.statistics_arrays
    cdef Py_ssize_t i, n
    cdef bint is_regular
    cdef real highest
    measure_labels(call, first, group)
    for i in range(count):
        n = first + i
        is_regular = group.nll[i] == group.nll[i]
        highest = <real> group.anchor_logit[i] if is_regular else irregular_log_sum_exp(group.anchor_logit[i])
        out.max_logit[n] = highest
        out.log_sum_exp[n] = <real> (group.anchor_logit[i] + group.nll[i]) if is_regular else highest
        out.argmax[n] = group.anchor[i] if highest == highest else -1
        out.entropy[n] = <real> group.entropy[i]
        out.confidence[n] = <real> group.confidence[i]
        if call.top_k:
            write_top_classes(call, n, group.anchor_logit[i], group.nll[i], highest != highest)
        if not call.has_labels:
            continue
        if group.label[i] < 0:
            out.label_logit[n] = NAN
            out.nll[n] = 0
            out.rank[n] = -1
        else:
            out.label_logit[n] = label_logit_at(call, n, group.label[i])
            out.nll[n] = <real> group.label_nll[i]
            out.rank[n] = <int64_t> group.rank[i]
