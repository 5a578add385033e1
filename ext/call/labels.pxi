# The labels of a call: integers of any width become class indices. See labels.h.

cdef extern from "call/labels.h" nogil:
    enum:
        NO_CLASS, OUT_OF_RANGE
    const Py_ssize_t NO_ROW
    bint class_indices(int64_t *, const char *, int, uint64_t, bint, uint64_t)
    Py_ssize_t groups_in_range(const char *, int, Py_ssize_t, uint64_t)


ctypedef struct Labels:
    Rows rows
    int itemsize
    bint is_signed
    uint64_t num_classes
    bint has_ignore_index
    uint64_t ignore_index  # as raw_label returns it

cdef inline bint are_loadable(const Labels *labels) noexcept nogil:
    # whether class_indices can load this integer type: int64, uint64 or int32
    return labels.itemsize == 8 or (labels.itemsize == 4 and labels.is_signed)


cdef inline bint are_adjacent(const Labels *labels) noexcept nogil:
    # whether class_indices can load them from the array itself: a wide type, and one label directly after the other
    return are_loadable(labels) and labels.rows.inner == 1 and labels.rows.outer_stride == labels.itemsize


cdef Labels labels_of(cnp.ndarray array, Py_ssize_t num_classes, object ignore_index):
    cdef Labels labels
    labels.rows = rows_of(array, has_classes=False)
    labels.itemsize = cnp.PyArray_ITEMSIZE(array)
    labels.is_signed = cnp.PyArray_ISSIGNED(array)
    labels.num_classes = num_classes
    labels.has_ignore_index = ignore_index is not None
    labels.ignore_index = 0 if ignore_index is None else ignore_index & 0xFFFFFFFFFFFFFFFF
    return labels


cdef inline uint64_t raw_label(const Labels *labels, Py_ssize_t row) noexcept nogil:
    # the label extended to 64 bits, with its sign: a negative label is larger than any number of classes
    cdef const char *at = row_start(&labels.rows, row)
    cdef int64_t i64
    cdef int32_t i32
    cdef int16_t i16
    if labels.itemsize == 8:
        memcpy(&i64, at, 8)
        return <uint64_t> i64
    if labels.itemsize == 4:
        memcpy(&i32, at, 4)
        return <uint64_t> <int64_t> i32 if labels.is_signed else <uint64_t> <uint32_t> i32
    if labels.itemsize == 2:
        memcpy(&i16, at, 2)
        return <uint64_t> <int64_t> i16 if labels.is_signed else <uint64_t> <uint16_t> i16
    return <uint64_t> <int64_t> (<int8_t *> at)[0] if labels.is_signed else (<uint8_t *> at)[0]


cdef Py_ssize_t labels_of_group(
    const Labels *labels, Py_ssize_t first, Py_ssize_t count, int64_t *out
) noexcept nogil:
    # out: a class index, NO_CLASS (ignored label, or no row in this lane) or OUT_OF_RANGE; each label is read once.
    # Returns the first row whose label is out of range, or NO_ROW.
    cdef Py_ssize_t i
    cdef int itemsize = labels.itemsize
    cdef uint64_t raw[LANES]
    cdef const char *at = row_start(&labels.rows, first)
    if not (count == LANES and are_loadable(labels) and rows_are_adjacent(&labels.rows, first, itemsize)):
        for i in range(LANES):
            raw[i] = raw_label(labels, first + min(i, count - 1))
        at = <const char *> raw
        itemsize = 8
    if not class_indices(out, at, itemsize, labels.num_classes, labels.has_ignore_index, labels.ignore_index):
        for i in range(count):
            if out[i] == OUT_OF_RANGE:
                return first + i
    for i in range(count, LANES):
        out[i] = NO_CLASS
    return NO_ROW
