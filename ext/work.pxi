# Rows over threads: groups of rows in chunks over a team, or the segments of a few long rows.

cdef enum:
    LOSS
    SOFTMAX
    LOG_SOFTMAX
    LOG_SUM_EXP
    ROW_STATISTICS


cdef inline bint is_by_top(const Job *job, int task) noexcept nogil:
    # whether all rows take their top class for the label: its own term must not hide the others'
    return task == LOG_SOFTMAX or task == LOG_SUM_EXP or task == ROW_STATISTICS or job.has_probabilities


cdef Py_ssize_t read_labels(
    const Job *job, int task, Py_ssize_t first, Py_ssize_t count, Group *group
) noexcept nogil:
    # the first row of the group with a label out of range, else num_rows
    cdef Py_ssize_t i, bad_row, by_top = is_by_top(job, task)
    if task != LOSS or job.has_probabilities:
        for i in range(LANES):
            group.by_top[i] = by_top
            group.label[i] = -1
            group.kept[i] = i < count
            group.weight[i] = 1.0
            group.ranked[i] = -1
        bad_row = labels_of_group(&job.labels, first, count, group.ranked) if job.has_labels else -1
        return bad_row if bad_row >= 0 else job.num_rows
    bad_row = labels_of_group(&job.labels, first, count, group.label)
    if bad_row >= 0:
        return bad_row
    if job.measures:
        memcpy(group.ranked, group.label, LANES * sizeof(int64_t))
    keep_rows(group)
    if job.class_weight != NULL:
        for i in range(count):
            if group.label[i] >= 0:
                group.weight[i] = job.class_weight[group.label[i]]
    if job.smoothing != NULL:
        for i in range(count):
            group.by_top[i] = group.label[i] >= 0 and (1.0 - job.label_smoothing) * group.weight[i] == 0.0
    return job.num_rows


cdef void one_row_statistics(
    const Job *job, Py_ssize_t first, Py_ssize_t i, Group *group, Scratch *scratch
) noexcept nogil:
    cdef RowStatistics row = no_row()
    cdef Py_ssize_t ranked = group.ranked[i] if job.measures else -1
    cdef const char *at
    if group.kept[i]:
        at = row_start(&job.logits, first + i)
        row = statistics_of_row(job, at, first + i, group.label[i], group.by_top[i], ranked, scratch)
    put_row(group, i, &row)


cdef void statistics_of_group(
    const Job *job, int task, Py_ssize_t first, Py_ssize_t count, Group *group, Scratch *scratch
) noexcept nogil:
    cdef Py_ssize_t i
    if job.num_classes <= FEW:
        few_classes_statistics(job, first, count, is_by_top(job, task), group, scratch)
    elif job.num_classes <= TILE and not (job.has_targets or job.transforms or is_by_top(job, task)):
        short_rows(job, first, count, group, scratch)
    else:
        for i in range(LANES):
            one_row_statistics(job, first, i, group, scratch)


cdef bint finish_group(
    const Job *job, int task, Py_ssize_t first, Py_ssize_t count, Group *group, SecondSweep *sweep, int thread
) noexcept nogil:
    # what a row needs once; False if a row is bad
    cdef Py_ssize_t i
    cdef double total
    cdef Totals *totals = &job.totals[thread] if task == LOSS else NULL
    if job.has_probabilities:
        for i in range(count):
            if group.improper[i]:
                totals.bad_row = min(totals.bad_row, first + i)
                return False
    if task != LOSS:
        group_shares(group)
        if task == SOFTMAX:
            softmax_factors(group, sweep)
        if task == LOG_SUM_EXP:
            for i in range(count):  # of the top class, lse = x - log p
                total = group.label_logit[i] + group.nll[i]
                job.out[first + i] = <real> total if total == total else limit(job, row_start(&job.logits, first + i))
        if task == ROW_STATISTICS:
            write_measures(job, first, count, group)
        return True
    group_losses(job, group, first, count)
    if job.has_grad:
        gradient_sweep(job, group, first, sweep)
    if job.out != NULL and count == LANES:  # a constant: the loop vectorises
        for i in range(LANES):
            job.out[first + i] = <real> group.loss[i]
    elif job.out != NULL:
        for i in range(count):
            job.out[first + i] = <real> group.loss[i]
    totals.kept += kept_rows(job, first, count, group)
    if not job.loss_is_nll:
        add_group_exactly(&totals.loss, group, NULL, group.loss)
    if job.class_weight != NULL or job.sample_weight != NULL:
        add_group_exactly(&totals.weight, group, NULL, group.weight)
    if job.metrics != NULL:
        add_metrics(job, first, count, group, <Metrics *> (job.metrics + thread * job.metrics_size))
    return True


cdef inline Py_ssize_t kept_rows(const Job *job, Py_ssize_t first, Py_ssize_t count, const Group *group) noexcept nogil:
    # rows that are not ignored and whose sample_weight is not 0
    cdef Py_ssize_t i, kept = count
    if job.labels.has_ignore_index or job.sample_weight != NULL:
        for i in range(count):
            if not group.kept[i] or (job.sample_weight != NULL and job.sample_weight[first + i] == 0.0):
                kept -= 1
    return kept


cdef real limit(const Job *job, const char *at) noexcept nogil:
    # log-sum-exp of a row that holds nan or +inf, or -inf alone
    cdef Py_ssize_t k
    cdef real x, highest = -INFINITY
    for k in range(job.num_classes):
        x = real_at(at + k * job.logits.class_stride)
        if x != x:
            return x
        highest = max(highest, x)
    return highest


cdef void write_segment(
    const Job *job, int task, Py_ssize_t first, Py_ssize_t i, Py_ssize_t segment, const Group *group,
    const SecondSweep *sweep, Scratch *scratch,
) noexcept nogil:
    cdef Py_ssize_t k
    cdef char *out
    if not group.kept[i]:
        out = row_start(&job.grad, first + i)
        for k in range(segment * SEGMENT, min(segment * SEGMENT + <Py_ssize_t> SEGMENT, job.num_classes)):
            put_real(job, out + k * job.grad.class_stride, 0)
    elif task == LOG_SOFTMAX:
        log_softmax_segment(job, group, i, first + i, segment, scratch)
    else:
        sweep_segment(job, sweep, group, i, first + i, segment, task == LOSS, scratch)


cdef void write_group(
    const Job *job, int task, Py_ssize_t first, Py_ssize_t count, const Group *group, const SecondSweep *sweep,
    Scratch *scratch,
) noexcept nogil:
    cdef Py_ssize_t i, segment
    cdef int fit = job.num_classes <= FEW
    for i in range(count):
        fit &= group.offset[i] == 0.0
    if fit:
        sweep_few_classes(job, task, first, count, group, sweep, scratch)
    else:
        for i in range(count):
            for segment in range(segments_of(job.num_classes)):
                write_segment(job, task, first, i, segment, group, sweep, scratch)


ctypedef struct Chunks:
    const Job *job
    int task
    Py_ssize_t rows  # of a chunk


cdef void chunk_of_rows(const void *work, Py_ssize_t chunk, int thread) noexcept nogil:
    cdef const Chunks *chunks = <const Chunks *> work
    cdef const Job *job = chunks.job
    cdef Scratch scratch
    cdef Group group
    cdef SecondSweep sweep
    cdef Py_ssize_t bad_row, count, n, g, begin = chunk * chunks.rows, stop = min(begin + chunks.rows, job.num_rows)
    cdef int task = chunks.task
    memset(&sweep, 0, sizeof(sweep))
    for g in range(vectors_of(stop - begin)):
        n = begin + g * LANES
        count = min(<Py_ssize_t> LANES, stop - n)
        bad_row = read_labels(job, task, n, count, &group)
        if bad_row < job.num_rows:
            job.totals[thread].bad_row = min(job.totals[thread].bad_row, bad_row)
            continue
        statistics_of_group(job, task, n, count, &group, &scratch)
        if finish_group(job, task, n, count, &group, &sweep, thread) and job.has_grad:
            write_group(job, task, n, count, &group, &sweep, &scratch)
    if job.streams:
        finish_streams()


cdef int run_rows(const Job *job, int task, int num_threads) except -1:
    # rows in chunks
    cdef Chunks chunks
    cdef Py_ssize_t rows = min(<Py_ssize_t> CHUNK, CHUNK_ELEMENTS // job.num_classes)
    if num_threads > 1:
        rows = min(rows, job.num_rows // (CHUNKS_EACH * num_threads))
    if job.num_classes <= FEW:  # whole groups
        rows = max(rows // LANES, <Py_ssize_t> 1) * LANES
    rows = max(rows, <Py_ssize_t> 1)
    chunks.job, chunks.task, chunks.rows = job, task, rows
    return each_piece(
        chunk_of_rows, &chunks, (job.num_rows + rows - 1) // rows,
        portion_of((job.num_classes + ROW_ELEMENTS) * rows, num_threads), num_threads)


ctypedef struct Segments:
    # the work items of some long rows
    Py_ssize_t first, count  # rows
    Group group
    SecondSweep sweep
    RowStatistics *pieces  # of each segment of each row


cdef void read_segment(const Job *job, Segments *part, Py_ssize_t i, Py_ssize_t segment) noexcept nogil:
    cdef Scratch scratch
    cdef Py_ssize_t row = part.first + i, ranked = part.group.ranked[i] if job.measures else -1
    cdef const char *at = row_start(&job.logits, row)
    if part.group.kept[i]:
        part.pieces[i * segments_of(job.num_classes) + segment] = segment_statistics(
            job, at, row, segment, part.group.label[i], part.group.by_top[i], ranked, &scratch)


cdef void write_piece(
    const Job *job, int task, const Segments *part, Py_ssize_t i, Py_ssize_t segment
) noexcept nogil:
    cdef Scratch scratch
    write_segment(job, task, part.first, i, segment, &part.group, &part.sweep, &scratch)
    if job.streams:
        finish_streams()


ctypedef struct SegmentSweep:
    # reads all segments, or writes what the second sweep makes of them
    const Job *job
    int task
    Segments *part
    bint writes


cdef void segment_of(const void *work, Py_ssize_t item, int thread) noexcept nogil:
    cdef const SegmentSweep *each = <const SegmentSweep *> work
    cdef Py_ssize_t segments = segments_of(each.job.num_classes)
    if each.writes:
        write_piece(each.job, each.task, each.part, item // segments, item % segments)
    else:
        read_segment(each.job, each.part, item // segments, item % segments)


cdef int each_segment(const Job *job, int task, Segments *part, bint writes, int num_threads) except -1:
    cdef SegmentSweep each
    each.job, each.task, each.part, each.writes = job, task, part, writes
    return each_piece(
        segment_of, &each, part.count * segments_of(job.num_classes), portion_of(SEGMENT, num_threads), num_threads)


cdef void join_pieces(const Job *job, Py_ssize_t count, Group *group, const RowStatistics *pieces) noexcept nogil:
    cdef RowStatistics row
    cdef Py_ssize_t i, segment, segments = segments_of(job.num_classes)
    for i in range(LANES):
        row = no_row()
        if i < count and group.kept[i]:
            row = pieces[i * segments]
            for segment in range(1, segments):
                join_statistics(job, &row, pieces[i * segments + segment])
            finish_statistics(job, &row)
        put_row(group, i, &row)


cdef int run_segments(const Job *job, int task, int num_threads) except -1:
    # a few long rows: all segments of some rows are one set of work items; the same bits as run_rows
    cdef Py_ssize_t bad_row, segments = segments_of(job.num_classes)
    cdef Py_ssize_t most = min(<Py_ssize_t> LANES, max(<Py_ssize_t> 1, PIECES // segments))
    cdef bint proper
    cdef Segments part
    memset(&part, 0, sizeof(part))
    part.pieces = <RowStatistics *> calloc(most * segments, sizeof(RowStatistics))
    if part.pieces == NULL:
        raise MemoryError
    try:
        while part.first < job.num_rows:
            part.count = min(most, job.num_rows - part.first)
            bad_row = read_labels(job, task, part.first, part.count, &part.group)
            if bad_row < job.num_rows:
                job.totals.bad_row = min(job.totals.bad_row, bad_row)
            else:
                each_segment(job, task, &part, False, num_threads)
                with nogil:
                    join_pieces(job, part.count, &part.group, part.pieces)
                    proper = finish_group(job, task, part.first, part.count, &part.group, &part.sweep, 0)
                if proper and job.has_grad:
                    each_segment(job, task, &part, True, num_threads)
            part.first += part.count
    finally:
        free(part.pieces)
    return 0


cdef void settle_job(Job *job) noexcept nogil:
    # what follows from the rest of it
    job.has_targets = job.has_probabilities or job.smoothing != NULL
    job.sums_with = sums_with(job)


cdef int run(Job *job, int task, int num_threads) except -1:
    settle_job(job)
    job.streams = (
        job.has_grad and job.grad_is_real and job.grad.data != job.logits.data and is_aligned(&job.grad)
        and job.grad.class_stride == sizeof(real) and job.num_classes > FEW
        and job.num_rows * job.num_classes * <Py_ssize_t> sizeof(real) > LAST_LEVEL_CACHE)
    if job.num_rows == 0:
        return 0
    if num_threads > 1 and job.num_classes > SEGMENT and job.num_rows < ROWS_EACH * num_threads:
        return run_segments(job, task, num_threads)
    if job.num_classes > PORTION_ELEMENTS:  # within a row too signals are looked at
        return run_segments(job, task, num_threads)
    return run_rows(job, task, num_threads)
