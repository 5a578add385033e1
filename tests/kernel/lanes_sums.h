/* exp of lanes, sums over a tile of a row and what the second sweep writes, against plain C and long double; included by
 * lanes.c. */

/* Error of exp: of the series, of the rounded power, and two roundings of what is at most a twelfth (float64: a third). */
#ifdef SMOOTHXENT_FLOAT64
#define EPSILON DBL_EPSILON
#define STEP_SERIES 3.8e-18
#else
#define EPSILON FLT_EPSILON
#define STEP_SERIES (2.6e-8 + 0x1.2p-25)
#endif
#define EXP_ERROR (STEP_SERIES + EPSILON * 0.25)

typedef struct { real power, rest, ratio; } plain_parts;

static real plain_power(real u) {
    real_bits bits;
    memcpy(&bits, &u, sizeof bits);
#ifdef SMOOTHXENT_FLOAT64
    bits <<= MANTISSA;
#else
    bits = (uint32_t)STEP_POWERS[bits & 7] + (bits << 20);
#endif
    memcpy(&u, &bits, sizeof bits);
    return u;
}

static plain_parts plain_exp(real x, real steps) {
    plain_parts e;
    real bias = steps + (real)(MAGIC + STEPS * EXPONENT_BIAS), least = (steps + (real)(STEPS * EXPONENT_BIAS)) * (real)(-STEP / STEPS);
    real c = least > x ? least : x, u = FMA(c, (real)(STEPS * LOG2_E), bias), r = FMA(-(u - bias), (real)(STEP / STEPS), c);
    if (MANTISSA == 52) r = FMA(-(u - bias), (real)(STEP_LOW / STEPS), r);
    e.ratio = EXP_RATIO[EXP_DEGREE];
    for (int k = EXP_DEGREE - 1; k >= 0; k--) e.ratio = FMA(e.ratio, r, EXP_RATIO[k]);
    e.power = plain_power(u);
    e.rest = e.power * r;
    return e;
}
static real plain_exp_of(plain_parts e) { return FMA(e.rest, e.ratio, e.power); }

/* exp(x - m), m = -steps * STEP / STEPS. */
static long double exact_exp(double x, double steps) { return expl(x + steps * ((long double)STEP + STEP_LOW) / STEPS); }

/* Where exp is 1 and below: the error of STEP adds to it, step by step. */
static void test_exp(void) {
    const double far = MANTISSA == 52 ? 100 : LARGE_LOGIT; /* as far as long double holds STEP */
    double top = (real)ordinary(-far, far), steps = reference_scale(top) * STEPS;
    real x[LANES], exps[LANES], power[LANES], rest[LANES], ratio[LANES];
    EACH_LANE x[i] = (real)(top - ordinary(0, MANTISSA == 52 ? 600 : 80));
    x[0] = -(real)INFINITY, x[1] = NAN, x[2] = (real)top;
    exp_reference m = exp_reference_of(splat((real)steps));
    exp_term e = exp_term_of(load(x), m);
    store(exps, exp_of(e)), store(power, e.power), store(rest, e.rest), store(ratio, e.ratio);
    EACH_LANE {
        plain_parts plain = plain_exp(x[i], (real)steps);
        note("exp_term_of, rest", i, rest[i], plain.rest);
        note("exp_term_of, ratio", i, ratio[i], plain.ratio);
        if (i != 1) note("exp_term_of, power", i, power[i], plain.power);
        if (i == 0) note("exp_term_of, -inf", i, exps[i], 0);
        if (i < 2) continue;
        long double exact = exact_exp(x[i], steps);
        check_near("exp_term_of", i, exps[i], exact, (EXP_ERROR + EPSILON * 0.5 + fabsl(logl(exact)) * STEP_ERROR * 2) * exact);
        note("exp_term_of, at most 1, or a step more next to a tie", i, power[i] <= (LOW_PARTS ? 1 : 1.0905077f), 1);
    }
    LANES_ARE("exp_reference_of", exp_of(exp_term_of(m.least, m)), 0);
}

/* Tiles with any number of classes, any of them left out. Pairs of powers are rounded once, and rests, of a twelfth of
 * a power (float64: a third) at most, at each addition. */
#define EXPS(sums) with_error((sums).exps, (sums).exps_error)
#define SUM_OF_GAPS(sums) with_error((sums).gaps, (sums).gaps_error)
static void test_tile(void) {
    int count = 1 + random_below(600), left_out = random_below(count + 1) - 1;
    double top = ordinary(-100, 100), highest = -INFINITY;
    stored *x = last_logits(count);
    long double exact = 0, gaps = 0, sizes = 0;
    real exps[600 + LANES], again[600 + LANES];
    tile_sums sums, without_gaps, with_exps;
    const saved_row none = {NULL, NULL}, kept = {exps, (const char *)exps};
    for (int k = 0; k < count; k++) x[k] = stored_of((real)(top - ordinary(0, 30)));
    for (int k = 0; k < count; k++)
        if (k != left_out) highest = fmax(highest, real_of(x[k]));
    note("highest_of", 0, highest_of(x, count, left_out) + 0.0, highest + 0.0); /* -0 is 0 here */
    if (left_out >= 0) x[left_out] = stored_of((real)(top + ordinary(-300, 300)));
    note("highest_of", 1, highest_of(x, count, left_out) + 0.0, highest + 0.0);
    const double scale = count > (left_out >= 0) ? reference_scale(highest) : 0;
    const tile_reference m = tile_reference_of(scale);
    const tile_logits tile = {x, left_out};
    for (int k = 0; k < count; k++) {
        if (k == left_out) continue;
        long double gap = -scale * ((long double)STEP + STEP_LOW) - real_of(x[k]);
        exact += exact_exp(real_of(x[k]), scale * STEPS), gaps += gap, sizes += fabsl(gap);
    }
    sum_tile(&sums, tile, tile, count, &m, none, GAPS);
    sum_tile(&without_gaps, tile, tile, count, &m, none, 0);
    sum_tile(&with_exps, tile, tile, count, &m, kept, random_below(2) ? GAPS : 0);
    digest("sum_tile", EXPS(sums));
    digest("sum_tile", SUM_OF_GAPS(sums));
    check_near("sum_tile", 0, EXPS(sums), exact, (EXP_ERROR + 2 * EPSILON) * exact + 0x1p-80L);
    check_near("sum_tile, gaps", 0, SUM_OF_GAPS(sums) - (count - (left_out >= 0)) * m.near_error, gaps, 2 * EPSILON * (sizes + count));
    note("sum_tile, highest of next", 0, sums.highest_of_next + 0.0, highest + 0.0);
    note("sum_tile, without gaps", 0, EXPS(without_gaps), EXPS(sums));
    note("sum_tile, with exps", 0, EXPS(with_exps), EXPS(sums));
    exps_of_tile(again, x, count, &m);
    for (int k = 0; k < count; k++) {
        note("sum_tile, exps", k, exps[k], k == left_out ? 0 : plain_exp_of(plain_exp(real_of(x[k]), (real)(scale * STEPS))));
        if (k != left_out) note("exps_of_tile", k, again[k], exps[k]);
    }
}

/* NaN is passed over by the largest, and in all sums; -inf has no exp and an infinite gap. */
static void test_odd_tile(void) {
    int count = 2 + random_below(400), odd = random_below(count), left_out = random_below(2) ? odd : -1;
    stored *x = last_logits(count);
    const tile_reference m = tile_reference_of(reference_scale(1));
    const tile_logits tile = {x, left_out};
    const saved_row none = {NULL, NULL};
    tile_sums sums;
    for (int k = 0; k < count; k++) x[k] = stored_of(1);
    x[odd] = stored_of((real)NAN);
    note("highest_of, nan", 0, highest_of(x, count, left_out), 1);
    sum_tile(&sums, tile, tile, count, &m, none, GAPS);
    note("sum_tile, nan", 0, isnan(EXPS(sums)), left_out < 0);
    x[odd] = stored_of(-(real)INFINITY);
    sum_tile(&sums, tile, tile, count, &m, none, GAPS);
    note("sum_tile, -inf", 0, isinf(SUM_OF_GAPS(sums)), left_out < 0);
    check_near("sum_tile, -inf", 0, EXPS(sums), (count - 1) * exact_exp(1, reference_scale(1) * STEPS), 2 * EPSILON * count);
}

static void test_write_scaled(void) {
    enum { MOST = 200 };
    static LINE_ALIGNED real actual[MOST + 4 * LANES];
    real exps[MOST + LANES], factor = (real)ordinary(-2, 2), constant = operand(), most = random_below(2) ? 1 : (real)INFINITY;
    int count = random_below(MOST), start = random_below(2 * LANES), streams = random_below(2);
    for (int k = 0; k < MOST + LANES; k++) exps[k] = operand();
    for (int k = 0; k < MOST + 4 * LANES; k++) actual[k] = 7;
    write_scaled(actual + start, exps, count, factor, constant, most, streams);
    if (streams) finish_streams();
    for (int k = 0; k < MOST + 4 * LANES; k++) {
        const int inside = k >= start && k < start + count;
        real scaled = inside ? FMA(exps[k - start], factor, constant) : 7;
        note("write_scaled", k, actual[k], inside && most < scaled ? most : scaled);
    }
}

static void test_log_softmax_tile(void) {
    enum { MOST = 100 };
    int count = 1 + random_below(MOST);
    stored *x = last_logits(count);
    real values[MOST + LANES];
    double top = ordinary(-8, 8), nll = ordinary(0, 8);
    log_softmax_tile(values, x, count, top, nll);
    for (int k = 0; k < count; k++) note("log_softmax_tile", k, values[k], (real)((real_of(x[k]) - top) - nll));
}
