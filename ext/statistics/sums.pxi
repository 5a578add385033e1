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


cdef inline int sums_with(const Job *job) noexcept nogil:
    # what is summed along with exp
    return (GAPS if job.uniform_smoothing else 0) | (MOMENTS if job.measures else 0)
