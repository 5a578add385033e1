/* exp of lanes and the sums over rows and columns, against plain C and long double; included by lanes.c. */

#ifdef SMOOTHXENT_FLOAT64
#define EPSILON DBL_EPSILON
#define SERIES 3.8e-18
#else
#define EPSILON FLT_EPSILON
#define SERIES 3.2e-9
#endif

/* Error of exp: of the series; of the remainder, half a last digit of 0.35 (twice in float64, where ln(2) takes two
 * steps); of the ratio, half a last digit of 1.2 and less from the steps before it, times 0.35 / exp(0.35). */
#define EXP_ERROR (SERIES + EPSILON / (MANTISSA == 52 ? 4 : 8) + 0.25 * 0.63 * EPSILON)

typedef struct { real power, rest, ratio, whole, remainder; } plain_parts;

static plain_parts plain_exp(real x, real bias) {
    plain_parts e;
    real r = (real)LOWEST > x ? (real)LOWEST : x, u = FMA(r, (real)LOG2_E, bias), least = (real)(MAGIC + LEAST_POWER);
    e.whole = u - bias;
    e.remainder = FMA(-e.whole, (real)STEP, r);
    if (MANTISSA == 52) e.remainder = FMA(-e.whole, (real)STEP_LOW, e.remainder);
    e.ratio = EXP_RATIO[EXP_DEGREE];
    for (int k = EXP_DEGREE - 1; k >= 0; k--) e.ratio = FMA(e.ratio, e.remainder, EXP_RATIO[k]);
    e.power = shifted(least > u ? least : u);
    e.rest = e.power * e.remainder;
    return e;
}

/* exp(x + scale * STEP) with the known error of 2**n, n = whole + scale; ln(2) is taken in two parts, of which the first
 * times an integer is exact. */
static long double exact_exp(double x, double whole, double scale) {
    long double remainder = (x - whole * 0x1.62e42feep-1L) - whole * 1.90821492927058781614e-10L;
    return ldexpl(expl(remainder - whole * STEP_ERROR), (int)(whole + scale));
}

static void test_exp(void) {
    double highest = ordinary(-0x1p+17, 0x1p+17), scale = reference_scale(highest);
    real x[VECTORS][LANES], bias = (real)(MAGIC + EXPONENT_BIAS + scale), scaled, factor = (real)ordinary(-2, 2), constant = operand();
    block b, of;
    exp_parts parts[VECTORS];
    for (int j = 0; j < VECTORS; j++) {
        EACH_LANE x[j][i] = (real)(highest + ordinary(-60, 10));
        x[j][0] = NAN, x[j][1] = -(real)INFINITY, x[j][2] = (real)LOWEST;
        b.v[j] = load(x[j]);
    }
    for (int first = 0; first < VECTORS; first += IN_FLIGHT) exp_lanes(b.v + first, IN_FLIGHT, splat(bias), parts + first);
    of = scaled_exps(b, splat(bias), splat(factor), splat(constant), splat(1));
    for (int j = 0; j < VECTORS; j++) {
        real power[LANES], rest[LANES], ratio[LANES], whole[LANES], remainder[LANES], out[LANES];
        store(power, parts[j].power), store(rest, parts[j].rest), store(ratio, parts[j].ratio);
        store(whole, parts[j].whole), store(remainder, parts[j].remainder), store(out, of.v[j]);
        EACH_LANE {
            plain_parts e = plain_exp(x[j][i], bias);
            if (!isnan(x[j][i])) note("exp_lanes, power", i, power[i], e.power);
            note("exp_lanes, rest", i, rest[i], e.rest);
            note("exp_lanes, ratio", i, ratio[i], e.ratio);
            note("exp_lanes, whole", i, whole[i], e.whole);
            note("exp_lanes, remainder", i, remainder[i], e.remainder);
            scaled = FMA(FMA(e.rest, e.ratio, e.power), factor, constant);
            note("scaled_exps", i, out[i], 1 < scaled ? 1 : scaled);
            if (i < 3) continue; /* clamped, or NaN */
            long double exact = exact_exp(x[j][i], whole[i], scale);
            check_near("exp_lanes", i, power[i] + (long double)rest[i] * ratio[i], exact, EXP_ERROR * exact);
        }
    }
}

/* Of some classes: what the sums of lanes come to, and what they should. */
typedef struct { double exps, wholes, remainders; } lane_sums;
typedef struct { long double exps, gaps; int count; } exact_sums;

static void add_exactly(exact_sums *sums, double x, double reference, double scale) {
    sums->exps += exact_exp(x, rounded(x * LOG2_E), scale);
    sums->gaps += reference - (long double)x;
    sums->count++;
}

/* Each lane adds VECTORS powers, three of the additions rounded, and as many rests of 0.42 powers at most; of 16
 * remainders, below 8 together, each addition is wrong by 2 EPSILON at most. Filled lanes hold -inf. */
static void note_sums(const char *name, lane_sums actual, const exact_sums *exact, int filled, double reference) {
    double wholes = actual.wholes - filled * LOWEST_WHOLE;
    long double remainders = actual.remainders + filled * LOWEST_WHOLE * STEP_LOW;
    long double gaps = exact->count * reference - wholes * (long double)(real)LN2 - (remainders + wholes * STEP_LOW);
    long double exps_error = (EXP_ERROR + (1.5 + 4 * 0.21) * EPSILON) * exact->exps + 0x1p-80L;
    digest(name, actual.exps);
    digest(name, actual.wholes);
    digest(name, actual.remainders);
    check_near(name, 0, actual.exps, exact->exps, exps_error);
    check_near(name, 2, gaps, exact->gaps, 3 * EPSILON * exact->count);
}

static void test_row(void) {
    int count = 1 + random_below(600), left_out = random_below(count + 1) - 1;
    double reference = rounded(ordinary(-100, 100)), scale = reference_scale(reference), highest = -INFINITY;
    stored *x = last_logits(count);
    exact_sums exact = {0, 0, 0};
    block_sums sums, without_gaps;
    for (int k = 0; k < count; k++) {
        x[k] = stored_of((real)(reference + ordinary(-30, 5)));
        if (k == left_out) continue;
        add_exactly(&exact, real_of(x[k]), reference, scale);
        highest = fmax(highest, real_of(x[k]));
    }
    sum_row(&sums, x, count, left_out, bias_of(scale), 1);
    sum_row(&without_gaps, x, count, left_out, bias_of(scale), 0);
    lane_sums actual = {total_of(sums.exps), wide_sum(sums.wholes), wide_sum(sums.remainders)};
    note_sums("sum_row", actual, &exact, (count + LANES - 1) / LANES * LANES - exact.count, reference);
    note("sum_row, highest", 0, largest(sums.highest) + 0.0, highest + 0.0);
    note("sum_row, without gaps", 0, total_of(without_gaps.exps), actual.exps);
    note("sum_row, without gaps", 1, largest(without_gaps.highest) + 0.0, highest + 0.0);
}
