# Exact sums of float64: a fixed-point number wide enough for every float64, in limbs of 32 bits with room to spare
# (Kulisch's long accumulator; Neal 2015, arXiv:1505.05571, calls it a small superaccumulator). Addition of the exact
# value is associative, so the sum has the same bits for any order of the rows and any number of threads.

cdef enum:
    LIMBS = 68  # 2**-1074 .. 2**1024 is 2098 bits: 66 limbs, one for 2**31 terms, one for the sign

ctypedef struct ExactSum:
    int64_t limbs[LIMBS]
    uint32_t terms  # since the last carry: each term adds less than 2**32 to a limb
    double special  # the sum of what is not finite


cdef void carry(ExactSum *total) noexcept nogil:
    cdef Py_ssize_t i
    cdef int64_t over
    for i in range(LIMBS - 1):
        over = total.limbs[i] >> 32
        total.limbs[i] -= over << 32
        total.limbs[i + 1] += over
    total.terms = 0


cdef inline void add_exactly(ExactSum *total, double value) noexcept nogil:
    cdef uint64_t bits, mantissa, low, high
    cdef int64_t sign
    cdef int position
    if not isfinite(value):
        total.special += value
        return
    memcpy(&bits, &value, 8)
    sign = -1 if bits >> 63 else 1
    position = (bits >> 52) & 0x7FF
    mantissa = bits << 12 >> 12
    if position:  # normal: the hidden bit, in units of 2**(position - 1) * 2**-1074
        mantissa |= <uint64_t> 1 << 52
        position -= 1
    low = <uint64_t> <uint32_t> mantissa << (position & 31)
    high = (mantissa >> 32) << (position & 31)
    position >>= 5
    total.limbs[position] += sign * <int64_t> <uint32_t> low
    total.limbs[position + 1] += sign * <int64_t> ((low >> 32) + <uint32_t> high)
    total.limbs[position + 2] += sign * <int64_t> (high >> 32)
    total.terms += 1
    if total.terms == 1 << 30:
        carry(total)


cdef object exact_int(ExactSum *sums, int count, double *special):
    # the total of `count` exact sums as an int in units of 2**-1074
    cdef Py_ssize_t i
    cdef int t
    cdef uint32_t digits[LIMBS]
    for t in range(1, count):
        carry(&sums[t])
        carry(&sums[0])
        for i in range(LIMBS):
            sums[0].limbs[i] += sums[t].limbs[i]
        sums[0].special += sums[t].special
    carry(&sums[0])
    for i in range(LIMBS):
        digits[i] = <uint32_t> sums[0].limbs[i]
    special[0] = sums[0].special
    return int.from_bytes(PyBytes_FromStringAndSize(<char *> digits, sizeof(digits)), "little", signed=True)
