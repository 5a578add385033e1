/* What an evaluation asks beside the loss, against plain C and long double: ranks, moments, entropy, confidence and Brier
 * score of groups; included by lanes.c. */
#include "lanes_totals.h"

/* The first `enough` may be any that is no less. */
static void test_rank(void) {
    int count = random_below(700), label = random_below(count + 3) - 1, before = label < 0 ? 0 : label < count ? label : count;
    ptrdiff_t rank = random_below(3), enough = random_below(2) ? 1 + random_below(20) : count + 4, expected = rank;
    stored *x = last_logits(count);
    real logit = operand();
    while (isnan(logit)) logit = operand();
    if (random_below(2))
        for (int k = 0; k < count; k++) x[k] = stored_of((real)(random_below(5) - 2)); /* many of them equal */
    if (random_below(2)) logit = (real)(random_below(5) - 2);
    if (label >= 0 && label < count) x[label] = stored_of(logit), logit = real_of(x[label]);
    for (int k = 0; k < before; k++) expected += !(real_of(x[k]) < logit);
    for (int k = label < 0 ? 0 : before + 1; k < count; k++) expected += real_of(x[k]) > logit;
    ptrdiff_t actual = rank_of(x, count, label, logit, rank, enough);
    note("rank_of", 0, (double)(actual < enough ? actual : enough), (double)(expected < enough ? expected : enough));
}

static void test_rank_columns(void) {
    int num_classes = 1 + random_below(random_below(2) ? 4 : FEW), has_own = random_below(2);
    real columns[FEW * LANES], labels[LANES], logits[LANES];
    RowGroup g;
    for (int k = 0; k < num_classes * LANES; k++) columns[k] = random_below(2) ? (real)(random_below(5) - 2) : operand();
    EACH_LANE {
        int label = random_below(num_classes);
        labels[i] = (real)label, logits[i] = columns[label * LANES + i];
        if (!has_own) columns[label * LANES + i] = -(real)INFINITY; /* as columns_statistics leaves it */
    }
    rank_columns(&g, columns, num_classes, load(labels), load(logits), has_own);
    EACH_LANE {
        int expected = 0;
        for (int k = 0; k < num_classes; k++)
            expected += columns[k * LANES + i] > logits[i] || (columns[k * LANES + i] == logits[i] && k < (int)labels[i]);
        note("rank_columns", i, g.rank[i], expected);
    }
}

/* Sums of e (x - m) and e**2, e = exp(x - m), over the classes but the label. A term is wrong by twice the error of exp,
 * its distance by a rounding and by that of its remainder; a lane adds those of 4 * VECTORS, each of which rounds, and EPSILON is two roundings. */
static void check_moments(const char *name, const RowGroup *g, const char *const *rows, ptrdiff_t stride, int num_classes) {
    const long double adds = 4 * VECTORS;
    EACH_LANE {
        long double moment = 0, square = 0, sizes = 0, scale = g->scale[i];
        double highest = -INFINITY;
        for (int k = 0; k < num_classes; k++) {
            long double x = real_of(stored_at((const stored *)(rows[i] + k * stride)));
            if (k == g->anchor[i]) continue;
            long double z = x + scale * STEP + scale * STEP_LOW, e = expl(z);
            moment += e * z, square += e * e, sizes += e * (fabsl(z) + 1);
            highest = fmax(highest, (double)x);
        }
        digest(name, g->moment[i]);
        digest(name, g->square[i]);
        note(name, i, g->highest[i], highest);
        check_near(name, i, g->moment[i], moment, (4 + adds / 2) * EPSILON * sizes);
        check_near(name, i, g->square[i], square, (8 + adds / 2) * EPSILON * square);
    }
}

/* Moments of few classes, which are relative to the largest logit. */
static void put_moments(RowGroup *g) {
    double moments[LANES];
    wide_store(moments, g->few.moments);
    EACH_LANE g->moment[i] = (double)(moments[i] + g->sum_exp[i] * (g->highest[i] + (long double)g->scale[i] * STEP + (long double)g->scale[i] * STEP_LOW));
}

static void test_moments(void) {
    enum { MOST = 400 };
    static stored x[LANES * MOST + QUAD];
    static const saved_row kept[LANES]; /* nothing */
    int few = 2 + random_below(FEW - 1), many = FEW + 1 + random_below(MOST - FEW);
    const char *rows[LANES];
    double fit[LANES], exps[LANES], moments[LANES];
    real columns[LANES * FEW];
    RowGroup g;
    draw_rows(x, few, &g);
    EACH_LANE rows[i] = (const char *)(x + i * few);
    GroupPlace place = {(const char *)x, NULL, few * sizeof(stored), sizeof(stored), 1, 0};
    columns_statistics(&g, &place, few, rows[0], columns, NULL, 0, ANCHOR_GIVEN);
    store_few_statistics(&g, 0);
    memcpy(exps, g.sum_exp, sizeof exps);
    columns_statistics(&g, &place, few, rows[0], columns, NULL, MOMENTS, ANCHOR_GIVEN);
    store_few_statistics(&g, MOMENTS);
    put_moments(&g);
    check_moments("columns_statistics, moments", &g, rows, sizeof(stored), few);
    memcpy(moments, g.moment, sizeof moments);
    columns_statistics(&g, &place, few, rows[0], columns, NULL, MOMENTS | GAPS, ANCHOR_GIVEN);
    store_few_statistics(&g, MOMENTS | GAPS);
    put_moments(&g);
    EACH_LANE note("columns_statistics, moments and gaps", i, g.moment[i], moments[i]);
    EACH_LANE note("columns_statistics, moments and gaps", i, g.sum_exp[i], exps[i]);
    columns_statistics(&g, &place, few, rows[0], columns, NULL, MOMENTS, ANCHOR_TOP);
    store_few_statistics(&g, MOMENTS);
    put_moments(&g);
    check_moments("columns_statistics, moments but the top's", &g, rows, sizeof(stored), few);

    draw_rows(x, many, &g);
    EACH_LANE rows[i] = (const char *)(x + i * many);
    x[5 * many + many / 2] = stored_of((real)(real_of(x[5 * many]) + 40)); /* far above the others */
    short_rows_statistics(&g, fit, rows, 0, LANES, many, kept, 0, 0);
    memcpy(exps, g.sum_exp, sizeof exps);
    short_rows_statistics(&g, fit, rows, 0, LANES, many, kept, MOMENTS, 0);
    check_moments("short_rows_statistics, moments", &g, rows, sizeof(stored), many);
    memcpy(moments, g.moment, sizeof moments);
    short_rows_statistics(&g, fit, rows, 0, LANES, many, kept, MOMENTS | GAPS, 0);
    EACH_LANE note("short_rows_statistics, moments and gaps", i, g.moment[i], moments[i]);
    EACH_LANE note("short_rows_statistics, moments and gaps", i, g.sum_exp[i], exps[i]);
}

enum { SOME = 6, BELOW = 10 };

/* Statistics of a few classes whose reference lies anywhere, BELOW nats under the largest at most; class 0 is the label. In float64 and by
 * times_exp, which have the same bits on every machine, as long double and expl have not. */
static void put_statistics(RowGroup *g, int i, const double *x, int num_classes) {
    double highest = -INFINITY;
    double sum = 0, moment = 0, square = 0;
    for (int k = 1; k < num_classes; k++) highest = fmax(highest, x[k]);
    g->scale[i] = num_classes > 1 ? -rounded((highest - ordinary(0, BELOW)) * LOG2_E) : 0;
    for (int k = 1; k < num_classes; k++) {
        double low, z = distance_to_reference(x[k], 0, g->scale[i], &low), e = times_exp(1, z, low);
        sum += e, moment += e * (z + low), square += e * e;
    }
    g->offset[i] = 0, g->anchor[i] = 0, g->anchor_logit[i] = x[0], g->highest[i] = highest;
    g->sum_exp[i] = sum, g->moment[i] = moment, g->square[i] = square;
}

/* Every sum is of terms that are no larger than 1 + log T + |z|, in half a dozen roundings; times_exp and logs of float32
 * are good to 2**-34. Where the label is the top class entropy and Brier score keep the digits that 1 - p has. */
static void test_metrics(void) {
    double x[LANES][SOME], label_logits[LANES];
    int num_classes[LANES];
    RowGroup g;
    EACH_LANE {
        num_classes[i] = 1 + random_below(SOME);
        double middle = ordinary(-100, 100), spread = random_below(2) ? 1 : 40;
        for (int k = 0; k < SOME; k++) x[i][k] = (real)(middle + ordinary(-spread, spread));
        if (random_below(3) == 0) x[i][0] = (real)(middle + ordinary(spread, 60)); /* certain of it */
        put_statistics(&g, i, x[i], num_classes[i]);
        g.kept[i] = g.weight[i] = 1, g.gap_sum[i] = 0;
        g.label[i] = random_below(num_classes[i] + 1) - 1;
        label_logits[i] = g.label[i] < 0 ? 0 : x[i][g.label[i]];
        for (int k = 1; k < num_classes[i]; k++)
            if (x[i][k] > x[i][0] && g.label[i] > 0) g.label[i] = 0; /* another than the top is ranked by it alone */
    }
    group_shares(&g);
    group_metrics(&g, SOME);
    metrics_of_labels(&g, label_logits);
    EACH_LANE {
        long double rest = 0, others = 0, entropy = 0, most = 0, brier = 0, off = LOW_PARTS ? 0x1p-49L : 0x1p-30L;
        int label = g.label[i] > 0 ? (int)g.label[i] : 0;
        for (int k = 1; k < num_classes[i]; k++) rest += expl((long double)x[i][k] - x[i][0]);
        for (int k = 0; k < num_classes[i]; k++) {
            long double z = (long double)x[i][k] - x[i][0], p = expl(z) / (1 + rest);
            entropy += p * (log1pl(rest) - z);
            most = fmaxl(most, p);
            others += k == label ? 0 : p, brier += k == label ? 0 : p * p;
        }
        brier += others * others;
        digest("group_metrics", g.entropy[i]);
        digest("group_metrics", g.confidence[i]);
        digest("group_metrics", g.brier[i]);
        check_near("entropy", i, g.entropy[i], entropy, off * (1 + BELOW + 64));
        check_near("confidence", i, g.confidence[i], most, off);
        check_near("brier", i, g.brier[i], brier, off * 4);
        check_near("ranked nll", i, g.label_nll[i], log1pl(rest) + (long double)x[i][0] - x[i][label], off * (1 + 64));
        if (x[i][0] >= g.highest[i] && label == 0) {
            check_near("entropy of a certain row", i, g.entropy[i], entropy, 64 * off * entropy);
            check_near("brier of a certain row", i, g.brier[i], brier, 64 * off * brier);
        }
    }
}

/* Rows of few classes: relative errors of few ulps, also of a certain row whose label is another class. */
static void test_few_metrics(void) {
    static stored x[LANES * FEW + QUAD];
    int num_classes = 2 + random_below(SOME);
    real columns[LANES * FEW], entropy[LANES], confidence[LANES], brier[LANES];
    RowGroup g;
    for (int k = 0; k < LANES * num_classes; k++) x[k] = stored_of((real)ordinary(-4, 4));
    EACH_LANE {
        int sure = random_below(num_classes), is_sure = random_below(2);
        double gap = ordinary(0, 40);
        g.anchor[i] = random_below(num_classes);
        if (is_sure) x[i * num_classes + sure] = stored_of((real)gap);
    }
    GroupPlace place = {(const char *)x, NULL, num_classes * sizeof(stored), sizeof(stored), 1, 0};
    columns_statistics(&g, &place, num_classes, (const char *)x, columns, NULL, MOMENTS, ANCHOR_GIVEN);
    few_shares shares = few_shares_of(&g.few);
    few_metrics metrics = few_metrics_of(&g.few, &shares);
    store(entropy, metrics.entropy), store(confidence, metrics.confidence), store(brier, metrics.brier);
    EACH_LANE {
        long double expected = 0, rest = 0, others = 0, squares = 0;
        const stored *row = x + i * num_classes;
        int top = 0;
        for (int k = 1; k < num_classes; k++) top = real_of(row[k]) > real_of(row[top]) ? k : top;
        for (int k = 0; k < num_classes; k++) rest += k == top ? 0 : expl((long double)real_of(row[k]) - real_of(row[top]));
        for (int k = 0; k < num_classes; k++) {
            long double gap = (long double)real_of(row[top]) - real_of(row[k]), p = expl(-gap) / (1 + rest);
            expected += p * gap;
            if (k != g.anchor[i]) others += p, squares += p * p;
        }
        expected += log1pl(rest);
        digest("few_metrics_of, entropy", entropy[i]);
        digest("few_metrics_of, confidence", confidence[i]);
        digest("few_metrics_of, brier", brier[i]);
        check_near("few_metrics_of, entropy", i, entropy[i], expected, (LOW_PARTS ? 32 : 64) * EPSILON * expected);
        check_near("few_metrics_of, confidence", i, confidence[i], 1 / (1 + rest), 4 * EPSILON);
        check_near("few_metrics_of, brier", i, brier[i], squares + others * others, 8 * EPSILON * (squares + others * others));
    }
}

/* Labels of no probability, rows without a softmax, the label alone. */
static void test_special_metrics(void) {
    double x[] = {0, 1, 2};
    RowGroup g;
    EACH_LANE {
        put_statistics(&g, i, x, i == 4 ? 1 : 3);
        g.kept[i] = g.weight[i] = 1, g.gap_sum[i] = 0, g.label[i] = -1;
    }
    g.anchor_logit[0] = -INFINITY, g.anchor_logit[1] = INFINITY, g.anchor_logit[2] = NAN, g.sum_exp[3] = NAN;
    group_shares(&g);
    EACH_LANE g.rank[i] = 1;
    group_metrics(&g, 3);
    EACH_LANE note("special metrics, rank", i, g.rank[i], i > 0 && i < 4 ? 3 : 1);
    note("special metrics", 0, g.nll[0], INFINITY);
    check_near("special metrics", 0, g.confidence[0], 1 / (1 + expl(-1)), 0x1p-30L);
    for (int i = 1; i < 4; i++) note("special metrics", i, g.entropy[i] + g.confidence[i] + g.brier[i], NAN);
    for (int i = 1; i < 4; i++) note("special metrics", i, isnan(g.entropy[i]) && isnan(g.confidence[i]) && isnan(g.brier[i]), 1);
    note("special metrics", 4, g.entropy[4], 0);
    note("special metrics", 4, g.confidence[4], 1);
    note("special metrics", 4, g.brier[4], 0);
}

static void test_evaluations(void) {
    test_rank();
    test_rank_columns();
    test_moments();
    test_metrics();
    test_special_metrics();
    test_few_metrics();
    test_totals();
}
