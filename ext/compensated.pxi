# Compensated sums of float64 lanes: the second level of every sum over classes.

ctypedef struct Compensated:
    wide sum, error


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


cdef double sum_of(const double *values, Py_ssize_t count) noexcept nogil:
    # `values` is padded with zeros to whole lanes
    cdef Compensated total
    cdef Py_ssize_t vector, k
    total.sum = wide_splat(0.0)
    total.error = total.sum
    for vector in range(vectors_of(count)):
        k = vector * LANES
        total = compensated_add(total, wide_load(values + k))
    return compensated_sum(total)


cdef inline double compensated_sum(Compensated total) noexcept nogil:
    cdef double error = wide_sum(total.error)
    return wide_sum(total.sum) + (error if isfinite(error) else 0.0)  # of inf, the error is nan
