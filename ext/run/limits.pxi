# Lower bounds for the time of a loss, for benchmarks: reading the logits from memory, and exp of logits that are in L1.
# Each thread takes one share. Sums use several accumulators, so that no addition waits for the one before it. The total
# is returned, so that the compiler cannot remove the work.

cdef extern from "run/limits.h" nogil:
    double bare_exp_sum(const real *, Py_ssize_t)

cdef enum:
    SUMS = 8  # accumulators, a power of two
    STRIDE = SUMS * LANES


cdef inline double sum_of_lanes(lanes *sums) noexcept nogil:
    cdef Py_ssize_t half = SUMS // 2, i
    while half:
        for i in range(half):
            sums[i] = add(sums[i], sums[i + half])
        half //= 2
    return wide_sum(widen(sums[0]))


cdef double read_part(const stored *x, Py_ssize_t count) noexcept nogil:
    cdef lanes sums[SUMS]
    cdef Py_ssize_t step, i
    cdef double rest = 0.0
    for i in range(SUMS):
        sums[i] = splat(0)
    for step in range(count // STRIDE):
        for i in range(SUMS):
            prefetch(x + i * LANES + AHEAD // <Py_ssize_t> sizeof(stored))
            sums[i] = add(sums[i], load_logits(x + i * LANES))
        x += STRIDE
    for i in range(count % STRIDE):
        rest += real_of(x[i])
    return sum_of_lanes(sums) + rest


cdef double exp_part(Py_ssize_t num_tiles) noexcept nogil:
    cdef real tile[TILE]
    cdef Py_ssize_t i
    cdef double total = 0.0
    for i in range(TILE):
        tile[i] = <real> (-8.0 * i / TILE)
    for i in range(num_tiles):
        total += bare_exp_sum(tile, TILE)
    return total


def read_sum(cnp.ndarray logits not None, int num_threads):
    cdef const stored *x = <const stored *> cnp.PyArray_DATA(logits)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(logits), share = (size + num_threads - 1) // num_threads, first
    cdef double total = 0.0
    cdef int t
    for t in prange(num_threads, nogil=True, schedule="static", num_threads=num_threads):
        first = min(t * share, size)
        total += read_part(x + first, min(share, size - first))
    return total


def exp_sum(Py_ssize_t num_tiles, int num_threads):
    cdef double total = 0.0
    cdef int t
    for t in prange(num_threads, nogil=True, schedule="static", num_threads=num_threads):
        total += exp_part(num_tiles // num_threads + (t < num_tiles % num_threads))
    return total
