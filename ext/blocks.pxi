# Logits that come block by block in a buffer which the next block overwrites: those of a classifier's head.
#
# A block holds whole segments of the classes of some rows; only the last class may end one early. Rows are taken
# `most_rows` at a time: read() each of their blocks, in any order, then finish() them, then write() the gradient over
# each block, computed again. Statistics of segments are joined as those of a long row are: see work.pxi. The logits of
# the labels are given beforehand, since a label's rank takes it to every block.

BLOCK_CLASSES = SEGMENT


cdef class Blocks:
    cdef Job job
    cdef Totals totals
    cdef void *memory
    cdef Segments *parts  # one for each group of rows
    cdef int num_threads
    cdef tuple arrays  # whose memory `job` points to

    def __cinit__(
        self, Py_ssize_t num_classes, Py_ssize_t most_rows, cnp.ndarray labels not None,
        cnp.ndarray label_logits not None, double label_smoothing, cnp.ndarray prior, cnp.ndarray class_weight,
        cnp.ndarray sample_weight, ignore_index, cnp.ndarray out, grad_divisor, cnp.ndarray ranks,
        Py_ssize_t num_bins, tuple transforms, int num_threads,
    ):
        cdef Job *job = &self.job
        cdef RowStatistics *pieces
        cdef Py_ssize_t g, groups = vectors_of(most_rows), of_group = LANES * segments_of(num_classes)
        self.arrays = labels, label_logits, prior, class_weight, sample_weight, out, ranks
        self.num_threads = num_threads if SMOOTHXENT_OPENMP else 1
        job.num_classes = num_classes
        job.num_rows = cnp.PyArray_DIM(labels, 0)
        job.label_logits = reals(label_logits)
        job.out = reals(out)
        job.has_grad = grad_divisor is not None
        job.grad_is_real = True
        job.grad_divisor = grad_divisor if job.has_grad else 1.0
        job.totals = &self.totals
        self.totals.bad_row = job.num_rows
        add_transforms(job, transforms)
        add_labels(job, labels, False, class_weight, sample_weight, ignore_index)
        add_smoothing(job, label_smoothing, prior)
        if ranks is not None:
            add_metrics_of_threads(job, label_smoothing, ranks, num_bins, 1)
        settle_job(job)
        self.memory = calloc(groups * (sizeof(Segments) + of_group * sizeof(RowStatistics)) + LINE, 1)
        if self.memory == NULL:
            raise MemoryError
        self.parts = <Segments *> ((<size_t> self.memory + LINE - 1) // LINE * LINE)
        pieces = <RowStatistics *> (self.parts + groups)
        for g in range(groups):
            self.parts[g].pieces = pieces + g * of_group

    def __dealloc__(self):
        free(<void *> self.job.smoothing)
        free(self.job.metrics)
        free(self.memory)

    def begin(self, Py_ssize_t first_row, Py_ssize_t num_rows):
        # these rows come next; False if a label is out of range
        cdef Segments *part
        cdef Py_ssize_t g
        for g in range(vectors_of(num_rows)):
            part = self.parts + g
            part.first = first_row + g * LANES
            part.count = min(<Py_ssize_t> LANES, num_rows - g * LANES)
            if read_labels(&self.job, LOSS, part.first, part.count, &part.group) < self.job.num_rows:
                return False
        return True

    def read(self, cnp.ndarray logits not None, Py_ssize_t first_class):
        self.each_part(logits, first_class, None)

    def write(self, cnp.ndarray logits not None, Py_ssize_t first_class, cnp.ndarray grad not None):
        self.each_part(logits, first_class, grad)

    cdef Rows placed(self, cnp.ndarray block, Py_ssize_t first_class):
        # as if the block lay among all the logits
        cdef Rows rows = rows_of(block, has_classes=True)
        rows.data -= self.parts.first * rows.outer_stride + first_class * rows.class_stride
        return rows

    cdef int each_part(self, cnp.ndarray logits, Py_ssize_t first_class, cnp.ndarray grad) except -1:
        cdef Job *job = &self.job
        cdef Segments *parts = self.parts
        cdef Py_ssize_t item, num_rows = cnp.PyArray_DIM(logits, 0), first_segment = first_class // SEGMENT
        cdef Py_ssize_t each = segments_of(cnp.PyArray_DIM(logits, 1))
        cdef bint writes = grad is not None
        cdef Py_ssize_t items = vectors_of(num_rows) if in_groups(job) and not writes else num_rows * each
        cdef int num_threads = self.num_threads
        job.logits = self.placed(logits, first_class)
        if writes:
            job.grad = self.placed(grad, first_class)
        if inside_region() or num_rows * cnp.PyArray_DIM(logits, 1) < PARALLEL_ELEMENTS:
            num_threads = 1
        with nogil:
            if num_threads == 1:
                for item in range(items):
                    part_of_block(job, parts, item, each, first_segment, writes)
            else:
                for item in prange(items, schedule="dynamic", num_threads=num_threads):
                    part_of_block(job, parts, item, each, first_segment, writes)
        return 0

    def finish(self, Py_ssize_t num_rows):
        cdef Segments *part
        cdef Py_ssize_t g
        with nogil:
            for g in range(vectors_of(num_rows)):
                part = self.parts + g
                if not in_groups(&self.job):
                    join_pieces(&self.job, part.count, &part.group, part.pieces)
                finish_group(&self.job, LOSS, part.first, part.count, &part.group, &part.sweep, 0)

    def loss(self):
        return loss_of(&self.job, 1)

    def evaluation(self):
        return evaluation_of(&self.job, 1)


cdef inline bint in_groups(const Job *job) noexcept nogil:
    # whether rows are read whole, a group of them at once
    return job.num_classes <= TILE


cdef void part_of_block(
    const Job *job, Segments *parts, Py_ssize_t item, Py_ssize_t each, Py_ssize_t first_segment, bint writes
) noexcept nogil:
    # item: a group, or one of `each` segments of a row
    cdef Scratch scratch
    cdef Segments *part
    cdef Py_ssize_t row = item // each % LANES, segment = first_segment + item % each
    if in_groups(job) and not writes:
        part = parts + item
        statistics_of_group(job, LOSS, part.first, part.count, &part.group, &scratch)
        return
    part = parts + item // each // LANES
    if writes:
        write_piece(job, LOSS, part, row, segment)
    else:
        read_segment(job, part, row, segment)
