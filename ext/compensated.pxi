# Compensated sums of float64 lanes: the second level of every sum over classes.

cdef inline compensated compensated_zero() noexcept nogil:
    cdef compensated total
    total.sum = wide_splat(0.0)
    total.error = total.sum
    return total


cdef inline compensated merged(compensated a, compensated b) noexcept nogil:
    cdef compensated total = compensated_add(a, b.sum)
    total.error = wide_add(total.error, b.error)
    return total


cdef inline compensated compensated_scale(compensated total, double factor) noexcept nogil:
    cdef wide zero = wide_splat(0.0)
    total.sum = wide_fused(total.sum, wide_splat(factor), zero)
    total.error = wide_fused(total.error, wide_splat(factor), zero)
    return total


cdef double sum_of(const double *values, Py_ssize_t count, double *error) noexcept nogil:
    # the sum of values >= 0, padded with zeros to whole lanes, and what the sum lacks
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


cdef inline double compensated_sum(compensated total) noexcept nogil:
    cdef double error = wide_sum(total.error)
    return wide_sum(total.sum) + (error if isfinite(error) else 0.0)  # of inf, the error is nan


cdef inline void compensated_store(double *sums, compensated total) noexcept nogil:
    # lane by lane
    cdef double errors[LANES]
    cdef Py_ssize_t i
    wide_store(sums, total.sum)
    wide_store(errors, total.error)
    for i in range(LANES):
        sums[i] += errors[i] if fabs(errors[i]) < INFINITY else 0.0
