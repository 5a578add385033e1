# Exact sums of float64 numbers by group. A sum is a fixed-point number: its digits, to the base 2**32, lowest first,
# are int64, with room for 2**31 terms between carries; digit 0 counts units of 2**lowest. All groups have the same
# number of digits, enough for the smallest and the largest term. digits.py, which calls these functions, computes that
# number from the result of `range_of`.

from libc.stdint cimport int64_t, uint64_t

cdef extern from "totals/digits.h" nogil:
    enum:
        DIGIT
    ctypedef struct Dyadic:
        uint64_t mantissa
        int exponent
    Dyadic dyadic_of(double)
    void add_to_digits(int64_t *, Dyadic, int)

cdef extern from * nogil:
    int __builtin_ctzll(unsigned long long)

cdef int64_t BASE = <int64_t> 1 << DIGIT


cdef inline Dyadic term_of(double value) noexcept nogil:
    # value is finite; the mantissa is odd, or 0
    cdef Dyadic term = dyadic_of(value)
    cdef int zeros = __builtin_ctzll(term.mantissa) if term.mantissa else 0
    term.mantissa >>= zeros
    term.exponent += zeros
    return term


def range_of(const double[:] values):
    """Return the exponents of the lowest and the highest bit of finite values; (0, 0) if all are 0."""
    cdef int lowest = 0, highest = 0
    cdef bint is_first = True
    cdef Dyadic term
    cdef Py_ssize_t n
    with nogil:
        for n in range(values.shape[0]):
            term = term_of(values[n])
            if term.mantissa == 0:
                continue
            if is_first or term.exponent < lowest:
                lowest = term.exponent
            if is_first or term.exponent + 53 > highest:
                highest = term.exponent + 53
            is_first = False
    return lowest, highest


def add(
    const double[:] values,  # IN, finite
    const int64_t[:] groups,  # IN, the group of each value, a row of digits
    int lowest,  # IN, at most that of range_of
    int64_t[:, ::1] digits,  # IN and OUT, (groups, (highest - lowest) // 32 + 3)
):
    """Add each value to the sum of its group."""
    cdef Dyadic term
    cdef Py_ssize_t n
    with nogil:
        for n in range(values.shape[0]):
            term = term_of(values[n])
            if term.mantissa != 0:
                add_to_digits(&digits[groups[n], 0], term, term.exponent - lowest)


def carry(
    int64_t[:, ::1] digits,  # IN and OUT, (groups, digits); the last digit of a sum has room for all carries
):
    """Bring all digits into [0, 2**32), but the last of those that are needed into [-2**31, 2**31).

    Return the range of the digits that are needed: without those that are 0 for all groups at the low end, and at the
    high end without those that only continue the sign of the digit before.
    """
    cdef Py_ssize_t g, i, size = digits.shape[1], start = size - 1, end = 1
    cdef int64_t over, last
    cdef int64_t *sum
    with nogil:
        for g in range(digits.shape[0]):
            sum = &digits[g, 0]
            for i in range(size - 1):
                over = sum[i] >> DIGIT
                sum[i] -= over << DIGIT
                sum[i + 1] += over
            i = 0
            while i < start and sum[i] == 0:
                i += 1
            start = i
            i, last = size, sum[size - 1]
            while i > end and last == -(sum[i - 2] >> (DIGIT - 1)):
                i -= 1
                last = sum[i - 1] + last * BASE
            end = max(end, i)
        for g in range(digits.shape[0]):
            if digits[g, size - 1] < 0 and end < size:
                digits[g, end - 1] -= BASE
                for i in range(end, size):
                    digits[g, i] = 0
    return min(start, end - 1), end
