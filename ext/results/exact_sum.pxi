# Exact sums of float64 numbers: a fixed-point accumulator, wide enough for every float64, in limbs of 32 bits that are
# stored in int64 (Kulisch's long accumulator; Neal 2015, arXiv:1505.05571, calls it a small superaccumulator). Exact
# addition is associative, so the sum has the same bits for any order of the rows and any number of threads.
#
# Adding to limbs is slow, so terms of ordinary size are cut into pieces that can be added in lanes without rounding
# (see exact_sum.h). Only full pieces, and terms of other sizes, go into the limbs.

cdef extern from "results/digits.h" nogil:
    ctypedef struct Dyadic:
        int exponent
    Dyadic dyadic_of(double)
    void add_to_digits(int64_t *, Dyadic, int)

cdef extern from "results/exact_sum.h" nogil:
    ctypedef struct ExactSum:
        double *pieces
        double *small
        Py_ssize_t terms_in_pieces
        int64_t *limbs
        uint32_t terms_in_limbs
        double special
    enum:
        PLACES, LIMBS, CUTS, MOST_CUT
    const double SMALL
    bint add_in_pieces(ExactSum *, const RowGroup *, const double *, const double *, double *)
    int cut_in_pieces(double *, const RowGroup *, const double *, const double *, double *)


cdef void carry(ExactSum *total) noexcept nogil:
    # brings each limb into [0, 2**32), except the last, which keeps the sign
    cdef Py_ssize_t i
    cdef int64_t over
    for i in range(LIMBS - 1):
        over = total.limbs[i] >> 32
        total.limbs[i] -= over << 32
        total.limbs[i + 1] += over
    total.terms_in_limbs = 0


cdef inline void add_exactly(ExactSum *total, double value) noexcept nogil:
    cdef Dyadic term
    if not isfinite(value):
        total.special += value
        return
    term = dyadic_of(value)
    add_to_digits(total.limbs, term, term.exponent + PLACES)
    total.terms_in_limbs += 1
    if total.terms_in_limbs == 1 << 30:
        carry(total)


cdef void add_pieces(ExactSum *total) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(CUTS * LANES):
        if total.pieces[i] != 0.0:
            add_exactly(total, total.pieces[i])
            total.pieces[i] = 0.0
        if total.small[i] != 0.0:
            add_exactly(total, total.small[i] / SMALL)
            total.small[i] = 0.0
    total.terms_in_pieces = 0


cdef inline void add_group_exactly(
    ExactSum *total, const RowGroup *group, const double *weights, const double *values
) noexcept nogil:
    # adds values[i] * weights[i] of the rows that are kept; weights: NULL for 1
    cdef double left[LANES]
    cdef Py_ssize_t i
    if not add_in_pieces(total, group, weights, values, left):
        for i in range(LANES):
            if left[i] != 0.0:
                add_exactly(total, left[i])
    total.terms_in_pieces += 1
    if total.terms_in_pieces == MOST_CUT:
        add_pieces(total)


cdef void add_up(ExactSum *sums, Py_ssize_t step, int count) noexcept nogil:
    # adds `count` exact sums, `step` bytes apart, into the first, and carries
    cdef Py_ssize_t i
    cdef int t
    cdef ExactSum *other
    add_pieces(sums)
    for t in range(1, count):
        other = <ExactSum *> (<char *> sums + t * step)
        add_pieces(other)
        carry(other)
        carry(sums)
        for i in range(LIMBS):
            sums.limbs[i] += other.limbs[i]
        sums.special += other.special
    carry(sums)


# Python gets a sum as (units, places, special): units * 2**-places with the fewest places, and the sum of inf and nan.

cdef Py_ssize_t places_of(const ExactSum *total) noexcept nogil:
    # the fewest binary places that hold the sum, at least 0; add_up comes first
    cdef Py_ssize_t bit = 0
    while bit < PLACES and total.limbs[bit >> 5] == 0:
        bit += 32
    while bit < PLACES and not (total.limbs[bit >> 5] >> (bit & 31)) & 1:
        bit += 1
    return max(<Py_ssize_t> 0, PLACES - bit)


cdef inline uint64_t limb_pair(const ExactSum *total, Py_ssize_t i) noexcept nogil:
    return (<uint64_t> total.limbs[2 * i + 1] << 32) + <uint64_t> total.limbs[2 * i]


cdef object as_int(const ExactSum *total, Py_ssize_t places):
    cdef Py_ssize_t i = LIMBS // 2, first = (PLACES - places) >> 6
    digits = -1 if total.limbs[LIMBS - 1] < 0 else 0  # a Python int of any size
    while digits == 0 and i > first and limb_pair(total, i - 1) == 0:
        i -= 1
    while i > first:
        i -= 1
        digits = digits << 64 | limb_pair(total, i)
    return digits >> ((PLACES - places) & 63)


cdef tuple exact_parts(ExactSum *sums, Py_ssize_t step, int count):
    # (units, places, special) of `count` exact sums, `step` bytes apart: the fields of an Exact
    cdef Py_ssize_t places
    add_up(sums, step, count)
    places = places_of(sums)
    return (as_int(sums, places), places, "") if sums.special == 0.0 else (0, 0, str(sums.special))
