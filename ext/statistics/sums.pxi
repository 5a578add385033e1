# Sums over a row in lanes: see sums.h.

cdef extern from "statistics/sums.h" nogil:
    ctypedef struct block_sums:
        lanes highest
        compensated exps
        wide wholes, remainders
        wide moments, squares
    enum:
        GAPS
        MOMENTS
    const double MOST_WHOLES
    void sum_row(block_sums *, const stored *, Py_ssize_t, Py_ssize_t, lanes, int)


cdef inline int sums_with(const Call *call) noexcept nogil:
    # what is summed along with exp
    return (GAPS if call.uniform_smoothing else 0) | (MOMENTS if call.has_metrics else 0)
