# Exact sums of float64 numbers by group. A sum is a fixed-point number: its digits, to the base 2**32, lowest first,
# are int64, with room for 2**31 terms between carries; digit 0 counts units of 2**lowest. All groups have the same
# number of digits, enough for the smallest and the largest term: digits.py computes it with `range_of`. It also calls
# `carry`.

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    int __builtin_ctzll(unsigned long long) nogil

cdef enum:
    SMALLEST = -1074  # 2**-1074 is the smallest float64
    DIGIT = 32  # bits of a digit

cdef int64_t BASE = <int64_t> 1 << DIGIT


ctypedef struct Dyadic:
    # the number +-mantissa * 2**exponent; the mantissa is odd, or 0
    uint64_t mantissa
    int exponent
    bint is_negative


cdef inline Dyadic dyadic_of(double value) noexcept nogil:
    # of a finite value
    cdef Dyadic number
    cdef uint64_t bits
    cdef int exponent, zeros
    memcpy(&bits, &value, sizeof(bits))
    number.is_negative = bits >> 63
    number.mantissa = bits << 12 >> 12
    exponent = (bits >> 52) & 0x7FF
    if exponent:  # normal: the hidden bit
        number.mantissa |= <uint64_t> 1 << 52
        exponent -= 1
    zeros = __builtin_ctzll(number.mantissa) if number.mantissa else 0
    number.mantissa >>= zeros
    number.exponent = exponent + zeros + SMALLEST
    return number


def range_of(const double[:] values):
    """Return the exponents of the lowest and the highest bit of finite values; (0, 0) if all are 0."""
    cdef int lowest = 0, highest = 0
    cdef bint is_first = True
    cdef Dyadic number
    cdef Py_ssize_t n
    with nogil:
        for n in range(values.shape[0]):
            number = dyadic_of(values[n])
            if number.mantissa == 0:
                continue
            if is_first or number.exponent < lowest:
                lowest = number.exponent
            if is_first or number.exponent + 53 > highest:
                highest = number.exponent + 53
            is_first = False
    return lowest, highest


def add(
    const double[:] values,  # IN, finite
    const int64_t[:] groups,  # IN, the group of each value, a row of digits
    int lowest,  # IN, at most that of range_of
    int64_t[:, ::1] digits,  # IN and OUT, (groups, (highest - lowest) // 32 + 3)
):
    """Add each value to the sum of its group."""
    cdef Dyadic number
    cdef uint64_t low, high
    cdef int64_t sign
    cdef int64_t *place
    cdef int shift
    cdef Py_ssize_t n
    with nogil:
        for n in range(values.shape[0]):
            number = dyadic_of(values[n])
            if number.mantissa == 0:
                continue
            shift = number.exponent - lowest
            low = <uint64_t> <uint32_t> number.mantissa << (shift & 31)
            high = (number.mantissa >> 32) << (shift & 31)
            sign = -1 if number.is_negative else 1
            place = &digits[groups[n], shift >> 5]
            place[0] += sign * <int64_t> <uint32_t> low
            place[1] += sign * <int64_t> ((low >> 32) + <uint32_t> high)
            place[2] += sign * <int64_t> (high >> 32)


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
