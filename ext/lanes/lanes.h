/* lanes.h: vectors of 16 float32 or 8 float64 lanes and their arithmetic. The rest of the kernel uses these
 * vectors and knows neither registers nor instruction sets.
 *
 * A kernel is compiled once for each instruction set and dtype: the compiler's flags choose the registers,
 * SMOOTHXENT_<DTYPE> the types:
 *
 *     stored  float, double or uint16_t (float16, bfloat16)    one logit in memory
 *     real    float             or  double                     one logit in a register
 *     lanes   16 float          or  8 double                   a vector of logits
 *     wide    16 double         or  8 double                   the same lanes in float64, for sums
 *
 * The same bits from every instruction set: each operation acts on each lane separately and rounds once, as
 * IEEE 754 requires; each fused multiply-add is written out, and the compiler may form no others
 * (-ffp-contract=off); sums over lanes use one fixed tree. The portable build, with registers of one element,
 * is the readable version.
 *
 * No function checks for NaN; comments say how NaN passes where it matters.
 */
#pragma once

#include "lanes/registers.h"
#include "lanes/quads.h"

/* ---- types -------------------------------------------------------------------------------------- */

#ifdef SMOOTHXENT_FLOAT64
typedef double stored, real;
typedef reg_f64 reg_real;
enum { LANES = 8, WIDTH = WIDTH_F64, QUAD = QUAD_F64 };
#define OP(name) OP_F64(name)
#define REAL_OP(name) name##_f64
#else
typedef float real;
typedef reg_f32 reg_real;
enum { LANES = 16, WIDTH = WIDTH_F32, QUAD = QUAD_F32 };
#define OP(name) OP_F32(name)
#define REAL_OP(name) name##_f32
#ifdef STORED_IS_HALF
typedef uint16_t stored;
#else
typedef float stored;
#endif
#endif

enum { REGISTERS = LANES / WIDTH, WIDE_REGISTERS = LANES / WIDTH_F64 };
_Static_assert(LANES % WIDTH == 0 && LANES % WIDTH_F64 == 0, "lanes fill whole registers");
_Static_assert((LANES & (LANES - 1)) == 0, "lanes are halved down to one: largest, wide_sum");
_Static_assert(WIDTH == WIDTH_F64 * (int)(sizeof(double) / sizeof(real)) || WIDTH == 1,
    "widen, narrow: a register of `real` is one of float64, or two");
typedef struct {
    reg_real r[REGISTERS];
} lanes;
typedef struct {
    reg_f64 r[WIDE_REGISTERS];
} wide;

#define EACH_REGISTER for (int i = 0; i < REGISTERS; i++)
#define EACH_WIDE_REGISTER for (int i = 0; i < WIDE_REGISTERS; i++)
#define OPERATION(vector, name, each, value)       \
    LANES_INLINE vector name(vector a, vector b) { \
        each a.r[i] = value;                       \
        return a;                                  \
    }

/* ---- lanes ------------------------------------------------------------------------------------ */

LANES_INLINE lanes load(const real *x) {
    lanes v;
    EACH_REGISTER v.r[i] = OP(loadu)(x + i * WIDTH);
    return v;
}
LANES_INLINE void store(real *x, lanes a) { EACH_REGISTER OP(storeu)(x + i * WIDTH, a.r[i]); }
LANES_INLINE lanes splat(real x) {
    lanes v;
    EACH_REGISTER v.r[i] = OP(set1)(x);
    return v;
}
OPERATION(lanes, add, EACH_REGISTER, a.r[i] + b.r[i])
OPERATION(lanes, sub, EACH_REGISTER, a.r[i] - b.r[i])
OPERATION(lanes, mul, EACH_REGISTER, a.r[i] * b.r[i])
OPERATION(lanes, divide, EACH_REGISTER, a.r[i] / b.r[i])
OPERATION(lanes, maximum, EACH_REGISTER, OP(max)(a.r[i], b.r[i]))
OPERATION(lanes, minimum, EACH_REGISTER, OP(min)(a.r[i], b.r[i]))
/* a * b + c and c - a * b, rounded once */
LANES_INLINE lanes fused(lanes a, lanes b, lanes c) {
    EACH_REGISTER c.r[i] = OP(fmadd)(a.r[i], b.r[i], c.r[i]);
    return c;
}
LANES_INLINE lanes negative_fused(lanes a, lanes b, lanes c) {
    EACH_REGISTER c.r[i] = OP(fnmadd)(a.r[i], b.r[i], c.r[i]);
    return c;
}
/* a == b ? x : y and a < b ? x : y */
LANES_INLINE lanes where_equal(lanes a, lanes b, lanes x, lanes y) {
    EACH_REGISTER y.r[i] = REAL_OP(where_equal)(a.r[i], b.r[i], x.r[i], y.r[i]);
    return y;
}
LANES_INLINE lanes where_less(lanes a, lanes b, lanes x, lanes y) {
    EACH_REGISTER y.r[i] = REAL_OP(where_less)(a.r[i], b.r[i], x.r[i], y.r[i]);
    return y;
}
LANES_INLINE int all_less(lanes a, lanes b) {
    int all = 1;
    EACH_REGISTER all &= REAL_OP(all_less)(a.r[i], b.r[i]);
    return all;
}
LANES_INLINE int any_less(lanes a, lanes b) {
    return !all_less(where_less(a, b, splat(1), splat(0)), splat(1));
}
/* m of x = 2**k m, sqrt(1/2) <= m < sqrt(2), for normal x > 0 */
LANES_INLINE lanes split(lanes x, lanes *k) {
    EACH_REGISTER x.r[i] = REAL_OP(split)(x.r[i], &k->r[i]);
    return x;
}
LANES_INLINE lanes lane_numbers(void) {
    static const real numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    _Static_assert(LANES <= sizeof numbers / sizeof numbers[0], "each lane has its number");
    return load(numbers);
}

/* The largest lane; none is NaN. */
LANES_INLINE real largest(lanes a) {
    for (int half = REGISTERS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) a.r[i] = OP(max)(a.r[i], a.r[i + half]);
    return REAL_OP(largest)(a.r[0]);
}

/* ---- logits in memory --------------------------------------------------------------------------- */

/* Addresses need no alignment. */
LANES_INLINE stored stored_at(const stored *x) {
    stored a;
    memcpy(&a, x, sizeof a);
    return a;
}
LANES_INLINE void put_stored(stored *x, stored a) { memcpy(x, &a, sizeof a); }

#ifdef STORED_IS_HALF
LANES_INLINE real real_of(stored x) { return widen_half_type(x); }
LANES_INLINE stored stored_of(real x) { return narrow_half_type(x); }
LANES_INLINE lanes load_logits(const stored *x) {
    lanes v;
    EACH_REGISTER v.r[i] = load_half_type(x + i * WIDTH);
    return v;
}
LANES_INLINE void store_logits(stored *x, lanes a) { EACH_REGISTER store_half_type(x + i * WIDTH, a.r[i]); }
LANES_INLINE lanes load_logits_part(const stored *x, int count) {
    stored part[LANES] = {0};
    memcpy(part, x, count * sizeof *x);
    return load_logits(part);
}
LANES_INLINE void store_logits_part(stored *x, lanes a, int count) {
    stored part[LANES];
    store_logits(part, a);
    memcpy(x, part, count * sizeof *x);
}
#else
LANES_INLINE real real_of(stored x) { return x; }
LANES_INLINE stored stored_of(real x) { return x; }
LANES_INLINE lanes load_logits(const stored *x) { return load(x); }
LANES_INLINE void store_logits(stored *x, lanes a) { store(x, a); }
/* load_logits_part and store_logits_part: the first `count` lanes only; the others are 0. registers_part: how
 * many of these lanes are in register i. */
LANES_INLINE int registers_part(int count, int i) {
    return count<i * WIDTH ? 0 : count>(i + 1) * WIDTH ? WIDTH : count - i * WIDTH;
}
LANES_INLINE lanes load_logits_part(const stored *x, int count) {
    lanes v;
    EACH_REGISTER {
        int part = registers_part(count, i);
        v.r[i] = part ? REAL_OP(load_part)(x + i * WIDTH, part) : OP(set1)(0);
    }
    return v;
}
LANES_INLINE void store_logits_part(stored *x, lanes a, int count) {
    EACH_REGISTER {
        int part = registers_part(count, i);
        if (part) REAL_OP(store_part)(x + i * WIDTH, a.r[i], part);
    }
}
#endif

/* The first vector of `count` logits; lanes beyond them are 0. */
LANES_INLINE lanes load_up_to(const stored *x, ptrdiff_t count) {
    return count < LANES ? load_logits_part(x, (int)count) : load_logits(x);
}

/* Stores past the caches; x must be aligned to a register. */
LANES_INLINE void stream(real *x, lanes a) { EACH_REGISTER OP(stream)(x + i * WIDTH, a.r[i]); }
enum { STREAM_ALIGNMENT = WIDTH * sizeof(real) };
_Static_assert(
    (STREAM_ALIGNMENT & (STREAM_ALIGNMENT - 1)) == 0, "write_scaled takes addresses modulo STREAM_ALIGNMENT");

enum { LINE = 64 };    /* bytes of a cache line */
enum { AHEAD = 4096 }; /* prefetch distance in bytes: hardware prefetching stops at the end of a page */
LANES_INLINE void prefetch(const stored *x) { __builtin_prefetch(x); } /* any address is valid */
LANES_INLINE void prefetch_to_write(const void *x) { __builtin_prefetch(x, 1); }

/* ---- wide ------------------------------------------------------------------------------------- */

LANES_INLINE wide wide_load(const double *x) {
    wide v;
    EACH_WIDE_REGISTER v.r[i] = OP_F64(loadu)(x + i * WIDTH_F64);
    return v;
}
LANES_INLINE void wide_store(double *x, wide a) {
    EACH_WIDE_REGISTER OP_F64(storeu)(x + i * WIDTH_F64, a.r[i]);
}
LANES_INLINE wide wide_splat(double x) {
    wide v;
    EACH_WIDE_REGISTER v.r[i] = OP_F64(set1)(x);
    return v;
}
OPERATION(wide, wide_add, EACH_WIDE_REGISTER, a.r[i] + b.r[i])
OPERATION(wide, wide_sub, EACH_WIDE_REGISTER, a.r[i] - b.r[i])
OPERATION(wide, wide_mul, EACH_WIDE_REGISTER, a.r[i] * b.r[i])
OPERATION(wide, wide_maximum, EACH_WIDE_REGISTER, OP_F64(max)(a.r[i], b.r[i]))
OPERATION(wide, wide_minimum, EACH_WIDE_REGISTER, OP_F64(min)(a.r[i], b.r[i]))
LANES_INLINE wide wide_fused(wide a, wide b, wide c) {
    EACH_WIDE_REGISTER c.r[i] = OP_F64(fmadd)(a.r[i], b.r[i], c.r[i]);
    return c;
}
LANES_INLINE wide where_nonzero(wide c, wide x) {
    EACH_WIDE_REGISTER x.r[i] = where_nonzero_f64(c.r[i], x.r[i]);
    return x;
}

#ifdef SMOOTHXENT_FLOAT64
LANES_INLINE wide widen(lanes a) {
    wide v;
    EACH_WIDE_REGISTER v.r[i] = a.r[i];
    return v;
}
#else
LANES_INLINE wide widen(lanes a) {
    wide v;
    EACH_WIDE_REGISTER v.r[i] =
        WIDTH > 1 ? widen_half_f32(a.r[i / 2 % REGISTERS], i & 1) : widen_half_f32(a.r[i % REGISTERS], 0);
    return v;
}
#endif

/* Conversions to `real`: of float64, rounded, and of integers below 2**24. */
#ifdef SMOOTHXENT_FLOAT64
LANES_INLINE lanes narrow(const double *x) { return load(x); }
LANES_INLINE lanes narrow_wide(wide a) {
    lanes v;
    EACH_REGISTER v.r[i] = a.r[i];
    return v;
}
LANES_INLINE lanes lanes_from_integers(const int64_t *x) {
    lanes v;
    EACH_REGISTER v.r[i] = f64_from_i64(load_i64(x + i * WIDTH));
    return v;
}
#else
LANES_INLINE lanes lanes_from_integers(const int64_t *x) {
    lanes v;
    EACH_REGISTER v.r[i] = f32_from_i64(x + i * WIDTH);
    return v;
}
LANES_INLINE lanes narrow_wide(wide a) {
    lanes v;
    EACH_REGISTER v.r[i] = WIDTH > 1
        ? narrow_f64(a.r[2 * i % WIDE_REGISTERS], a.r[(2 * i + 1) % WIDE_REGISTERS])
        : narrow_f64(a.r[i % WIDE_REGISTERS], a.r[i % WIDE_REGISTERS]);
    return v;
}
LANES_INLINE lanes narrow(const double *x) {
    lanes v;
    EACH_REGISTER v.r[i] =
        narrow_f64(OP_F64(loadu)(x + i * WIDTH), OP_F64(loadu)(x + i * WIDTH + (WIDTH > 1 ? WIDTH_F64 : 0)));
    return v;
}
#endif

/* A sum of many terms and its accumulated rounding error, lane by lane. */
typedef struct {
    wide sum, error;
} compensated;

LANES_INLINE compensated compensated_add(compensated total, wide term) {
    EACH_WIDE_REGISTER {
        reg_f64 lost;
        total.sum.r[i] = two_sum(total.sum.r[i], term.r[i], &lost);
        total.error.r[i] += lost;
    }
    return total;
}

/* The same for a term that is a sum of `real`. The error of float32 terms is ignored: with 24 bits each,
 * float64 adds 2**29 of them without loss of precision. */
LANES_INLINE void accumulate(compensated *total, wide term) {
    if (sizeof(real) < sizeof(double)) {
        total->sum = wide_add(total->sum, term);
        return;
    }
    EACH_WIDE_REGISTER {
        reg_f64 lost;
        total->sum.r[i] = two_sum(total->sum.r[i], term.r[i], &lost);
        total->error.r[i] += lost;
    }
}

/* Sum over lanes: halves are added, so the tree is the same for registers of any width. */
LANES_INLINE double wide_sum(wide a) {
    for (int half = WIDE_REGISTERS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) a.r[i] += a.r[i + half];
    return sum_f64(a.r[0]);
}
