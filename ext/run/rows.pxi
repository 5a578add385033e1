# Computes rows in chunks over a team of threads: the usual way; segments.pxi has the way of a few long rows.

cdef enum:
    CHUNK = 4096  # rows that a thread takes at a time, fewer where rows are long; see AHEAD
    CHUNK_ELEMENTS = 1 << 16  # logits of a chunk at most, unless one row has more
    CHUNKS_EACH = 4  # chunks per thread, at least, so that all threads end at about the same time


ctypedef struct Chunks:
    const Call *call
    Py_ssize_t rows, group_rows  # rows of a chunk, and of a group
    Py_ssize_t segments_size, exps_size  # bytes per thread for SavedGroup
    char *memory  # SavedGroup memory of all threads


cdef inline Py_ssize_t rows_of_a_group(const Call *call) noexcept nogil:
    # few enough that the exps or logits of a group stay in L2 until the second sweep
    if not call.has_grad or call.num_classes <= TILE:
        return LANES
    return min(<Py_ssize_t> LANES, max(<Py_ssize_t> 1, SAVED_CLASSES // padded_size(call.num_classes)))


cdef inline Py_ssize_t thread_size(const Chunks *chunks) noexcept nogil:
    return chunks.segments_size + chunks.exps_size


cdef int add_memory(Chunks *chunks, int num_threads) except -1:
    # the caller frees chunks.memory
    cdef const Call *call = chunks.call
    if not call.has_grad or call.num_classes <= FEW:
        return 0
    if call.num_classes <= SAVED_CLASSES and call.task != LOG_SOFTMAX:  # plus a vector, which write_scaled may read
        chunks.exps_size = whole_lines((chunks.group_rows * padded_size(call.num_classes) + LANES) * sizeof(real))
    if call.num_classes > TILE:
        chunks.segments_size = whole_lines(chunks.group_rows * segments_of(call.num_classes) * sizeof(RowStatistics))
    if thread_size(chunks):
        chunks.memory = <char *> malloc(num_threads * thread_size(chunks) + LINE)
        if chunks.memory == NULL:
            raise MemoryError
    return 0


cdef SavedGroup saved_of_thread(const Chunks *chunks, int thread) noexcept nogil:
    cdef SavedGroup saved = nothing_saved()
    cdef char *memory = <char *> aligned(chunks.memory) + thread * thread_size(chunks)
    if chunks.segments_size:
        saved.segments = <RowStatistics *> memory
    if chunks.exps_size:
        saved.exps = <real *> (memory + chunks.segments_size)
    return saved


cdef void chunk_item(const void *work, Py_ssize_t chunk, int thread) noexcept nogil:
    cdef const Chunks *chunks = <const Chunks *> work
    cdef const Call *call = chunks.call
    cdef Workspace workspace
    cdef RowGroup group
    cdef SecondSweep sweep
    cdef Py_ssize_t bad_row, count, groups, done, n = chunk * chunks.rows, stop = min(n + chunks.rows, call.num_rows)
    cdef Totals *totals = totals_at(call, thread)
    cdef bint takes_plain_groups = can_take_plain_groups(call)
    cdef Py_ssize_t most_groups = most_plain_groups(call.num_classes)
    cdef SavedGroup saved = saved_of_thread(chunks, thread)
    memset(&sweep, 0, sizeof(sweep))
    while n < stop:
        groups = min(readable_groups(call, n, stop), most_groups) if takes_plain_groups else 0
        done = finish_plain_groups(call, n, groups, &workspace, thread) if groups else 0
        if done:
            n += done * LANES
            continue
        count = min(chunks.group_rows, stop - n)
        bad_row = read_labels(call, n, count, &group)
        if bad_row != NO_ROW:
            totals.bad_row = min(totals.bad_row, bad_row)
        else:
            statistics_of_group(call, n, count, &group, saved, &workspace)
            if finish_group(call, n, count, &group, &sweep, thread) and call.has_grad:
                write_group(call, n, count, &group, &sweep, saved, &workspace)
        n += count
    if call.streams:
        finish_streams()


cdef int run_rows(const Call *call, int num_threads) except -1:
    cdef Chunks chunks
    cdef Py_ssize_t rows = min(<Py_ssize_t> CHUNK, CHUNK_ELEMENTS // call.num_classes)
    if num_threads > 1:
        rows = min(rows, call.num_rows // (CHUNKS_EACH * num_threads))
    if call.num_classes <= FEW:  # whole groups
        rows = max(rows // LANES, <Py_ssize_t> 1) * LANES
    rows = max(rows, <Py_ssize_t> 1)
    memset(&chunks, 0, sizeof(chunks))
    chunks.call, chunks.rows, chunks.group_rows = call, rows, rows_of_a_group(call)
    try:
        add_memory(&chunks, num_threads)
        return run_items(
            chunk_item, &chunks, (call.num_rows + rows - 1) // rows,
            portion_of((call.num_classes + ROW_ELEMENTS) * rows, num_threads), num_threads)
    finally:
        free(chunks.memory)
