# The reference of a row: the value that is subtracted before exp. See reference.h.

cdef extern from "statistics/reference.h" nogil:
    ctypedef struct tile_reference:
        double near_error
    tile_reference tile_reference_of(double)
    double reference_scale(double)
    double distance_to_reference(double, double, double, double *)


ctypedef struct Reference:
    double offset, scale  # offset - scale * STEP; an infinite scale: no reference

cdef inline bint has_reference(Reference reference) noexcept nogil:
    return reference.scale != INFINITY


cdef inline Reference reference_at(double highest) noexcept nogil:
    # the reference of logits whose largest is `highest`; 0 where that is infinite, as then any value serves
    cdef Reference reference
    reference.offset = 0.0
    reference.scale = 0.0
    if fabs(highest) < LARGE_LOGIT:
        reference.scale = reference_scale(highest)
    elif isfinite(highest):
        reference.offset = highest
    return reference


cdef inline double distance_from(Reference reference, double x, double *low) noexcept nogil:
    # x - reference, and its rounding error `low`
    return distance_to_reference(x, reference.offset, reference.scale, low)


cdef inline double reference_difference(Reference old, Reference new) noexcept nogil:
    # old - new
    cdef double low, distance
    if old.offset == new.offset:
        return (new.scale - old.scale) * STEP
    distance = distance_to_reference(old.offset, new.offset, new.scale - old.scale, &low)
    return distance + low


cdef inline double rebase_factor(Reference old, Reference new) noexcept nogil:
    # a sum of exp(x - old), times this factor, is the sum of exp(x - new)
    cdef double low, distance = distance_to_reference(old.offset, new.offset, new.scale - old.scale, &low)
    return times_exp(1.0, distance, low)
