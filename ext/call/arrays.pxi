# NumPy arrays as pointers, strides and sizes; all other files of the kernel read and write through these functions.

ctypedef struct Rows:
    # the rows of an (outer, num_classes, inner) array: row number outer_index * inner + inner_index; strides in bytes
    char *data
    Py_ssize_t outer_stride, class_stride, inner_stride, inner

cdef Rows rows_of(cnp.ndarray array, bint has_classes):
    # array: (outer, num_classes, inner), or (outer, inner) without a class axis; the inner axis may be absent
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


cdef inline char *row_start(const Rows *rows, Py_ssize_t row) noexcept nogil:
    if rows.inner == 1:
        return rows.data + row * rows.outer_stride
    return rows.data + (row // rows.inner) * rows.outer_stride + (row % rows.inner) * rows.inner_stride


cdef void row_starts(const Rows *rows, Py_ssize_t first, Py_ssize_t count, char **starts) noexcept nogil:
    # addresses of the rows of a group; a lane without a row gets the address of the last row
    cdef Py_ssize_t i
    cdef char *at = row_start(rows, first)
    if rows.inner == 1 and count == LANES:  # a fixed number of rows: the compiler vectorises the loop
        for i in range(LANES):
            starts[i] = at + i * rows.outer_stride
    else:
        for i in range(LANES):
            starts[i] = row_start(rows, first + min(i, count - 1))


cdef inline bint rows_are_adjacent(const Rows *rows, Py_ssize_t first, Py_ssize_t itemsize) noexcept nogil:
    # whether the numbers of LANES rows for one class are adjacent in memory
    if rows.inner == 1:
        return rows.outer_stride == itemsize
    return rows.inner_stride == itemsize and first % rows.inner + LANES <= rows.inner


cdef inline bint is_aligned(const Rows *rows) noexcept nogil:
    # whether every row starts at a multiple of sizeof(real)
    cdef size_t places = <size_t> rows.data | <size_t> rows.outer_stride | <size_t> rows.inner_stride
    return places % sizeof(real) == 0


cdef inline double *doubles(cnp.ndarray array):
    # a contiguous float64 array or None
    return NULL if array is None else <double *> cnp.PyArray_DATA(array)


cdef inline real *reals(cnp.ndarray array):
    # a contiguous array of `real`, or None
    return NULL if array is None else <real *> cnp.PyArray_DATA(array)


cdef inline int64_t *integers(cnp.ndarray array):
    # a contiguous int64 array or None
    return NULL if array is None else <int64_t *> cnp.PyArray_DATA(array)


cdef inline real real_at(const char *at) noexcept nogil:
    return real_of(stored_at(<const stored *> at))


cdef void copy_classes(stored *to, const char *at, Py_ssize_t stride, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(count):
        memcpy(to + k, at + k * stride, sizeof(stored))
