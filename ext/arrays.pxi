# Arrays become pointers, strides and sizes here, and labels become class indices.

ctypedef struct Rows:
    # an (outer, num_classes, inner) array seen as rows n = o * inner + i; strides in bytes
    char *data
    Py_ssize_t outer_stride, class_stride, inner_stride, inner

ctypedef struct Labels:
    Rows rows
    int itemsize
    bint is_signed
    uint64_t num_classes
    bint has_ignore_index
    uint64_t ignore_index  # two's complement of the label's own value

cdef Rows rows_of(cnp.ndarray array, bint has_classes):
    # array: (outer, num_classes, inner), or (outer, inner) without a class axis; inner may be missing where it is 1
    cdef Rows rows
    cdef cnp.npy_intp *strides = cnp.PyArray_STRIDES(array)
    cdef int last = 2 if has_classes else 1
    cdef bint has_inner = cnp.PyArray_NDIM(array) > last
    rows.data = <char *> cnp.PyArray_DATA(array)
    rows.outer_stride = strides[0]
    rows.class_stride = strides[1] if has_classes else 0
    rows.inner = cnp.PyArray_DIM(array, last) if has_inner else 1
    rows.inner_stride = strides[last] if has_inner else 0
    return rows


cdef Labels labels_of(cnp.ndarray array, Py_ssize_t num_classes, object ignore_index):
    cdef Labels labels
    labels.rows = rows_of(array, has_classes=False)
    labels.itemsize = cnp.PyArray_ITEMSIZE(array)
    labels.is_signed = cnp.PyArray_ISSIGNED(array)
    labels.num_classes = num_classes
    labels.has_ignore_index = ignore_index is not None
    labels.ignore_index = 0 if ignore_index is None else ignore_index & 0xFFFFFFFFFFFFFFFF
    return labels


cdef inline char *row_start(const Rows *rows, Py_ssize_t row) noexcept nogil:
    if rows.inner == 1:
        return rows.data + row * rows.outer_stride
    return rows.data + (row // rows.inner) * rows.outer_stride + (row % rows.inner) * rows.inner_stride


cdef inline bint side_by_side(const Rows *rows, Py_ssize_t first, Py_ssize_t itemsize) noexcept nogil:
    # whether LANES rows lie next to each other
    if rows.inner == 1:
        return rows.outer_stride == itemsize
    return rows.inner_stride == itemsize and first % rows.inner + LANES <= rows.inner


cdef inline bint is_aligned(const Rows *rows) noexcept nogil:
    # whether every row starts at a multiple of a number's size
    cdef size_t places = <size_t> rows.data | <size_t> rows.outer_stride | <size_t> rows.inner_stride
    return places % sizeof(real) == 0


cdef inline uint64_t raw_label(const Labels *labels, Py_ssize_t row) noexcept nogil:
    # the label's value, sign-extended to 64 bits: a negative one is larger than any number of classes
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
    # class indices, IGNORED (lanes without a row too) or OUT_OF_RANGE, from one read of each; returns the first row
    # whose label is out of range, else -1
    cdef Py_ssize_t i
    cdef int itemsize = labels.itemsize
    cdef uint64_t raw[LANES]
    cdef const char *at = row_start(&labels.rows, first)
    if not (
        count == LANES and side_by_side(&labels.rows, first, itemsize)
        and (itemsize == 8 or (itemsize == 4 and labels.is_signed))
    ):
        for i in range(LANES):
            raw[i] = raw_label(labels, first + min(i, count - 1))
        at = <const char *> raw
        itemsize = 8
    if not class_indices(out, at, itemsize, labels.num_classes, labels.has_ignore_index, labels.ignore_index):
        for i in range(count):
            if out[i] == OUT_OF_RANGE:
                return first + i
    for i in range(count, LANES):
        out[i] = IGNORED
    return -1


cdef inline double *doubles(cnp.ndarray array):
    # a contiguous float64 array or None
    return NULL if array is None else <double *> cnp.PyArray_DATA(array)


cdef inline real *reals(cnp.ndarray array):
    # a contiguous array of `real`, or None
    return NULL if array is None else <real *> cnp.PyArray_DATA(array)


cdef inline real real_at(const char *at) noexcept nogil:
    # a logit
    cdef stored value
    memcpy(&value, at, sizeof(stored))
    return real_of(value)


cdef inline void put_stored(char *at, stored value) noexcept nogil:
    memcpy(at, &value, sizeof(stored))


cdef void copy_classes(stored *to, const char *at, Py_ssize_t stride, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(count):
        memcpy(to + k, at + k * stride, sizeof(stored))
