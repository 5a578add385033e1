# Exact sums of float64 numbers: a fixed-point accumulator, wide enough for every float64, in limbs of 32 bits that are
# stored in int64 (Kulisch's long accumulator; Neal 2015, arXiv:1505.05571, calls it a small superaccumulator). Exact
# addition is associative, so the sum has the same bits for any order of the rows and any number of threads.
#
# Adding to limbs is slow, so the numbers of an array are cut into pieces that can be added in lanes without rounding,
# and only the sums of the pieces go into the limbs: see exact_sum.h.

cdef extern from "totals/exact_sum.h" nogil:
    ctypedef struct ExactSum:
        int64_t *limbs
        double special
    enum:
        PLACES, LIMBS, DIGIT, STAGE
    void carry(ExactSum *)
    void add_exactly(ExactSum *, double)


# Python gets a sum as (units, places, special): units * 2**-places with the fewest places, and the sum of inf and nan.

cdef Py_ssize_t places_of(const ExactSum *total) noexcept nogil:
    # the fewest binary places that hold the sum, at least 0; carry comes first
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


cdef tuple exact_parts(ExactSum *total):
    # (units, places, special): the fields of an Exact
    cdef Py_ssize_t places
    carry(total)
    places = places_of(total)
    return (as_int(total, places), places, "") if total.special == 0.0 else (0, 0, str(total.special))
