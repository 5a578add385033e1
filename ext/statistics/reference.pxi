# The reference of a row: the value that is subtracted before exp.

cdef extern from "statistics/reference.h" nogil:
    ctypedef struct tile_reference:
        double off
    tile_reference tile_reference_of(double)
    double reference_scale(double)
    double distance_to_reference(double, double, double, double *)


ctypedef struct Reference:
    double offset, scale  # offset - scale * STEP; scale is infinite where there is none

cdef inline bint has_reference(Reference reference) noexcept nogil:
    return reference.scale != INFINITY


cdef inline Reference reference_at(double highest) noexcept nogil:
    # the reference for logits whose largest is `highest`; any will do where that is infinite
    cdef Reference reference
    reference.offset = 0.0
    reference.scale = 0.0
    if fabs(highest) < LARGE_LOGIT:
        reference.scale = reference_scale(highest)
    elif isfinite(highest):
        reference.offset = highest
    return reference


cdef inline double distance_from(Reference reference, double x, double *low) noexcept nogil:
    # x less the reference; `low`: its rounding error
    return distance_to_reference(x, reference.offset, reference.scale, low)


cdef inline double between(Reference old, Reference new) noexcept nogil:
    # an old reference less a new one
    cdef double low, distance
    if old.offset == new.offset:
        return (new.scale - old.scale) * STEP
    distance = distance_to_reference(old.offset, new.offset, new.scale - old.scale, &low)
    return distance + low


cdef inline double rebase_factor(Reference old, Reference new) noexcept nogil:
    # takes a sum of exp from one reference to another
    cdef double low, distance = distance_to_reference(old.offset, new.offset, new.scale - old.scale, &low)
    return times_exp(1.0, distance, low)
