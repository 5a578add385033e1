# Losses and row statistics of logits that are never stored as a whole, but computed block by block: those of
# smoothxent's linear head.
#
# A block has whole segments of the classes of some rows; only the last segment may be shorter. The caller takes at most
# `most_rows` rows at a time: begin() for them, read() each of their blocks in the order of the classes, finish(), then
# for a gradient compute each block again and write() the gradient over it. Segments are merged as those of a long row
# are: see segments.pxi. The logits of class indices are given in advance, since each block needs them to compute ranks.
# Probabilities stay in the caller's array, where each block reads those of its classes. The caller may read or write
# different groups of rows of a block in several threads at once.

BLOCK_CLASSES = SEGMENT
BLOCK_ROWS = LANES
SEGMENT_BYTES = sizeof(RowStatistics)  # memory for each segment of each row


cdef class Blocks:
    cdef Call call
    cdef void *memory
    cdef LongRows *groups  # one for each group of the `most_rows` rows
    cdef tuple arrays  # keeps the memory alive that `call` points to

    def __cinit__(
        self, Py_ssize_t num_classes, Py_ssize_t most_rows, cnp.ndarray labels, cnp.ndarray label_logits not None,
        tuple targets not None, tuple transforms, cnp.ndarray out, grad_divisor, cnp.ndarray ranks,
        Py_ssize_t num_bins, tuple statistics,
    ):
        cdef Call *call = &self.call
        cdef RowStatistics *of_segments
        cdef Py_ssize_t g, num_groups = vectors_of(most_rows), segments = LANES * segments_of(num_classes)
        self.arrays = labels, label_logits, targets, out, ranks, statistics
        call.task = LOSS if statistics is None else ROW_STATISTICS
        call.num_classes = num_classes
        call.num_rows = cnp.PyArray_DIM(label_logits, 0)
        call.label_logits = reals(label_logits)
        call.out = reals(out)
        call.has_grad = grad_divisor is not None
        call.grad_is_real = True
        call.grad_divisor = grad_divisor if call.has_grad else 1.0
        add_transforms(call, transforms)
        if call.task == ROW_STATISTICS:
            *_, ignore_index = targets
            add_statistics_arrays(call, labels, ignore_index, statistics)
        else:
            add_target_options(call, labels, cnp.PyArray_NDIM(labels) > 1, targets)
            add_smoothing(call)
        if ranks is not None:
            add_metrics_of_threads(call, ranks, num_bins, 1)
        complete_call(call)
        self.memory = calloc(
            sizeof(Totals) + num_groups * (sizeof(LongRows) + segments * sizeof(RowStatistics)) + LINE, 1)
        if self.memory == NULL:
            raise MemoryError
        call.totals = aligned(self.memory)
        clear(totals_at(call, 0))
        self.groups = <LongRows *> (totals_at(call, 0) + 1)
        of_segments = <RowStatistics *> (self.groups + num_groups)
        for g in range(num_groups):
            self.groups[g].statistics = of_segments + g * segments

    def __dealloc__(self):
        free(<void *> self.call.smoothing)
        free(self.call.metrics_memory)
        free(self.memory)

    def begin(self, Py_ssize_t first_row, Py_ssize_t num_rows):
        # starts on these rows, whose class indices are in range: tally has looked at the same array
        cdef LongRows *rows
        cdef Py_ssize_t g
        for g in range(vectors_of(num_rows)):
            rows = self.groups + g
            rows.first = first_row + g * LANES
            rows.count = min(<Py_ssize_t> LANES, num_rows - g * LANES)
            read_labels(&self.call, rows.first, rows.count, &rows.group)

    def read(self, cnp.ndarray block not None, Py_ssize_t first_row, Py_ssize_t first_class):
        self.sweep_block(block, first_row, first_class, False)

    def write(self, cnp.ndarray block not None, Py_ssize_t first_row, Py_ssize_t first_class):
        self.sweep_block(block, first_row, first_class, True)

    cdef int sweep_block(
        self, cnp.ndarray block, Py_ssize_t first_row, Py_ssize_t first_class, bint writes
    ) except -1:
        cdef Call call = self.call  # a copy, as other threads have other blocks
        cdef LongRows *rows = self.groups + first_row // LANES
        cdef Py_ssize_t g, i, segment, num_rows = cnp.PyArray_DIM(block, 0)
        cdef Py_ssize_t first = first_class // SEGMENT, last = first + segments_of(cnp.PyArray_DIM(block, 1))
        call.logits = call.grad = rows_of_block(block, rows.first, first_class)
        with nogil:
            if reads_whole_rows(&call) and not writes:
                for g in range(vectors_of(num_rows)):
                    read_rows(&call, rows + g)
                return 0
            for i in range(num_rows):
                for segment in range(first, last):
                    if writes:
                        write_row_segment(&call, rows + i // LANES, i % LANES, segment)
                    else:
                        read_segment(&call, rows + i // LANES, i % LANES, segment)
        return 0

    def finish(self, Py_ssize_t num_rows):
        # returns the first row with a bad probability, or -1
        cdef LongRows *rows
        cdef Py_ssize_t g
        with nogil:
            for g in range(vectors_of(num_rows)):
                rows = self.groups + g
                if not reads_whole_rows(&self.call):
                    merge_segments(&self.call, rows.count, &rows.group, rows.statistics)
                finish_group(&self.call, rows.first, rows.count, &rows.group, &rows.sweep, 0)
        return row_or_none(totals_at(&self.call, 0).bad_row)

    def loss(self):
        join_threads(&self.call, 1)
        return loss_report(&self.call)

    def evaluation(self):
        join_threads(&self.call, 1)
        return evaluation_report(&self.call)


cdef Rows rows_of_block(cnp.ndarray block, Py_ssize_t first_row, Py_ssize_t first_class):
    # the address of the whole array of which this would be a block: row and class numbers of the whole lead into it
    cdef Rows rows = rows_of(block, has_classes=True)
    rows.data -= first_row * rows.outer_stride + first_class * rows.class_stride
    return rows


cdef inline bint reads_whole_rows(const Call *call) noexcept nogil:
    # whether a row is one tile: then a block has whole rows, and a group is read at once
    return call.num_classes <= TILE


cdef void read_rows(const Call *call, LongRows *rows) noexcept nogil:
    cdef Workspace workspace
    statistics_of_group(call, rows.first, rows.count, &rows.group, nothing_saved(), &workspace)
