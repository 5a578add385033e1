# Declares the vectors of lanes.h for Cython.

cdef extern from "lanes/lanes.h" nogil:
    ctypedef float stored  # float, double or uint16_t: lanes.h decides
    ctypedef float real  # float or double
    ctypedef struct lanes:
        pass
    ctypedef struct wide:
        pass
    ctypedef struct compensated:
        wide sum, error
    enum:
        LANES, QUAD, LINE, AHEAD
    real real_of(stored)
    stored stored_at(const stored *)
    void put_stored(stored *, stored)
    stored stored_of(real)
    lanes load(const real *)
    lanes narrow(const double *)
    lanes lanes_from_integers(const int64_t *)
    void store(real *, lanes)
    lanes load_logits(const stored *)
    lanes load_up_to(const stored *, Py_ssize_t)
    void store_logits(stored *, lanes)
    void store_logits_part(stored *, lanes, int)
    void finish_streams()
    void prefetch(const stored *)
    lanes lane_numbers()
    lanes splat(real)
    lanes add(lanes, lanes)
    lanes mul(lanes, lanes)
    lanes where_equal(lanes, lanes, lanes, lanes)
    real largest(lanes)
    wide widen(lanes)
    wide wide_load(const double *)
    void wide_store(double *, wide)
    wide wide_splat(double)
    wide wide_sub(wide, wide)
    wide wide_fused(wide, wide, wide)
    wide where_nonzero(wide, wide)
    double wide_sum(wide)
    compensated compensated_add(compensated, wide)

cdef extern from "lanes/exp_log.h" nogil:
    enum:
        LOW_PARTS
    double times_exp(double, double, double)
    double weighted_term(double, double)

cdef extern from "lanes/exp.h" nogil:
    const double STEP, STEP_LOW, LARGE_LOGIT


cdef inline Py_ssize_t vectors_of(Py_ssize_t num_classes) noexcept nogil:
    return (num_classes + LANES - 1) // LANES


cdef inline Py_ssize_t padded_size(Py_ssize_t num_classes) noexcept nogil:
    return vectors_of(num_classes) * LANES
