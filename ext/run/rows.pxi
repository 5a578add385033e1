# Groups of rows in chunks over a team.

cdef enum:
    CHUNK = 256  # rows handed to a thread at a time, fewer where rows are long
    CHUNK_ELEMENTS = 1 << 16
    CHUNKS_EACH = 4  # chunks a thread should get at least, so that all end at about the same time


ctypedef struct Chunks:
    const Call *call
    int task
    Py_ssize_t rows  # of a chunk


cdef void chunk_of_rows(const void *work, Py_ssize_t chunk, int thread) noexcept nogil:
    cdef const Chunks *chunks = <const Chunks *> work
    cdef const Call *call = chunks.call
    cdef Workspace workspace
    cdef RowGroup group
    cdef SecondSweep sweep
    cdef Py_ssize_t bad_row, count, groups, done, n = chunk * chunks.rows, stop = min(n + chunks.rows, call.num_rows)
    cdef int task = chunks.task
    cdef Totals *totals = totals_at(call, thread)
    cdef bint in_order = is_in_order(call)
    memset(&sweep, 0, sizeof(sweep))
    while n < stop:
        groups = groups_before(call, n, stop) if in_order else 0
        done = finish_plain_groups(call, n, groups, &group, &workspace, thread) if groups else 0
        if done:
            n += done * LANES
            continue
        count = min(<Py_ssize_t> LANES, stop - n)
        bad_row = read_labels(call, task, n, count, &group)
        if bad_row != NO_ROW:
            totals.bad_row = min(totals.bad_row, bad_row)
        else:
            statistics_of_group(call, task, n, count, &group, &workspace)
            if finish_group(call, task, n, count, &group, &sweep, thread) and call.has_grad:
                write_group(call, task, n, count, &group, &sweep, &workspace)
        n += count
    if call.streams:
        finish_streams()


cdef int run_rows(const Call *call, int task, int num_threads) except -1:
    # rows in chunks
    cdef Chunks chunks
    cdef Py_ssize_t rows = min(<Py_ssize_t> CHUNK, CHUNK_ELEMENTS // call.num_classes)
    if num_threads > 1:
        rows = min(rows, call.num_rows // (CHUNKS_EACH * num_threads))
    if call.num_classes <= FEW:  # whole groups
        rows = max(rows // LANES, <Py_ssize_t> 1) * LANES
    rows = max(rows, <Py_ssize_t> 1)
    chunks.call, chunks.task, chunks.rows = call, task, rows
    return each_item(
        chunk_of_rows, &chunks, (call.num_rows + rows - 1) // rows,
        portion_of((call.num_classes + ROW_ELEMENTS) * rows, num_threads), num_threads)
