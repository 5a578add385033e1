/* Loads and stores against plain C; included by lanes.c. What is read ends where memory ends, what is written lies
 * between numbers that must stay. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ROOM = 1 << 16 };

/* `count` random logits, of which the last ends a page; the next page is not accessible. */
static stored *last_logits(int count) {
    static char *end;
    if (!end) {
        char *start = mmap(NULL, 2 * ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (start == MAP_FAILED || mprotect(start + ROOM, ROOM, PROT_NONE)) abort();
        end = start + ROOM;
    }
    for (int k = 1; k <= count; k++) ((stored *)end)[-k] = stored_of(operand());
    return (stored *)end - count;
}

enum { AROUND = LANES, SPAN = 3 * LANES * LANES };
typedef struct { stored at[SPAN]; } span;

static span random_span(void) {
    span s;
    for (int k = 0; k < SPAN; k++) s.at[k] = stored_of(operand());
    return s;
}

static void note_span(const char *name, const span *actual, const span *expected, int count) {
    for (int k = 0; k < count; k++) note(name, k, actual->at[k], expected->at[k]);
}

static void test_stores(const real *a) {
    _Alignas(64) real aligned[LANES];
    stored *x = last_logits(LANES);
    stream(aligned, load(a));
    finish_streams();
    EACH_LANE note("stream", i, aligned[i], a[i]);
    LANES_ARE("load_logits", load_logits(x), real_of(x[i]));
    store_logits(x, load(a));
    EACH_LANE note("store_logits", i, x[i], stored_of(a[i]));
}

static void test_parts(void) {
    for (int count = 0; count <= LANES; count++) {
        stored *x = last_logits(count);
        span actual = random_span(), expected = actual;
        real values[LANES];
        EACH_LANE values[i] = operand();
        LANES_ARE("load_logits_part", load_logits_part(x, count), i < count ? real_of(x[i]) : 0);
        for (int k = 0; k < count; k++) expected.at[AROUND + k] = stored_of(values[k]);
        store_logits_part(actual.at + AROUND, load(values), count);
        note_span("store_logits_part", &actual, &expected, 3 * LANES);
        store_logits_part(x, load(values), count);
        for (int k = 0; k < count; k++) note("store_logits_part", k, x[k], stored_of(values[k]));
    }
}

static void test_columns(void) {
    for (int count = 1; count <= QUAD; count++) {
        const ptrdiff_t apart = QUAD + random_below(5);
        stored *x = last_logits(apart * (LANES - 1) + QUAD); /* the last row ends with the page */
        span of_logits = random_span(), expected_logits = of_logits;
        lanes columns[QUAD];
        real values[QUAD][LANES], got[(QUAD + 4) * LANES], wanted[(QUAD + 4) * LANES];
        load_columns((const char *)x, apart * sizeof(stored), columns);
        for (int k = 0; k < QUAD; k++) LANES_ARE("load_columns", columns[k], real_of(x[apart * i + k]));
        for (int k = 0; k < (QUAD + 4) * LANES; k++) got[k] = wanted[k] = (real)k;
        for (int k = 0; k < QUAD; k++) {
            EACH_LANE values[k][i] = operand();
            columns[k] = load(values[k]);
            EACH_LANE if (k < count) expected_logits.at[AROUND + i * count + k] = stored_of(values[k][i]);
            EACH_LANE if (k < count) wanted[i * count + k] = values[k][i];
        }
        store_logit_columns((char *)(of_logits.at + AROUND), count * sizeof(stored), count, columns);
        note_span("store_logit_columns", &of_logits, &expected_logits, SPAN);
        store_columns((char *)got, count * sizeof(real), count, columns);
        for (int k = 0; k < (QUAD + 4) * LANES; k++) note("store_columns", k, got[k], wanted[k]);
    }
}

#ifdef STORED_IS_HALF
#ifdef SMOOTHXENT_BFLOAT16
enum { EXPONENTS = 8, DIGITS = 7 };
#else
enum { EXPONENTS = 5, DIGITS = 10 };
#endif
enum { QUIET = 1 << (DIGITS - 1), SIGN = 0x8000, INFINITE = SIGN - (1 << DIGITS), CUT = MANTISSA - DIGITS };

/* The definition of a number without its sign. INFINITE counts as the power of two where the next number would be:
 * from halfway to it on, numbers are rounded to infinity. */
static double magnitude_of_bits(int half) {
    int exponent = half >> DIGITS, fraction = half & ((1 << DIGITS) - 1), bias = (1 << (EXPONENTS - 1)) - 1;
    return exponent ? ldexp((1 << DIGITS) + fraction, exponent - bias - DIGITS) : ldexp(fraction, 1 - bias - DIGITS);
}

/* The nearest number, found by bisection; of two the even one. */
static int nearest(double x) {
    int low = 0, high = INFINITE;
    if (x >= magnitude_of_bits(INFINITE)) return INFINITE;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (magnitude_of_bits(middle) <= x) low = middle;
        else high = middle;
    }
    double below = x - magnitude_of_bits(low), above = magnitude_of_bits(high) - x;
    return below < above || (below == above && low % 2 == 0) ? low : high;
}

static void test_narrowing(const real *x) {
    stored out[LANES];
    store_logits(out, load(x));
    EACH_LANE {
        uint32_t bits = bits_of_float(x[i]), payload = bits >> CUT & (QUIET - 1);
        int expected = isnan(x[i]) ? INFINITE | QUIET | (int)payload : nearest(fabs(x[i]));
        if (bits >> 31) expected |= SIGN;
        note("narrowed, lanes", i, out[i], expected);
        note("narrowed, one", i, stored_of(x[i]), expected);
    }
}

static void test_widening(const stored *half) {
    real out[LANES];
    store(out, load_logits(half));
    EACH_LANE {
        int rest = half[i] & (SIGN - 1);
        uint32_t expected = bits_of_float((float)magnitude_of_bits(rest));
        if (rest >= INFINITE) expected = 0x7f800000u | (uint32_t)(rest - INFINITE) << CUT;
        if (rest > INFINITE && EXPONENTS < 8) expected |= 0x400000; /* the conversion of float16 makes NaN quiet */
        expected |= (uint32_t)(half[i] & SIGN) << 16;
        note("widened, lanes", i, bits_of_float(out[i]), expected);
        note("widened, one", i, bits_of_float(real_of(half[i])), expected);
    }
}

/* Whether these numbers are among the fewer that an emulator gets: the first and last of each power of two, and each
   seventh vector. */
static int are_among_fewer(int start) {
    return start / LANES % 7 == 0 || (start - 1) >> DIGITS != (start + LANES) >> DIGITS;
}

/* All numbers, what lies halfway between two of them, the float32 next to that, and random bits, many of them NaN. */
static void test_halves(int fewer) {
    for (int start = 0; start < 1 << 16; start += LANES) {
        if (fewer && !are_among_fewer(start)) continue;
        stored half[LANES];
        real exact[LANES], halfway[LANES], below[LANES], above[LANES], any[LANES], nan[LANES];
        EACH_LANE {
            int rest = (start + i) & (SIGN - 1), sign = start & SIGN ? -1 : 1;
            uint32_t bits = (uint32_t)random_bits();
            half[i] = (stored)(start + i);
            exact[i] = (float)(sign * magnitude_of_bits(rest));
            halfway[i] = (float)(sign * (magnitude_of_bits(rest) + magnitude_of_bits(rest + 1)) / 2);
            below[i] = nextafterf(halfway[i], 0);
            above[i] = nextafterf(halfway[i], sign * INFINITY);
            any[i] = float_of_bits(bits);
            nan[i] = float_of_bits(bits | 0x7f800000);
        }
        test_widening(half);
        test_narrowing(exact);
        test_narrowing(halfway);
        test_narrowing(below);
        test_narrowing(above);
        test_narrowing(any);
        test_narrowing(nan);
    }
}
#else
static void test_halves(int fewer) { (void)fewer; }
#endif
