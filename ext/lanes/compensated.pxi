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


cdef inline void add_sum(Pair *total, const compensated *term) noexcept nogil:
    add_value(total, wide_sum(term.sum), wide_sum(term.error))


cdef inline void scale_pair(Pair *total, double factor) noexcept nogil:
    total.sum *= factor
    total.error *= factor


cdef inline double pair_value(Pair total) noexcept nogil:
    return total.sum + (total.error if isfinite(total.error) else 0.0)  # the error of inf is nan


cdef double sum_of(const double *values, Py_ssize_t count, double *error) noexcept nogil:
    # the sum of values >= 0, which are padded with zeros to whole vectors; error: the exact sum minus the result
    cdef compensated total = compensated_zero()
    cdef double sums[LANES]
    cdef double errors[LANES]
    cdef double high = 0.0, back
    cdef Py_ssize_t vector, i
    for vector in range(vectors_of(count)):
        total = compensated_add(total, wide_load(values + vector * LANES))
    wide_store(sums, total.sum)
    wide_store(errors, total.error)
    error[0] = 0.0
    for i in range(LANES):
        back = high + sums[i]
        error[0] += errors[i] + ((high - (back - (back - high))) + (sums[i] - (back - high)))
        high = back
    return high


cdef inline void compensated_store(double *sums, compensated total) noexcept nogil:
    # one sum per lane
    cdef double errors[LANES]
    cdef Py_ssize_t i
    wide_store(sums, total.sum)
    wide_store(errors, total.error)
    for i in range(LANES):
        sums[i] += errors[i] if fabs(errors[i]) < INFINITY else 0.0
