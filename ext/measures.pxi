# Measures: what an evaluation asks of a row beside its loss, into totals or into arrays. The formulas: measures.h.

cdef inline int sums_with(const Job *job) noexcept nogil:
    # what is summed along with exp
    return (GAPS if job.uniform_smoothing else 0) | (MOMENTS if job.measures else 0)


cdef void measure_group(const Job *job, Py_ssize_t first, Py_ssize_t count, Group *group) noexcept nogil:
    cdef double ranked_logits[LANES]
    cdef Py_ssize_t i
    for i in range(LANES):
        ranked_logits[i] = 0.0
        if i < count and group.ranked[i] >= 0 and group.ranked[i] != group.label[i]:
            ranked_logits[i] = label_logit_at(job, first + i, group.ranked[i])
    group_measures(group, ranked_logits)
    for i in range(LANES):
        if group.nll[i] != group.nll[i]:
            group.rank[i] = job.num_classes


cdef void rank_row(const Job *job, Group *group, Py_ssize_t i, const stored *x) noexcept nogil:
    # of a row in one piece whose other statistics are known
    cdef Py_ssize_t label = group.ranked[i]
    group.rank[i] = 0.0
    if label >= 0 and not group.label_logit[i] > group.highest[i]:
        group.rank[i] = rank_of(x, job.num_classes, label, <real> group.label_logit[i], 0, job.enough)


cdef void rank_group(
    const Job *job, Group *group, const column_heads *heads, bint by_top, Scratch *scratch
) noexcept nogil:
    # of rows in columns
    cdef real labels[LANES]
    cdef real logits[LANES]
    cdef Py_ssize_t i
    if not by_top:
        rank_columns(group, scratch.columns, job.num_classes, heads.labels, heads.label_logits)
        return
    for i in range(LANES):
        labels[i] = <real> group.ranked[i]
        logits[i] = 0
        if group.ranked[i] >= 0:
            logits[i] = scratch.columns[group.ranked[i] * LANES + i]
    rank_columns(group, scratch.columns, job.num_classes, load(labels), load(logits))


# Totals.

cdef void add_weighted(
    ExactSum *total, const double *weights, const double *values, const Group *group
) noexcept nogil:
    cdef double terms[LANES]
    cdef Py_ssize_t i
    for i in range(LANES):
        terms[i] = share(weights[i], values[i]) if group.kept[i] else 0.0
    add_group_exactly(total, terms)


cdef void add_hits(Hits *hits, const Job *job, const Group *group, double k, const double *weights) noexcept nogil:
    cdef double terms[LANES]
    cdef Py_ssize_t i, num_rows = 0
    for i in range(LANES):
        num_rows += (group.rank[i] < k) & (group.kept[i] != 0.0)
    hits.num_rows += num_rows
    if job.sample_weight != NULL:
        for i in range(LANES):
            terms[i] = weights[i] if group.rank[i] < k else 0.0
        add_group_exactly(&hits.weight, terms)


cdef void add_to_bins(
    const Job *job, Metrics *metrics, Py_ssize_t count, const Group *group, const double *weights
) noexcept nogil:
    cdef double terms[LANES]
    cdef double pieces[CUTS * LANES]
    cdef Bin *bins = bins_of(metrics, job.num_ranks)
    cdef Bin *held
    cdef double confidence
    cdef Py_ssize_t i, j
    cdef bint are_cut
    for i in range(LANES):
        terms[i] = weights[i] * group.confidence[i] if group.confidence[i] == group.confidence[i] else 0.0
    are_cut = cut_in_pieces(pieces, terms)
    for i in range(count):
        confidence = group.confidence[i]
        if group.kept[i] == 0.0:
            continue
        if confidence != confidence:
            metrics.unbinned = NAN
            continue
        held = bins + min(<Py_ssize_t> (confidence * job.num_bins), job.num_bins - 1)
        held.num_rows += 1
        held.hits.num_rows += group.rank[i] < 1.0
        if job.sample_weight != NULL:
            add_exactly(&held.weight, weights[i])
            add_exactly(&held.hits.weight, weights[i] if group.rank[i] < 1.0 else 0.0)
        if not are_cut:
            add_exactly(&held.confidence, terms[i])
            continue
        for j in range(CUTS):  # lane i of the bin's own pieces: no addition waits for that of the row before
            held.confidence.pieces[j * LANES + i] += pieces[j * LANES + i]
        held.confidence.cut += 1
        if held.confidence.cut == MOST_CUT:
            add_pieces(&held.confidence)


cdef void add_to_histogram(
    Metrics *metrics, Py_ssize_t count, const Group *group, const double *squares
) noexcept nogil:
    # the exponent of nll**2 counts half octaves of nll
    cdef Py_ssize_t i
    cdef int64_t bits
    for i in range(count):
        if group.kept[i] != 0.0 and squares[i] == squares[i]:
            memcpy(&bits, &squares[i], sizeof(bits))
            metrics.histogram[min(max((bits >> 52) - 1023 - LOWEST_HALF_OCTAVE, 0), HISTOGRAM - 1)] += 1


cdef void add_metrics(
    const Job *job, Py_ssize_t first, Py_ssize_t count, Group *group, Metrics *metrics
) noexcept nogil:
    cdef double weights[LANES]
    cdef double squares[LANES]
    cdef Py_ssize_t i
    measure_group(job, first, count, group)
    for i in range(LANES):
        weights[i] = group.kept[i]
        squares[i] = group.ranked_nll[i] * group.ranked_nll[i]
        metrics.count += group.kept[i] != 0.0
    if job.sample_weight != NULL:
        for i in range(count):
            weights[i] *= job.sample_weight[first + i]
        add_group_exactly(&metrics.weight, weights)
    add_weighted(&metrics.nll, weights, group.ranked_nll, group)
    add_weighted(&metrics.nll_square, weights, squares, group)
    add_weighted(&metrics.entropy, weights, group.entropy, group)
    add_weighted(&metrics.brier, weights, group.brier, group)
    if job.sample_weight != NULL:
        add_weighted(&metrics.weight_square, weights, weights, group)
    for i in range(job.num_ranks):
        add_hits(hits_of(metrics) + i, job, group, <double> job.ranks[i], weights)
    add_to_bins(job, metrics, count, group, weights)
    add_to_histogram(metrics, count, group, squares)


# Arrays.

cdef void write_measures(const Job *job, Py_ssize_t first, Py_ssize_t count, Group *group) noexcept nogil:
    # of rows whose statistics are by top
    cdef RowMeasures out = job.row_measures
    cdef Py_ssize_t i, n
    cdef bint is_regular
    cdef real highest
    measure_group(job, first, count, group)
    for i in range(count):
        n = first + i
        is_regular = group.nll[i] == group.nll[i]
        highest = <real> group.label_logit[i] if is_regular else limit(job, row_start(&job.logits, n))
        out.max_logit[n] = highest
        out.log_sum_exp[n] = <real> (group.label_logit[i] + group.nll[i]) if is_regular else highest
        out.argmax[n] = group.label[i] if highest == highest else -1
        out.entropy[n] = <real> group.entropy[i]
        out.confidence[n] = <real> group.confidence[i]
        if not job.has_labels:
            continue
        if group.ranked[i] < 0:
            out.label_logit[n] = NAN
            out.nll[n] = 0
            out.rank[n] = -1
        else:
            out.label_logit[n] = label_logit_at(job, n, group.ranked[i])
            out.nll[n] = <real> group.ranked_nll[i]
            out.rank[n] = <int64_t> group.rank[i]
