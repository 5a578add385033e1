# Compensated sums in float64: each sum comes with its rounding error. All sums over classes end here.

cdef inline compensated compensated_zero() noexcept nogil:
    cdef compensated total
    total.sum = wide_splat(0.0)
    total.error = total.sum
    return total


ctypedef struct Pair:  # `compensated`, for a single number
    double sum, error


cdef inline void add_value(Pair *total, double value, double error) noexcept nogil:
    cdef double sum = total.sum + value, back = sum - total.sum
    total.error += error + ((total.sum - (sum - back)) + (value - back))
    total.sum = sum


cdef inline void add_pair(Pair *total, Pair term) noexcept nogil:
    add_value(total, term.sum, term.error)


cdef void add_sum(Pair *total, const compensated *term) noexcept nogil:
    cdef double sums[LANES]
    cdef double errors[LANES]
    cdef Py_ssize_t i
    wide_store(sums, term.sum)
    wide_store(errors, term.error)
    for i in range(LANES):
        add_value(total, sums[i], errors[i])


cdef inline void scale_pair(Pair *total, double factor) noexcept nogil:
    total.sum *= factor
    total.error *= factor


cdef inline double pair_value(Pair total) noexcept nogil:
    return total.sum + (total.error if isfinite(total.error) else 0.0)  # the error of inf is nan


cdef inline void compensated_store(double *sums, compensated total) noexcept nogil:
    # one sum per lane
    cdef double errors[LANES]
    cdef Py_ssize_t i
    wide_store(sums, total.sum)
    wide_store(errors, total.error)
    for i in range(LANES):
        sums[i] += errors[i] if fabs(errors[i]) < INFINITY else 0.0
