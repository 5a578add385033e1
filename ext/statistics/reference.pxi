# The reference of a row: the value that is subtracted before exp.

cdef extern from "statistics/reference.h" nogil:
    enum:
        CEILING
    const double LARGE_LOGIT
    double reference_scale(double)
    lanes bias_of(double)
    double distance_to_reference(double, double, double, double *)


ctypedef struct Reference:
    double offset, scale, ceiling  # ceiling: the largest logit it is good for; -inf while there is no reference


cdef inline Reference reference_at(double highest) noexcept nogil:
    # the reference for logits whose maximum is near `highest`; none for -inf
    cdef Reference reference
    reference.offset = 0.0
    reference.scale = 0.0
    reference.ceiling = highest + CEILING if isfinite(highest) else -INFINITY
    if fabs(highest) >= LARGE_LOGIT and isfinite(highest):
        reference.offset = highest
    elif isfinite(highest):
        reference.scale = reference_scale(highest)
    return reference


cdef inline double between(double offset, double scale, double new_offset, double new_scale) noexcept nogil:
    # an old reference less a new one
    cdef double low, distance
    if offset == new_offset:
        return (new_scale - scale) * STEP
    distance = distance_to_reference(offset, new_offset, new_scale - scale, &low)
    return distance + low


cdef inline double rebase_factor(double offset, double scale, double new_offset, double new_scale) noexcept nogil:
    # takes a sum of exp from one reference to another
    cdef double low, distance = distance_to_reference(offset, new_offset, new_scale - scale, &low)
    return times_exp(1.0, distance, low)
