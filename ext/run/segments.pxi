# Computes a few long rows over a team of threads, which share the segments of each row.

cdef enum:
    SEGMENTS_AT_A_TIME = 1024
    ROWS_EACH = 4  # with fewer rows per thread, long rows are cut into segments


ctypedef struct LongRows:
    # at most LANES long rows that are computed at once
    Py_ssize_t first, count  # the rows first to first + count - 1
    RowGroup group
    SecondSweep sweep
    RowStatistics *statistics  # those of each segment of each row
    TopClasses *top  # those of each segment of each row; NULL if they are added to the lists of the rows


cdef inline RowStatistics *statistics_at(
    const Call *call, const LongRows *rows, Py_ssize_t i, Py_ssize_t segment
) noexcept nogil:
    return rows.statistics + i * segments_of(call.num_classes) + segment


cdef void read_segment(const Call *call, LongRows *rows, Py_ssize_t i, Py_ssize_t segment) noexcept nogil:
    cdef Workspace workspace
    cdef Py_ssize_t row = rows.first + i, label = rows.group.label[i] if call.has_metrics else NO_CLASS
    cdef const char *at = row_start(&call.logits, row)
    cdef TopClasses of_row = top_of_row(call, row, segment * SEGMENT)
    cdef TopClasses *top = &of_row
    if rows.top != NULL:
        top = rows.top + i * segments_of(call.num_classes) + segment
        top.count = 0
    if rows.group.kept[i]:
        segment_statistics(
            call, at, row, segment, rows.group.anchor[i], label,
            no_saved_row(), top, &workspace, statistics_at(call, rows, i, segment))


cdef void write_row_segment(
    const Call *call, const LongRows *rows, Py_ssize_t i, Py_ssize_t segment
) noexcept nogil:
    cdef Workspace workspace
    cdef const RowStatistics *statistics = statistics_at(call, rows, i, segment) if call.num_classes > TILE else NULL
    write_segment(call, rows.first, i, segment, &rows.group, &rows.sweep, NULL, statistics, &workspace)
    if call.streams:
        finish_streams()


ctypedef struct SegmentSweep:
    # one sweep over all segments: the first, or the second if `writes`
    const Call *call
    LongRows *rows
    bint writes


cdef void segment_item(const void *work, Py_ssize_t item, int thread) noexcept nogil:
    cdef const SegmentSweep *sweep = <const SegmentSweep *> work
    cdef Py_ssize_t segments = segments_of(sweep.call.num_classes)
    if sweep.writes:
        write_row_segment(sweep.call, sweep.rows, item // segments, item % segments)
    else:
        read_segment(sweep.call, sweep.rows, item // segments, item % segments)


cdef int sweep_segments(const Call *call, LongRows *rows, bint writes, int num_threads) except -1:
    cdef SegmentSweep sweep
    sweep.call, sweep.rows, sweep.writes = call, rows, writes
    return run_items(
        segment_item, &sweep, rows.count * segments_of(call.num_classes), portion_of(SEGMENT, num_threads), num_threads)


cdef void merge_segments(
    const Call *call, Py_ssize_t count, RowGroup *group, const RowStatistics *statistics
) noexcept nogil:
    cdef RowStatistics row
    cdef Py_ssize_t i, segment, segments = segments_of(call.num_classes)
    for i in range(LANES):
        row = no_row()
        if i < count and group.kept[i]:
            row = statistics[i * segments]
            for segment in range(1, segments):
                join_statistics(call, &row, statistics[i * segments + segment])
            finish_statistics(call, &row)
        put_row(group, i, &row)


cdef void merge_top_classes(const Call *call, const LongRows *rows) noexcept nogil:
    cdef TopClasses top
    cdef Py_ssize_t i, segment, segments = segments_of(call.num_classes)
    for i in range(rows.count):
        top = top_of_row(call, rows.first + i, 0)
        for segment in range(segments):
            join_top_classes(&top, rows.top + i * segments + segment)


cdef int allocate_segments(const Call *call, LongRows *rows, Py_ssize_t segments) except -1:
    # the caller frees rows.statistics
    cdef Py_ssize_t i, size = sizeof(RowStatistics), size_of_list = call.top_k * (sizeof(int64_t) + sizeof(real))
    cdef int64_t *classes
    if call.top_k:
        size += sizeof(TopClasses) + size_of_list
    rows.statistics = <RowStatistics *> calloc(segments, size)
    if rows.statistics == NULL:
        raise MemoryError
    if call.top_k:
        rows.top = <TopClasses *> (rows.statistics + segments)
        classes = <int64_t *> (rows.top + segments)
        for i in range(segments):
            rows.top[i].size = call.top_k
            rows.top[i].classes = classes + i * call.top_k
            rows.top[i].logits = <real *> (classes + segments * call.top_k) + i * call.top_k
    return 0


cdef int run_segments(const Call *call, int num_threads) except -1:
    # the segments of up to LANES rows at a time are the work items; the results have the same bits as those of run_rows
    cdef Py_ssize_t bad_row, segments = segments_of(call.num_classes)
    cdef Py_ssize_t most = min(<Py_ssize_t> LANES, max(<Py_ssize_t> 1, SEGMENTS_AT_A_TIME // segments))
    cdef Totals *totals = totals_at(call, 0)
    cdef bint is_valid
    cdef LongRows rows
    memset(&rows, 0, sizeof(rows))
    allocate_segments(call, &rows, most * segments)
    try:
        while rows.first < call.num_rows:
            rows.count = min(most, call.num_rows - rows.first)
            bad_row = read_labels(call, rows.first, rows.count, &rows.group)
            if bad_row != NO_ROW:
                totals.bad_row = min(totals.bad_row, bad_row)
            else:
                sweep_segments(call, &rows, False, num_threads)
                with nogil:
                    merge_segments(call, rows.count, &rows.group, rows.statistics)
                    if call.top_k:
                        merge_top_classes(call, &rows)
                    is_valid = finish_group(call, rows.first, rows.count, &rows.group, &rows.sweep, 0)
                if is_valid and call.has_grad:
                    sweep_segments(call, &rows, True, num_threads)
            rows.first += rows.count
    finally:
        free(rows.statistics)
    return 0
