# The segments of a few long rows over a team.

cdef enum:
    PIECES = 1024  # segments at a time
    ROWS_EACH = 4  # rows a thread must get at least, if not, long rows are cut into segments


ctypedef struct Segments:
    # the work items of some long rows
    Py_ssize_t first, count  # rows
    RowGroup group
    SecondSweep sweep
    RowStatistics *pieces  # of each segment of each row


cdef void read_segment(const Call *call, Segments *part, Py_ssize_t i, Py_ssize_t segment) noexcept nogil:
    cdef Workspace workspace
    cdef Py_ssize_t row = part.first + i, label = part.group.label[i] if call.has_metrics else -1
    cdef const char *at = row_start(&call.logits, row)
    if part.group.kept[i]:
        part.pieces[i * segments_of(call.num_classes) + segment] = segment_statistics(
            call, at, row, segment, part.group.anchor[i], part.group.by_top[i], label, &workspace)


cdef void write_piece(
    const Call *call, int task, const Segments *part, Py_ssize_t i, Py_ssize_t segment
) noexcept nogil:
    cdef Workspace workspace
    write_segment(call, task, part.first, i, segment, &part.group, &part.sweep, &workspace)
    if call.streams:
        finish_streams()


ctypedef struct SegmentSweep:
    # reads all segments, or writes what the second sweep makes of them
    const Call *call
    int task
    Segments *part
    bint writes


cdef void segment_of(const void *work, Py_ssize_t item, int thread) noexcept nogil:
    cdef const SegmentSweep *each = <const SegmentSweep *> work
    cdef Py_ssize_t segments = segments_of(each.call.num_classes)
    if each.writes:
        write_piece(each.call, each.task, each.part, item // segments, item % segments)
    else:
        read_segment(each.call, each.part, item // segments, item % segments)


cdef int each_segment(const Call *call, int task, Segments *part, bint writes, int num_threads) except -1:
    cdef SegmentSweep each
    each.call, each.task, each.part, each.writes = call, task, part, writes
    return each_piece(
        segment_of, &each, part.count * segments_of(call.num_classes), portion_of(SEGMENT, num_threads), num_threads)


cdef void join_pieces(const Call *call, Py_ssize_t count, RowGroup *group, const RowStatistics *pieces) noexcept nogil:
    cdef RowStatistics row
    cdef Py_ssize_t i, segment, segments = segments_of(call.num_classes)
    for i in range(LANES):
        row = no_row()
        if i < count and group.kept[i]:
            row = pieces[i * segments]
            for segment in range(1, segments):
                join_statistics(call, &row, pieces[i * segments + segment])
            finish_statistics(call, &row)
        put_row(group, i, &row)


cdef int run_segments(const Call *call, int task, int num_threads) except -1:
    # a few long rows: all segments of some rows are one set of work items; the same bits as run_rows
    cdef Py_ssize_t bad_row, segments = segments_of(call.num_classes)
    cdef Py_ssize_t most = min(<Py_ssize_t> LANES, max(<Py_ssize_t> 1, PIECES // segments))
    cdef Totals *totals = totals_at(call, 0)
    cdef bint proper
    cdef Segments part
    memset(&part, 0, sizeof(part))
    part.pieces = <RowStatistics *> calloc(most * segments, sizeof(RowStatistics))
    if part.pieces == NULL:
        raise MemoryError
    try:
        while part.first < call.num_rows:
            part.count = min(most, call.num_rows - part.first)
            bad_row = read_labels(call, task, part.first, part.count, &part.group)
            if bad_row < call.num_rows:
                totals.bad_row = min(totals.bad_row, bad_row)
            else:
                each_segment(call, task, &part, False, num_threads)
                with nogil:
                    join_pieces(call, part.count, &part.group, part.pieces)
                    proper = finish_group(call, task, part.first, part.count, &part.group, &part.sweep, 0)
                if proper and call.has_grad:
                    each_segment(call, task, &part, True, num_threads)
            part.first += part.count
    finally:
        free(part.pieces)
    return 0
