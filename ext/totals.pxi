# Totals over rows, one set for each thread. They are exact, so theirs add up to the same numbers whatever their number.

cdef enum:
    HISTOGRAM = 86  # counts of rows by nll: half octaves from 2**-32 to 2**10, and what lies below and above
    LOWEST_HALF_OCTAVE = -65  # the exponent of nll**2 in the first of them

ctypedef struct Totals:
    ExactSum loss, weight
    Py_ssize_t kept  # rows that are not ignored and whose sample_weight is not 0
    Py_ssize_t bad_row  # the lowest row with a label out of range, num_rows if none

ctypedef struct Hits:
    ExactSum weight  # of the rows whose rank is below k; counted where rows have no weights
    Py_ssize_t num_rows

ctypedef struct Bin:
    ExactSum confidence, weight
    Hits hits  # rows whose top class is their label
    Py_ssize_t num_rows

ctypedef struct Metrics:
    # of an evaluation; its Hits and Bins follow it in memory
    ExactSum nll, nll_square, entropy, brier, weight, weight_square
    Py_ssize_t count  # rows that are not ignored
    Py_ssize_t histogram[HISTOGRAM]
    double unbinned  # nan once a row is in no bin


cdef inline Py_ssize_t size_of_metrics(Py_ssize_t num_ranks, Py_ssize_t num_bins) noexcept nogil:
    return sizeof(Metrics) + num_ranks * sizeof(Hits) + num_bins * sizeof(Bin)


cdef inline Hits *hits_of(Metrics *metrics) noexcept nogil:
    return <Hits *> (metrics + 1)


cdef inline Bin *bins_of(Metrics *metrics, Py_ssize_t num_ranks) noexcept nogil:
    return <Bin *> (hits_of(metrics) + num_ranks)
