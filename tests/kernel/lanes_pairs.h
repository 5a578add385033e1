/* exp and log of pairs, rows of two and three classes; included by lanes.c. */

#ifdef SMOOTHXENT_FLOAT64
#define ROW_SERIES 3.8e-18
#else
#define ROW_SERIES 1.8e-10
#endif

static void test_pairs(void) {
    real high[LANES], low[LANES], a[LANES], b[LANES], less_one[LANES], power[LANES], log_high[LANES], log_low[LANES], inverse[LANES], k[LANES];
    EACH_LANE {
        int size = random_below(60);
        high[i] = (real)-ordinary(0, random_below(2) ? 1 : MANTISSA == 52 ? 650 : 85);
        low[i] = (real)(high[i] * ordinary(-1, 1) * EPSILON);
        a[i] = random_below(2) ? 1 : (real)ordinary(0.7, 200);
        b[i] = (real)ldexp(ordinary(0.5, 1), 5 - size);
    }
    lanes inverses;
    pair_of_lanes sum = pair_sum(load(a), load(b)), log = log_of_sum(load(a), load(b), mul(load(b), splat((real)(EPSILON / 4))), &inverses);
    exp_of_pair e = exp_of_pairs((pair_of_lanes){load(high), load(low)});
    store(less_one, e.less_one), store(power, e.power), store(log_high, log.high), store(log_low, log.low), store(inverse, inverses);
    LANES_ARE("exact_sum", sum.high, a[i] + b[i]);
    LANES_ARE("exact_sum, low", sum.low, (real)(((long double)a[i] - (long double)(real)(a[i] + b[i])) + (long double)b[i]));
    LANES_ARE("split", split(load(a), &sum.low), a[i] / ldexp(1, (int)floor(log2(a[i] * 1.4142135))));
    store(k, sum.low);
    EACH_LANE note("split, k", i, k[i], floor(log2(a[i] * 1.4142135)));
    EACH_LANE {
        long double exact = expl((long double)high[i] + low[i]), total_less_one = (a[i] - 1.0L) + (b[i] + (long double)b[i] * (EPSILON / 4));
        long double got = power[i] * (1 + (long double)less_one[i]), exact_log = log1pl(total_less_one);
        digest("exp_of_pairs", less_one[i]);
        digest("exp_of_pairs", power[i]);
        digest("log_of_sum", log_high[i]);
        digest("log_of_sum", log_low[i]);
        digest("log_of_sum", inverse[i]);
        check_near("exp_of_pairs", i, got, exact, (ROW_SERIES + EPSILON * (MANTISSA == 52 ? 0.5 : 0.125)) * exact);
        check_near("log_of_sum", i, (long double)log_high[i] + log_low[i], exact_log, EPSILON * 0.5L * fabsl(exact_log) + 1e-9L * EPSILON);
        check_near("log_of_sum, inverse", i, inverse[i], 1 / (1 + total_less_one), ldexpl(EPSILON, ilogb(inverse[i])));
        check_near("log_of_sum, low", i, log_low[i], 0, EPSILON * 0.75L * fabsl(exact_log) + 1e-9L * EPSILON);
    }
}

static void test_wide_pairs(const double *a, const double *b) {
    real at[LANES];
    WIDE_IS("wide_mul", wide_mul(wide_load(a), wide_load(b)), a[i] * b[i]);
    WIDE_IS("wide_maximum", wide_maximum(wide_load(a), wide_load(b)), a[i] > b[i] ? a[i] : b[i]);
    WIDE_IS("wide_minimum", wide_minimum(wide_load(a), wide_load(b)), a[i] < b[i] ? a[i] : b[i]);
    LANES_ARE("narrow_wide", narrow_wide(wide_load(a)), (real)a[i]);
    EACH_LANE at[i] = (real)ordinary(-1, 1);
    at[random_below(LANES)] = random_below(2) ? 1 : (real)NAN;
    note("all_less", 0, all_less(load(at), splat(1)), 0);
    note("all_less", 1, all_less(minimum(load(at), splat((real)0.5)), splat(1)), 1);
}

/* Adjacent rows of `count` classes; the functions are inline, so they can't be passed. */
#define CHECK_ADJACENT_ROWS(count, load_rows, store_rows)                                                     \
    {                                                                                                         \
        stored *x = last_logits(count * LANES);                                                               \
        lanes columns[count];                                                                                 \
        real values[count][LANES], out[count * LANES];                                                        \
        load_rows(x, columns);                                                                                \
        for (int k = 0; k < count; k++) LANES_ARE(#load_rows, columns[k], real_of(x[count * i + k]));         \
        for (int k = 0; k < count; k++) {                                                                     \
            EACH_LANE values[k][i] = operand();                                                               \
            columns[k] = load(values[k]);                                                                     \
        }                                                                                                     \
        store_rows(out, columns);                                                                             \
        for (int k = 0; k < count; k++) EACH_LANE note(#store_rows, i, out[count * i + k], values[k][i]);     \
    }
#ifdef SMOOTHXENT_FLOAT64 /* rows of two are quads, and are stored as such */
static void test_adjacent_rows(void) {
    stored *x = last_logits(2 * LANES);
    lanes columns[2];
    load_pairs(x, columns);
    for (int k = 0; k < 2; k++) LANES_ARE("load_pairs", columns[k], real_of(x[2 * i + k]));
}
#else
static void test_adjacent_rows(void) {
    CHECK_ADJACENT_ROWS(2, load_pairs, store_pairs);
    CHECK_ADJACENT_ROWS(3, load_triples, store_triples);
}
#endif
