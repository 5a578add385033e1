# The results of a group of rows that follow from their statistics: losses, metrics and totals, and the factors of the
# second sweep.

cdef bint finish_group(
    const Call *call, Py_ssize_t first, Py_ssize_t count, RowGroup *group, SecondSweep *sweep, int thread
) noexcept nogil:
    # False if a row has a bad probability
    cdef Py_ssize_t i
    cdef double total
    cdef real losses[LANES]
    cdef Totals *totals = totals_at(call, thread) if call.task == LOSS else NULL
    if call.has_probabilities:
        for i in range(count):
            if group.bad_probability[i]:
                totals.bad_row = min(totals.bad_row, first + i)
                return False
    if call.task != LOSS:
        shares_of_group(call, group)
        if call.task == SOFTMAX:
            softmax_factors(group, sweep)
            if call.num_classes <= FEW:
                few_softmax_factors(group, sweep)
        if call.task == LOG_SUM_EXP:
            for i in range(count):  # the anchor is the top class: lse = x - log p
                total = group.anchor_logit[i] + group.nll[i]
                call.out[first + i] = <real> total if total == total else irregular_log_sum_exp(group.anchor_logit[i])
        if call.task == ROW_STATISTICS:
            write_metrics(call, first, count, group)
        return True
    if call.is_plain:
        plain_losses(call, first, count, group, sweep, losses)
    else:
        shares_of_group(call, group)
        general_losses(call, first, count, group, sweep)
        for i in range(LANES):
            losses[i] = <real> group.loss[i]
    if call.out != NULL:
        memcpy(call.out + first, losses, count * sizeof(real))
    if call.metrics != NULL:
        measure_labels(call, first, group)
        if call.evaluated_rows.nll != NULL:
            write_evaluated_rows(call, first, count, group)
    add_to_totals(call, first, count, group, losses, thread)
    return True


cdef void add_to_totals(
    const Call *call, Py_ssize_t first, Py_ssize_t count, RowGroup *group, const real *losses, int thread
) noexcept nogil:
    cdef Totals *totals = totals_at(call, thread)
    totals.num_kept += num_kept_rows(call, first, count, group)
    add_losses(call, group, losses, totals)
    if call.metrics != NULL:
        add_metrics(call, first, count, group, metrics_at(call, thread))


cdef inline void add_losses(const Call *call, const RowGroup *group, const real *losses, Totals *totals) noexcept nogil:
    # adds the losses as they are returned, rounded to `real`, and the weights of the rows
    cdef Py_ssize_t i
    cdef double *to = totals.losses + totals.waiting
    cdef double *weights = totals.weights + totals.waiting
    cdef bint adds = call.out == NULL and not call.loss_is_nll
    if not (adds or has_weights(call)):
        return
    for i in range(LANES):
        to[i] = losses[i] if adds else <real> 0
    if has_weights(call):
        for i in range(LANES):
            weights[i] = group.weight[i] if group.kept[i] else 0.0
    totals.waiting += LANES
    if totals.waiting == STAGE:
        add_waiting(totals, has_weights(call))


cdef Py_ssize_t finish_plain_groups(
    const Call *call, Py_ssize_t first, Py_ssize_t num_groups, Workspace *workspace, int thread
) noexcept nogil:
    # labels, statistics, losses, gradients and metrics of whole groups, at most most_plain_groups; returns how many are
    # done, maybe 0: the caller computes the group after them by the general functions
    cdef real losses[MOST_PLAIN_GROUPS * LANES]
    cdef int64_t anchors[MOST_PLAIN_GROUPS * LANES]
    cdef real *out = &losses[0]
    cdef Totals *totals = totals_at(call, thread)
    cdef EvaluationTotals *metrics = metrics_at(call, thread) if call.metrics != NULL else NULL
    cdef PlainLoss plain = plain_loss_of(call)
    cdef Stage *stage = NULL
    cdef char *grad = NULL
    cdef Py_ssize_t done, i
    if call.out != NULL:
        out = call.out + first
    if call.has_grad:
        grad = row_start(&call.grad, first)
    if metrics != NULL:
        stage = &metrics.stage
        num_groups = min(num_groups, (STAGE - stage.count) // LANES)
    done = plain_few_groups(
        anchors, num_groups, &plain, row_start(&call.labels.rows, first), row_start(&call.logits, first),
        workspace.columns, out, grad, stage)
    if metrics != NULL:
        add_full_stage(metrics)
    for i in range(done):
        add_losses(call, NULL, out + i * LANES, totals)
    totals.num_kept += done * LANES
    if call.labels.has_ignore_index:
        for i in range(done * LANES):
            totals.num_kept -= anchors[i] == NO_CLASS
    return done


cdef void general_losses(
    const Call *call, Py_ssize_t first, Py_ssize_t count, RowGroup *group, SecondSweep *sweep
) noexcept nogil:
    # losses and gradient factors with every option; the shares are known
    group_losses(call, group, first, count)
    if call.has_grad:
        gradient_sweep(call, group, first, sweep)
        if call.num_classes <= FEW:
            few_gradient_factors(group, sweep)


cdef void plain_losses(
    const Call *call, Py_ssize_t first, Py_ssize_t count, RowGroup *group, SecondSweep *sweep, real *losses
) noexcept nogil:
    # losses of few classes by plain_few_losses, and by general_losses for rows whose `few` statistics are not valid
    cdef PlainLoss plain = plain_loss_of(call)
    cdef Py_ssize_t i
    if not group.all_valid:
        group_shares(group)
        general_losses(call, first, count, group, sweep)
    plain_few_losses(group, &sweep.few, losses, &plain)
    if not group.all_valid:
        for i in range(count):
            if not group.is_valid[i]:
                losses[i] = <real> group.loss[i]


cdef inline Py_ssize_t num_kept_rows(
    const Call *call, Py_ssize_t first, Py_ssize_t count, const RowGroup *group
) noexcept nogil:
    # the number of rows that are not ignored and whose sample_weight is not 0
    cdef Py_ssize_t i, kept = count
    if call.labels.has_ignore_index or call.sample_weight != NULL:
        for i in range(count):
            if not group.kept[i] or (call.sample_weight != NULL and call.sample_weight[first + i] == 0.0):
                kept -= 1
    return kept
