/* Every operation of the headers of ext/, lane by lane, against the plain C expression that it stands for.
 *
 * Operands are special values, random bits and numbers of ordinary size, mixed at random. One line is printed for
 * each operation, with a digest of its results: the same on any instruction set. A difference is printed too and ends
 * with status 1. Here all NaN are one value, but for those of float16 and bfloat16. An argument is the number of rounds:
 * an emulator takes fewer. See test_lanes.py.
 *
 *     lanes.c             arithmetic of lanes and wide, exp_log.h
 *     lanes_memory.h      loads and stores: parts of vectors, columns, float16 and bfloat16
 *     lanes_sums.h        exp, sums over a tile, the second sweep
 *     lanes_pairs.h       exp and log of pairs, rows of two and three classes
 *     lanes_transforms.h  a soft cap and a temperature
 *     lanes_group.h       labels, statistics of groups of rows, shares and losses
 *     lanes_totals.h      exact sums, counts, bins, histogram
 *     lanes_metrics.h     ranks, moments, entropy, confidence and Brier score
 *
 * One draw of random_bits() a statement, or a comma between them: the order inside an expression is the compiler's.
 */
#include "results/few_classes_groups.h"
#include "results/gradients.h"
#include "results/losses.h"
#include "results/metrics.h"
#include "statistics/few_classes.h"
#include "statistics/rank.h"
#include "statistics/short_rows.h"
#include "totals/totals.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef SMOOTHXENT_FLOAT64
typedef uint64_t real_bits;
#define FMA fma
enum { MANTISSA = 52 };
#else
typedef uint32_t real_bits;
#define FMA fmaf
enum { MANTISSA = 23 };
#endif

enum { OPERATIONS = 256, ROUNDS = 5000 };
#define EACH_LANE for (int i = 0; i < LANES; i++)

static struct { const char *name; uint64_t digest; } operations[OPERATIONS];
static int failures;

static uint64_t bits_of(double x) {
    uint64_t bits;
    if (isnan(x)) x = NAN;
    memcpy(&bits, &x, sizeof bits);
    return isnan(x) ? bits & ~(1ULL << 63) : bits;
}

static uint64_t mixed(uint64_t z) { /* a step of splitmix64 (Steele, Lea and Flood 2014) */
    z += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* Its bits must be the same on any instruction set; here it is compared with nothing. */
static void digest(const char *name, double actual) {
    static int n;
    if (operations[n].name != name)
        for (n = 0; operations[n].name && strcmp(operations[n].name, name);) n++;
    operations[n].name = name;
    operations[n].digest = mixed(operations[n].digest + bits_of(actual));
}

/* A float, and the bits of a half, widen to double without loss: one comparison serves all. */
static void note(const char *name, int lane, double actual, double expected) {
    digest(name, actual);
    if (bits_of(actual) != bits_of(expected) && failures++ < 20)
        printf("%s, lane %d: %a, expected %a\n", name, lane, actual, expected);
}

/* Where long double holds no more than the result there is nothing to compare with. */
static void check_near(const char *name, int lane, long double actual, long double expected, long double tolerance) {
    if (LDBL_MANT_DIG > MANTISSA + 1 && !(fabsl(actual - expected) <= tolerance) && failures++ < 20)
        printf("%s, lane %d: %Lg, off by %Lg, allowed %Lg\n", name, lane, actual, actual - expected, tolerance);
}

#define LANES_ARE(name, vector, expression)                   \
    do {                                                      \
        real out[LANES];                                      \
        store(out, vector);                                   \
        EACH_LANE note(name, i, out[i], expression);          \
    } while (0)
#define WIDE_IS(name, vector, expression)                     \
    do {                                                      \
        double out[LANES];                                    \
        wide_store(out, vector);                              \
        EACH_LANE note(name, i, out[i], expression);          \
    } while (0)

static uint64_t random_bits(void) {
    static uint64_t state = 20;
    return mixed(state++);
}

static int random_below(int limit) { return (int)(random_bits() % (uint64_t)limit); }

static double ordinary(double low, double high) {
    return low + (high - low) * 0x1p-53 * (double)(random_bits() >> 11);
}

static real operand(void) {
    static const double special[] = {
        0.0,       1.0,       3.0,      0x1.000002p+0,   0x1.fffffep-1, 0x1p-126, 0x1p-149,
        0x1p-1022, 0x1p-1074, 0x1.8p+23, 0x1.fffffep+127, 0x1.8p+52,     INFINITY, NAN,
    };
    uint64_t choice = random_bits();
    real_bits bits = (real_bits)random_bits();
    real x;
    memcpy(&x, &bits, sizeof x);
    if (choice & 1) x = (real)ordinary(-8, 8);
    if (choice & 2) x = (real)special[(choice >> 8) % (sizeof special / sizeof special[0])];
    return choice & 4 ? -x : x;
}

static double tree_of(const double *terms) {
    double x[LANES];
    memcpy(x, terms, sizeof x);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) x[i] += x[i + half];
    return x[0];
}

static void test_lanes(const real *a, const real *b, const real *c, const real *d) {
    lanes A = load(a), B = load(b), C = load(c), D = load(d);
    real most = -(real)INFINITY, numbers[LANES];
    double wide_numbers[LANES];
    LANES_ARE("load", A, a[i]);
    LANES_ARE("splat", splat(a[3]), a[3]);
    LANES_ARE("lane_numbers", lane_numbers(), i);
    LANES_ARE("add", add(A, B), a[i] + b[i]);
    LANES_ARE("sub", sub(A, B), a[i] - b[i]);
    LANES_ARE("mul", mul(A, B), a[i] * b[i]);
    LANES_ARE("maximum", maximum(A, B), a[i] > b[i] ? a[i] : b[i]);
    LANES_ARE("minimum", minimum(A, B), a[i] < b[i] ? a[i] : b[i]);
    LANES_ARE("fused", fused(A, B, C), FMA(a[i], b[i], c[i]));
    LANES_ARE("negative_fused", negative_fused(A, B, C), FMA(-a[i], b[i], c[i]));
    EACH_LANE numbers[i] = -(a[i] * b[i]); /* which leaves the product's rounding error, or 0 of either sign */
    LANES_ARE("fused, cancelled", fused(A, B, load(numbers)), FMA(a[i], b[i], numbers[i]));
    LANES_ARE("where_equal", where_equal(A, B, C, D), a[i] == b[i] ? c[i] : d[i]);
    LANES_ARE("where_less", where_less(A, B, C, D), a[i] < b[i] ? c[i] : d[i]);
    WIDE_IS("widen", widen(A), a[i]);
    EACH_LANE wide_numbers[i] = a[i] * 1.1;
    LANES_ARE("narrow", narrow(wide_numbers), (real)wide_numbers[i]);
    /* Of NaN and of the sign of 0 nothing is promised. */
    EACH_LANE numbers[i] = isnan(a[i]) || a[i] == 0 ? 1 : a[i];
    EACH_LANE most = numbers[i] > most ? numbers[i] : most;
    note("largest", 0, largest(load(numbers)), most);
}

static void test_wide(const double *a, const double *b, const double *c) {
    wide A = wide_load(a), B = wide_load(b), C = wide_load(c);
    compensated total = compensated_add((compensated){A, B}, C);
    double sum[LANES], back[LANES];
    EACH_LANE sum[i] = a[i] + c[i], back[i] = sum[i] - a[i];
    WIDE_IS("wide_load", A, a[i]);
    WIDE_IS("wide_splat", wide_splat(a[3]), a[3]);
    WIDE_IS("wide_add", wide_add(A, B), a[i] + b[i]);
    WIDE_IS("wide_sub", wide_sub(A, B), a[i] - b[i]);
    WIDE_IS("wide_fused", wide_fused(A, B, C), fma(a[i], b[i], c[i]));
    WIDE_IS("where_nonzero", where_nonzero(A, B), a[i] != 0 ? b[i] : 0.0);
    WIDE_IS("compensated_add, sum", total.sum, sum[i]);
    WIDE_IS("compensated_add, error", total.error, b[i] + ((a[i] - (sum[i] - back[i])) + (c[i] - back[i])));
    note("wide_sum", 0, wide_sum(A), tree_of(a));
}

/* logs_of_sums: the error of the series, of f and of its sum with k ln(2), each below half a last digit. times_exp: two
 * roundings of half a last digit, and an error of x that is a last digit of 0.35. Less is asked for float32. */
static void test_functions(void) {
    double n = floor(ordinary(-1022, 1024)), x = ordinary(-0x1p+40, 0x1p+40);
    double a = ordinary(0, 4), b = ordinary(0, 1e-6), c = ordinary(-600, 600);
    double normal = ldexp(a + 1, (int)(n / 2));
    reg_f64 exponent, mantissa = split_f64(SPLAT(normal), &exponent);
    double log_sum = first_f64(logs_of_sums(SPLAT(a), SPLAT(b))), product = times_exp(a, c, b);
    long double exact_log = logl((long double)a + b), exact_product = a * expl(LOW_PARTS ? (long double)c + b : (long double)c);
    note("rounded", 0, rounded(x), nearbyint(x));
    note("powers_of_two", 0, first_f64(powers_of_two(SPLAT(n))), ldexp(1.0, (int)n));
    note("split", 0, ldexp(first_f64(mantissa), (int)first_f64(exponent)), normal);
    note("split", 1, first_f64(mantissa) >= 0x1.6a09e667f3bcdp-1 && first_f64(mantissa) < 0x1.6a09e667f3bcdp+0, 1);
    digest("logs_of_sums", log_sum);
    digest("times_exp", product);
    long double log_error = LOW_PARTS ? 0x1.8p-53L * fabsl(exact_log) + 0x1p-62L : 0x1p-34L * fabsl(exact_log);
    check_near("logs_of_sums", 0, log_sum, exact_log, log_error);
    check_near("times_exp", 0, product, exact_product, (LOW_PARTS ? 0x1p-52L : 0x1p-34L) * exact_product);
}

#include "lanes_memory.h"
#include "lanes_sums.h"
#include "lanes_pairs.h"
#include "lanes_transforms.h"
#include "lanes_group.h"
#include "lanes_metrics.h"

int main(int count, char **arguments) {
    int rounds = count > 1 ? atoi(arguments[1]) : ROUNDS;
    real a[LANES], b[LANES], c[LANES], d[LANES];
    double wide_a[LANES], wide_b[LANES], wide_c[LANES];
    for (int round = 0; round < rounds; round++) {
        EACH_LANE a[i] = operand(), b[i] = operand(), c[i] = operand(), d[i] = operand();
        EACH_LANE wide_a[i] = a[i], wide_b[i] = b[i], wide_c[i] = FMA(a[i], b[i], c[i]);
        test_lanes(a, b, c, d);
        test_wide(wide_a, wide_b, wide_c);
        test_wide_pairs(wide_a, wide_b);
        test_pairs();
        test_functions();
        test_stores(a);
    }
    for (int round = 0; round < rounds / 50; round++) {
        test_parts();
        test_columns();
        test_exp();
        test_tile();
        test_odd_tile();
        test_write_scaled();
        test_log_softmax_tile();
        test_adjacent_rows();
        test_groups();
        test_transforms();
        test_evaluations();
    }
    test_halves(rounds < ROUNDS);
    for (int n = 0; n < OPERATIONS && operations[n].name; n++)
        printf("%016llx  %s\n", (unsigned long long)operations[n].digest, operations[n].name);
    return failures > 0;
}
