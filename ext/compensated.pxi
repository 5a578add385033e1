# Compensated sums of float64 lanes: the second level of every sum over classes.

ctypedef struct Compensated:
    wide sum, error


cdef inline Compensated compensated_zero() noexcept nogil:
    cdef Compensated total
    total.sum = wide_splat(0.0)
    total.error = total.sum
    return total


cdef inline Compensated compensated_add(Compensated total, wide term) noexcept nogil:
    # Knuth's two-sum, lane by lane
    cdef wide total_sum = wide_add(total.sum, term)
    cdef wide back = wide_sub(total_sum, total.sum)
    cdef wide error = wide_add(wide_sub(total.sum, wide_sub(total_sum, back)), wide_sub(term, back))
    total.error = wide_add(total.error, error)
    total.sum = total_sum
    return total


cdef inline Compensated compensated_scale(Compensated total, double factor) noexcept nogil:
    cdef wide zero = wide_splat(0.0)
    total.sum = wide_fused(total.sum, wide_splat(factor), zero)
    total.error = wide_fused(total.error, wide_splat(factor), zero)
    return total


cdef double sum_of(const double *values, Py_ssize_t count, double *error) noexcept nogil:
    # the sum of values >= 0, padded with zeros to whole lanes, and what the sum lacks
    cdef Compensated total = compensated_zero()
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


cdef inline double compensated_sum(Compensated total) noexcept nogil:
    cdef double error = wide_sum(total.error)
    return wide_sum(total.sum) + (error if isfinite(error) else 0.0)  # of inf, the error is nan
