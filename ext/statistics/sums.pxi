# Sums over one tile of a row: see sums.h.

cdef extern from "statistics/sums.h" nogil:
    ctypedef struct tile_sums:
        double exps, exps_error, gaps, gaps_error, moments, squares
        real highest_of_next
    ctypedef struct tile_logits:
        const stored *x
        Py_ssize_t left_out
    ctypedef struct saved_row:
        real *exps
        const char *written
    saved_row saved_from(saved_row, Py_ssize_t)
    enum:
        GAPS, MOMENTS
    real highest_of(const stored *, Py_ssize_t, Py_ssize_t)
    void sum_tile(tile_sums *, tile_logits, tile_logits, Py_ssize_t, const tile_reference *, saved_row, int)
    void exps_of_tile(real *, const stored *, Py_ssize_t, const tile_reference *)
    double with_error(double, double)


cdef inline int sums_with(const Call *call) noexcept nogil:
    # the sums that a call needs in addition to that of exp
    return (GAPS if call.uniform_smoothing else 0) | (MOMENTS if call.has_metrics else 0)
