/* What the rows of a group add to totals, against plain C; included by lanes_metrics.h. */

static void check_sum(const char *name, ExactSum *actual, ExactSum *expected) {
    carry(actual), carry(expected);
    for (int k = 0; k < LIMBS; k++) note(name, k, (double)actual->limbs[k], (double)expected->limbs[k]);
    note(name, LIMBS, actual->special, expected->special);
}

/* An array at once, against its numbers one by one: of one size, of any, and special ones. */
static void test_sums(void) {
    static const int SPANS[] = {4, EVEN_SPAN, 30, WHOLE_SPAN, 3 * WHOLE_SPAN, 200};
    double x[STAGE];
    int count = LANES * (1 + random_below(STAGE / LANES)), span = SPANS[random_below(6)];
    int top = random_below(8) ? 20 - random_below(200) : 1023, odd = random_below(count), kind = random_below(4);
    ExactSum total, expected;
    memset(&total, 0, sizeof total), memset(&expected, 0, sizeof total);
    for (int i = 0; i < count; i++) {
        double mantissa = ordinary(1, 2), sign = random_below(3) - 1;
        x[i] = sign * ldexp(mantissa, top - random_below(span));
    }
    if (kind == 0) x[odd] = operand();
    for (int i = 0; i < count; i++) add_exactly(&expected, x[i]);
    add_numbers(&total, x, count);
    check_sum("add_numbers", &total, &expected);
#ifndef SMOOTHXENT_FLOAT64
    ExactSum squares, expected_squares;
    double of_squares[STAGE];
    float floats[STAGE];
    memset(&squares, 0, sizeof total), memset(&expected_squares, 0, sizeof total);
    memset(&total, 0, sizeof total), memset(&expected, 0, sizeof total);
    if (top > 100) top = 100;
    for (int i = 0; i < count; i++) {
        double mantissa = ordinary(1, 2), size = ldexp(mantissa, top - random_below(span));
        floats[i] = random_below(9) ? (float)size : 0;
    }
    if (kind == 1) floats[odd] = random_below(2) ? INFINITY : NAN;
    for (int i = 0; i < count; i++) {
        of_squares[i] = (double)floats[i] * floats[i];
        add_exactly(&expected, floats[i]), add_exactly(&expected_squares, of_squares[i]);
    }
    add_with_squares(&total, &squares, floats, count);
    check_sum("add_with_squares", &total, &expected);
    check_sum("add_with_squares, squares", &squares, &expected_squares);
#endif
}

/* The square of float32 is exact. Of float64 the two parts, added without rounding, are all of its digits. */
static void test_squares(void) {
    double values[STAGE] = {0}, squares[STAGE], rests[STAGE];
    EACH_LANE {
        double mantissa = ordinary(1, 2), size = ldexp(mantissa, 120 - random_below(240)), special = operand();
        values[i] = (real)(random_below(3) ? size : special);
    }
    squares_of(squares, rests, values, LANES);
    EACH_LANE {
        double square = values[i] * values[i];
        note("squares_of", i, squares[i], square);
        note("squares_of, rests", i, rests[i], isfinite(square) ? fma(values[i], values[i], -square) : 0);
    }
}

static void test_stage(void) {
    static Stage stage;
    RowGroup g;
    stage.count = LANES * random_below(STAGE / LANES);
    ptrdiff_t at = stage.count;
    EACH_LANE {
        double a = ordinary(-8, 8), b = operand(), c = ordinary(0, 1), d = ordinary(0, 1e-40);
        g.label_nll[i] = a, g.entropy[i] = b, g.confidence[i] = c, g.brier[i] = d;
        g.kept[i] = random_below(8) != 0, g.nll[i] = random_below(8) ? 1 : NAN, g.rank[i] = random_below(8) ? random_below(9) : 1e300;
    }
    stage_group(&stage, &g);
    note("stage_group", LANES, (double)stage.count, (double)(at + LANES));
    EACH_LANE {
        int kept = g.kept[i] != 0, rank = isnan(g.nll[i]) ? NO_METRICS : g.rank[i] > 9 ? MOST_RANK : (int)g.rank[i];
        note("stage_group, rank", i, stage.rank[at + i], kept ? rank : NOT_KEPT);
        note("stage_group, nll", i, stage.nll[at + i], kept ? (real)g.label_nll[i] : 0);
        note("stage_group, entropy", i, stage.entropy[at + i], kept ? (real)g.entropy[i] : 0);
        note("stage_group, confidence", i, stage.confidence[at + i], kept ? (real)g.confidence[i] : 0);
        note("stage_group, brier", i, stage.brier[at + i], kept ? (real)g.brier[i] : 0);
    }
}

/* Counts and sums of confidences by bin, against the numbers of each row; `latest` nearly full now and then. */
static void test_counts(void) {
    enum { MOST_BINS = 20 };
    static EvaluationTotals totals;
    static Bin bins[2 * MOST_BINS + 1];
    ptrdiff_t histogram[HISTOGRAM] = {0}, rows[2][MOST_BINS] = {{0}}, kept = 0, below = 0;
    ExactSum sums[2][MOST_BINS], sum;
    int num_bins = 1 + random_below(MOST_BINS), count = LANES * (1 + random_below(3)), most = 1 + random_below(6), times = random_below(8) ? 1 : MOST_STAGES + 1;
    Stage *s = &totals.stage;
    memset(&totals, 0, sizeof totals), memset(bins, 0, sizeof bins), memset(sums, 0, sizeof sums);
    totals.bins = bins, totals.num_bins = num_bins, s->count = count;
    for (int i = 0; i < count; i++) {
        double size = ordinary(-70, 25) / 2, confidence = ordinary(0, 1), least = ordinary(0x1p-30, 0x1p-20);
        real value = operand();
        s->nll[i] = (real)(random_below(3) ? exp2(size) : fabs(value));
        if (random_below(4) == 0) /* next to a limit between half octaves */
            s->nll[i] = (real)ldexp(0x1.6a09e667f3bcdp-1 * (1 + EPSILON * (random_below(5) - 2)), random_below(40) - 20);
        s->confidence[i] = (real)(random_below(6) ? confidence : random_below(2) ? 1 : least);
        s->rank[i] = random_below(8);
        if (isnan(s->nll[i])) s->confidence[i] = NAN, s->rank[i] = NO_METRICS;
        if (random_below(8) == 0) s->confidence[i] = s->nll[i] = 0, s->rank[i] = NOT_KEPT;
        kept += s->rank[i] != NOT_KEPT, below += s->rank[i] < most;
        if (s->rank[i] >= NO_METRICS) continue;
        double square = (double)s->nll[i] * s->nll[i];
        int hit = s->rank[i] == 0, bin = (int)fmin(floor((double)s->confidence[i] * num_bins), num_bins - 1);
        histogram[square < 0x1p-64 ? 0 : square >= 0x1p+20 ? HISTOGRAM - 1 : ilogb(square) + 65]++;
        rows[hit][bin]++, add_exactly(&sums[hit][bin], s->confidence[i]);
    }
    note("rows_below", 0, (double)rows_below(s, most), (double)below);
    for (int n = 0; n < times; n++) count_rows(&totals);
    settle(&totals);
    note("count_rows, rows", 0, (double)totals.num_rows, (double)(times * kept));
    for (int k = 0; k < HISTOGRAM; k++) note("count_rows, histogram", k, (double)totals.histogram[k], (double)(times * histogram[k]));
    for (int hit = 0; hit < 2; hit++)
        for (int b = 0; b < num_bins; b++) {
            const Bin *bin = bins + hit * (num_bins + 1) + b;
            note("count_rows, bins", b, (double)bin->num_rows, (double)(times * rows[hit][b]));
            memset(&sum, 0, sizeof sum);
            for (int j = 0; j < CONFIDENCE_DIGITS; j++) add_exactly(&sum, ldexp((double)bin->digits[j] / times, -CONFIDENCE_BITS * (j + 1)));
            check_sum("count_rows, confidences", &sum, &sums[hit][b]);
        }
}

static void test_totals(void) {
    for (int n = 0; n < 6; n++) test_sums();
    test_squares();
    test_stage();
    test_counts();
}
