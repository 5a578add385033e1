/* exact_sum.h: the type ExactSum, and how numbers are added to it. exact_sum.pxi describes the method. */
#pragma once

#include "lanes/exp_log.h"
#include "totals/digits.h"

enum {
    PLACES = 1088,   /* limb 0 counts 2**-1088; the smallest float64 is 2**-1074 */
    LIMBS = 68,      /* 2**-1088 .. 2**1024 is 2112 bits: 66 limbs, one for 2**31 terms, one for the sign */
    STAGE = 512,     /* most numbers of an array that is added at once: its terms stay in L1 */
    WHOLE_SPAN = 39, /* numbers within so many powers of two are added in one pass */
    EVEN_SPAN = 19,  /* the same for float32 in a pass with fewer operations */
    LARGEST = 1000   /* numbers of 2**LARGEST or more are added one by one */
};
_Static_assert(LIMBS % 2 == 0, "as_int takes pairs of limbs");
_Static_assert(
    32 * (LIMBS - 1) >= PLACES + 1024 + 31, "the limbs below the sign hold 2**31 terms of any size");
typedef struct {
    int64_t limbs[LIMBS];    /* digits to the base 2**32, lowest first, before carries */
    uint32_t terms_in_limbs; /* terms since the last carry; each adds < 2**32 to a limb */
    double special;          /* the sum of all terms that are inf or nan */
} ExactSum;

/* Brings each limb into [0, 2**32), except the last, which keeps the sign. */
LANES_FUNCTION void carry(ExactSum *total) {
    for (int i = 0; i < LIMBS - 1; i++) {
        const int64_t over = total->limbs[i] >> DIGIT;
        total->limbs[i] -= over * ((int64_t)1 << DIGIT);
        total->limbs[i + 1] += over;
    }
    total->terms_in_limbs = 0;
}

LANES_INLINE void add_exactly(ExactSum *total, double value) {
    if (!isfinite(value)) {
        total->special += value;
        return;
    }
    const Dyadic term = dyadic_of(value);
    add_to_digits(total->limbs, term, (unsigned)(term.exponent + PLACES));
    if (++total->terms_in_limbs == 1 << 30) carry(total);
}

/* Adds x to `high`, a large number whose last bit does not move, and returns what is left of x: no bit is
 * lost. cut_square does so with the square of x, a number of 24 bits. */
LANES_INLINE reg_f64 cut(reg_f64 *high, reg_f64 x) {
    const reg_f64 before = *high;
    *high = before + x;
    return x - (*high - before);
}
LANES_INLINE reg_f64 cut_square(reg_f64 *high, reg_f64 x) {
    const reg_f64 before = *high;
    *high = FUSED(x, x, before);
    return FUSED(x, x, before - *high);
}

/* Adds the elements of a register, all multiples of one power of two: no sum of them is rounded. */
LANES_INLINE void add_pieces(ExactSum *total, reg_f64 pieces) {
    double numbers[WIDTH_F64], sum = 0;
    OP_F64(storeu)(numbers, pieces);
    for (int i = 0; i < WIDTH_F64; i++) sum += numbers[i];
    add_exactly(total, sum);
}

/* What is known of numbers that are added at once. WIDE: float64. SHORT: float32, and their squares are wanted.
 * EVEN: these, from 2**(exponent - EVEN_SPAN) on. */
enum { WIDE, SHORT, EVEN };

/* Adds the numbers x, |x| in [2**(exponent - WHOLE_SPAN), 2**exponent), or all if all are, and squares of float32. In
 * units of 2**exponent, a WIDE number is cut at the bits 2**-40 and 2**-68, and ends at 2**-91 or higher. A
 * SHORT one ends at 2**-62, so one cut is enough; its square is cut at 2**-42 and 2**-84 and ends at 2**-124.
 * An EVEN one ends at 2**-42 and need not be cut, and its square ends at 2**-86. So all additions of pieces are
 * exact for at most STAGE numbers. */
LANES_INLINE void add_range(ExactSum *total, ExactSum *squares, const void *x, ptrdiff_t count, int exponent,
    const int is_all, const int kind) {
    enum { HALVES = WIDTH_F32 > 1 ? 2 : 1 };
    const int parts = kind == WIDE ? 1 : HALVES;
    const double starts[] = {ldexp(1.5, exponent + 12), ldexp(1.5, exponent - 16)};
    const double square_starts[] = {ldexp(1.5, 2 * exponent + 10), ldexp(1.5, 2 * exponent - 32)};
    const reg_f64 zero = SPLAT(0.0), from = SPLAT(ldexp(1.0, exponent - WHOLE_SPAN)),
                  to = SPLAT(ldexp(1.0, exponent));
    reg_f64 high = SPLAT(starts[0]), low = SPLAT(starts[1]), rests = zero;
    reg_f64 square_high = SPLAT(square_starts[0]), square_low = SPLAT(square_starts[1]), square_rests = zero;
    for (ptrdiff_t i = 0; i < count; i += parts * WIDTH_F64) {
        for (int half = 0; half < parts; half++) {
            reg_f64 term = kind == WIDE ? OP_F64(loadu)((const double *)x + i)
                                        : widen_half_f32(OP_F32(loadu)((const float *)x + i), half);
            reg_f64 size = OP_F64(max)(term, zero - term);
            if (!is_all) term = where_less_f64(size, from, zero, where_less_f64(size, to, term, zero));
            reg_f64 rest = kind == EVEN ? term : cut(&high, term);
            rests += kind == WIDE ? cut(&low, rest) : rest;
            if (kind == WIDE) continue;
            reg_f64 square_rest = cut_square(&square_high, term);
            square_rests += kind == SHORT ? cut(&square_low, square_rest) : square_rest;
        }
    }
    add_pieces(total, high - SPLAT(starts[0]));
    add_pieces(total, low - SPLAT(starts[1]));
    add_pieces(total, rests);
    if (kind == WIDE) return;
    add_pieces(squares, square_high - SPLAT(square_starts[0]));
    add_pieces(squares, square_low - SPLAT(square_starts[1]));
    add_pieces(squares, square_rests);
}

/* Adds all numbers, in one pass or several. smallest, largest: of the sizes of those that are not 0. */
LANES_INLINE void add_ranges(ExactSum *total, ExactSum *squares, const void *x, ptrdiff_t count,
    double smallest, double largest, const int kind) {
    int exponent;
    if (largest == 0) return;
    frexp(largest, &exponent);
    if (kind == SHORT && smallest >= ldexp(1.0, exponent - EVEN_SPAN))
        add_range(total, squares, x, count, exponent, 1, EVEN);
    else if (smallest >= ldexp(1.0, exponent - WHOLE_SPAN))
        add_range(total, squares, x, count, exponent, 1, kind);
    else
        for (; ldexp(1.0, exponent) > smallest; exponent -= WHOLE_SPAN)
            add_range(total, squares, x, count, exponent, 0, kind);
}

/* Adds `count` numbers, a multiple of LANES and at most STAGE. Those from 2**LARGEST on, inf and nan become 0. */
LANES_FUNCTION void add_numbers(ExactSum *total, double *x, ptrdiff_t count) {
    const reg_f64 zero = SPLAT(0.0), infinity = SPLAT((double)INFINITY), limit = SPLAT(ldexp(1.0, LARGEST));
    reg_f64 largest = zero, smallest = infinity;
    for (ptrdiff_t i = 0; i < count; i += WIDTH_F64) {
        reg_f64 term = OP_F64(loadu)(x + i), size = OP_F64(max)(term, zero - term);
        if (!all_less_f64(size, limit)) {
            for (ptrdiff_t j = i; j < i + WIDTH_F64; j++) {
                if (fabs(x[j]) < ldexp(1.0, LARGEST)) continue;
                add_exactly(total, x[j]);
                x[j] = 0;
            }
            term = OP_F64(loadu)(x + i), size = OP_F64(max)(term, zero - term);
        }
        largest = OP_F64(max)(size, largest);
        smallest = OP_F64(min)(where_equal_f64(size, zero, infinity, size), smallest);
    }
    add_ranges(total, NULL, x, count, -largest_f64(zero - smallest), largest_f64(largest), WIDE);
}

#ifndef SMOOTHXENT_FLOAT64
/* The same for numbers of float32, none below 0, and their squares. */
LANES_FUNCTION void add_with_squares(ExactSum *total, ExactSum *squares, const float *x, ptrdiff_t count) {
    const reg_f32 zero = OP_F32(set1)(0.0f), infinity = OP_F32(set1)(INFINITY);
    reg_f32 largest = zero, smallest = infinity;
    double terms[STAGE], of_squares[STAGE];
    for (ptrdiff_t i = 0; i < count; i += WIDTH_F32) {
        reg_f32 term = OP_F32(loadu)(x + i);
        if (!all_less_f32(term, infinity)) {
            for (ptrdiff_t j = 0; j < count; j++) {
                terms[j] = x[j];
                of_squares[j] = terms[j] * terms[j];
            }
            add_numbers(total, terms, count);
            add_numbers(squares, of_squares, count);
            return;
        }
        largest = OP_F32(max)(term, largest);
        smallest = OP_F32(min)(where_equal_f32(term, zero, infinity, term), smallest);
    }
    add_ranges(total, squares, x, count, -largest_f32(zero - smallest), largest_f32(largest), SHORT);
}
#endif
