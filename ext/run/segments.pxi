# The segments of a few long rows over a team.

cdef enum:
    PIECES = 1024  # segments at a time
    ROWS_EACH = 4  # rows a thread must get at least, if not, long rows are cut into segments


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
    cdef Totals *totals = totals_at(job, 0)
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
                totals.bad_row = min(totals.bad_row, bad_row)
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
