/* Groups of rows: labels, statistics of columns and of short rows, shares and losses, pieces of exact sums; included by
 * lanes.c. */

static int64_t random_label(int num_classes) {
    int64_t far[] = {-1, -100, num_classes, (int64_t)1 << 32, INT64_MAX, INT64_MIN};
    return random_below(8) ? random_below(num_classes) : far[random_below(6)];
}

static void test_labels(void) {
    int num_classes = 1 + random_below(200), has_ignore_index = random_below(2), all = 1;
    int64_t wide_labels[LANES], ignore_index = random_label(num_classes), expected[LANES];
    int32_t narrow_labels[LANES];
    RowGroup g;
    for (int itemsize = 8; itemsize >= 4; itemsize -= 4, all = 1) {
        EACH_LANE {
            int64_t label = random_label(num_classes);
            wide_labels[i] = label, narrow_labels[i] = (int32_t)label;
            if (itemsize == 4) label = narrow_labels[i];
            expected[i] = label >= 0 && label < num_classes ? label : OUT_OF_RANGE;
            if (has_ignore_index && label == ignore_index) expected[i] = NO_CLASS;
            all &= expected[i] != OUT_OF_RANGE;
        }
        const char *labels = itemsize == 8 ? (const char *)wide_labels : (const char *)narrow_labels;
        note("class_indices", LANES, class_indices(g.anchor, labels, itemsize, (uint64_t)num_classes, has_ignore_index, (uint64_t)ignore_index), all);
        EACH_LANE note("class_indices", i, (double)g.anchor[i], (double)expected[i]);
        set_kept_rows(&g);
        EACH_LANE note("set_kept_rows, kept", i, g.kept[i], expected[i] != NO_CLASS);
        EACH_LANE note("set_kept_rows, weight", i, g.weight[i], 1);
        EACH_LANE if (expected[i] < 0) g.anchor[i] = expected[i] = -1;
        LANES_ARE("lanes_from_integers", lanes_from_integers(g.anchor), (real)expected[i]);
    }
}

/* Statistics of LANES rows, each given by a pointer, against sums in long double. Off by what lanes_sums.h allows, and
 * gaps by the rounding of each and of pairs of them. Rows without a label are ignored where there are gaps. */
static void check_statistics(const char *name, const RowGroup *g, const char *const *rows, ptrdiff_t stride, int num_classes, int with_gaps) {
    EACH_LANE {
        long double exps = 0, gaps = 0, scale = g->scale[i];
        for (int k = 0; k < num_classes; k++) {
            long double x = real_of(stored_at((const stored *)(rows[i] + k * stride)));
            if (k == g->anchor[i]) {
                note(name, i, g->anchor_logit[i], (double)x);
                continue;
            }
            exps += expl(x + scale * STEP + scale * STEP_LOW);
            gaps -= x + scale * STEP + scale * STEP_LOW;
        }
        note(name, i, g->offset[i], 0);
        digest(name, g->sum_exp[i]);
        check_near(name, i, g->sum_exp[i], exps, 4 * EPSILON * exps);
        if (with_gaps && g->anchor[i] >= 0) check_near(name, i, g->gap_sum[i], gaps, EPSILON * (3 * num_classes + 1.5L * fabsl(gaps)));
    }
}

static void draw_rows(stored *x, int num_classes, RowGroup *g) {
    double reference = ordinary(-100, 100);
    for (int k = 0; k < LANES * num_classes; k++) x[k] = stored_of((real)(reference + ordinary(-20, 5)));
    EACH_LANE g->anchor[i] = random_below(num_classes + 1) - 1;
}

/* Losses and factors of the second sweep for few classes, against long double: 2 ulp of a loss, 4 of a share of the gradient
 * (of what shares of 1 - label_smoothing have for 1). */
static void check_plain_losses(RowGroup *g, const stored *x, int num_classes, double eps, const real *exps) {
    few_factors f;
    real losses[LANES], factor[LANES], own[LANES];
    double uniform = eps / num_classes, others = uniform * (num_classes - 1);
    PlainLoss plain = {eps, uniform, others, 0.5, num_classes, num_classes * sizeof(stored), 0, 8, 1, 1, 1, (uint64_t)-1};
    plain_few_losses(g, &f, losses, &plain);
    store(factor, f.factor), store(own, f.anchor_gradient);
    EACH_LANE {
        long double sum = 0, loss = 0, y;
        if (g->anchor[i] < 0) {
            note("plain_few_losses, ignored", i, losses[i], 0);
            continue;
        }
        const stored *row = x + i * num_classes;
        y = real_of(row[g->anchor[i]]);
        for (int k = 0; k < num_classes; k++) if (k != g->anchor[i]) sum += expl(real_of(row[k]) - y);
        long double nll = log1pl(sum), p = 1 / (1 + sum);
        for (int k = 0; k < num_classes; k++) loss += (k == g->anchor[i] ? 1 - eps + uniform : uniform) * (nll + (y - real_of(row[k])));
        digest("plain_few_losses", losses[i]);
        check_near("plain_few_losses", i, losses[i], loss, 2 * EPSILON * loss);
        check_near("plain_few_losses, own", i, own[i], 0.5L * (others * p - (1 - eps + uniform) * sum * p), 4 * EPSILON);
        for (int k = 0; k < num_classes; k++) {
            long double share = 0.5L * expl(real_of(row[k]) - y) * p;
            if (k == g->anchor[i]) continue;
            check_near("plain_few_losses, factor", i, (long double)exps[k * LANES + i] * factor[i], share, 16 * EPSILON * share);
        }
    }
}

/* The same from memory in one go; not for a label out of range, and a row that does not hold. */
static void check_plain_groups(RowGroup *g, const stored *x, int num_classes, double eps) {
    double uniform = eps / num_classes, others = uniform * (num_classes - 1);
    PlainLoss plain = {eps, uniform, others, 0.5, num_classes, num_classes * sizeof(stored), 0, 8, 1, 1, 0, (uint64_t)-1};
    int64_t labels[2 * LANES], anchors[2 * LANES];
    static stored rows[2 * LANES * FEW + QUAD];
    real columns[LANES * FEW], expected[LANES], losses[2 * LANES];
    few_factors f;
    plain_few_losses(g, &f, expected, &plain);
    for (int half = 0; half < 2; half++) {
        memcpy(labels + half * LANES, g->anchor, sizeof g->anchor);
        memcpy(rows + half * LANES * num_classes, x, LANES * num_classes * sizeof *x);
    }
    note("plain_few_groups", 0, plain_few_groups(anchors, 2, &plain, (const char *)labels, (const char *)rows, columns, losses, NULL, NULL), 2);
    EACH_LANE note("plain_few_groups", i, losses[i], expected[i]), note("plain_few_groups", i, losses[LANES + i], expected[i]);
    labels[LANES + random_below(LANES)] = num_classes;
    note("plain_few_groups, label", 0, plain_few_groups(anchors, 2, &plain, (const char *)labels, (const char *)rows, columns, losses, NULL, NULL), 1);
    memcpy(labels + LANES, g->anchor, sizeof g->anchor);
    EACH_LANE labels[i] = 0;
    rows[1] = stored_of((real)INFINITY);
    note("plain_few_groups, row", 0, plain_few_groups(anchors, 2, &plain, (const char *)labels, (const char *)rows, columns, losses, NULL, NULL), 0);
}

static void test_columns_statistics(void) {
    int num_classes = 2 + random_below(FEW - 1), with_gaps = random_below(2);
    stored x[LANES * FEW + QUAD], y[LANES * FEW];
    const char *rows[LANES];
    double of_rows[LANES];
    real columns[LANES * FEW], exps[LANES * FEW], least = -(real)INFINITY;
    RowGroup g;
    draw_rows(x, num_classes, &g);
    EACH_LANE rows[i] = (const char *)(x + i * num_classes);
    GroupPlace place = {(const char *)x, NULL, num_classes * sizeof(stored), sizeof(stored), 1, 0};
    note("columns_statistics", 0, columns_statistics(&g, &place, num_classes, rows[0], columns, NULL, with_gaps, ANCHOR_GIVEN), 1);
    store_few_statistics(&g, with_gaps);
    check_statistics("columns_statistics", &g, rows, sizeof(stored), num_classes, with_gaps);
    for (int k = 0; k < num_classes; k++)
        EACH_LANE note("columns_statistics, columns", i, columns[k * LANES + i], k == g.anchor[i] ? least : real_of(x[i * num_classes + k]));
    memcpy(of_rows, g.sum_exp, sizeof of_rows);

    columns_statistics(&g, &place, num_classes, rows[0], columns, exps, with_gaps, ANCHOR_GIVEN);
    store_few_statistics(&g, with_gaps);
    EACH_LANE note("columns_statistics, exps kept", i, g.sum_exp[i], of_rows[i]);
    EACH_LANE if (g.anchor[i] >= 0) note("columns_statistics, exps kept", i, exps[g.anchor[i] * LANES + i], 0);
    check_plain_losses(&g, x, num_classes, with_gaps * 0.25, exps);
    check_plain_groups(&g, x, num_classes, with_gaps * 0.25);

    /* the same rows side by side, class after class, and each at its own place */
    for (int k = 0; k < num_classes; k++) EACH_LANE y[k * LANES + i] = x[i * num_classes + k];
    EACH_LANE rows[i] = (const char *)(y + i);
    for (int side_by_side = 0; side_by_side < 2; side_by_side++) {
        place = (GroupPlace){(const char *)y, rows, 0, LANES * sizeof(stored), 0, side_by_side};
        columns_statistics(&g, &place, num_classes, rows[0], columns, NULL, with_gaps, ANCHOR_GIVEN);
        store_few_statistics(&g, with_gaps);
        EACH_LANE note("columns_statistics, strided", i, g.sum_exp[i], of_rows[i]);
    }

    columns_statistics(&g, &place, num_classes, rows[0], columns, NULL, 0, ANCHOR_TOP);
    store_few_statistics(&g, 0);
    check_statistics("columns_statistics, top", &g, rows, LANES * sizeof(stored), num_classes, 0);
    for (int k = 0; k < num_classes; k++)
        EACH_LANE note("columns_statistics, top", i, real_of(y[k * LANES + i]) <= g.anchor_logit[i], 1);
}

static void test_columns_that_do_not_hold(void) {
    const double odd[] = {INFINITY, -INFINITY, NAN, 0x1p+20, -1e30};
    stored x[LANES * 3 + QUAD];
    real columns[LANES * 4];
    RowGroup g;
    GroupPlace place = {(const char *)x, NULL, 3 * sizeof(stored), sizeof(stored), 1, 0};
    draw_rows(x, 3, &g);
    EACH_LANE g.anchor[i] = 1;
    for (int i = 0; i < 5; i++) x[3 * i + 1] = stored_of((real)odd[i]); /* labels: nan and infinity are not for lanes */
    note("mark_valid_rows", LANES, columns_statistics(&g, &place, 3, place.start, columns, NULL, 1, ANCHOR_GIVEN), 0);
    mark_valid_rows(&g.few, g.is_valid);
    store_few_statistics(&g, 1);
    EACH_LANE note("mark_valid_rows", i, g.is_valid[i], i > 3 && isfinite(g.anchor_logit[i]));
    for (int i = 0; i < 5; i++) x[3 * i + 1] = stored_of(1), x[3 * i] = x[3 * i + 2] = stored_of((real)odd[i]);
    columns_statistics(&g, &place, 3, place.start, columns, NULL, 1, ANCHOR_GIVEN);
    mark_valid_rows(&g.few, g.is_valid);
    EACH_LANE note("mark_valid_rows", i, g.is_valid[i], i > 4);
}

static void test_short_rows(void) {
    enum { MOST = 400 };
    static stored x[LANES * MOST];
    int num_classes = FEW + 1 + random_below(MOST - FEW), with_gaps = random_below(2);
    static const saved_row nothing[LANES];
    const char *rows[LANES];
    double fit[LANES];
    RowGroup g;
    draw_rows(x, num_classes, &g);
    EACH_LANE rows[i] = (const char *)(x + i * num_classes);
    x[5 * num_classes + num_classes / 2] = stored_of((real)(real_of(x[5 * num_classes]) + 40)); /* far above the others */
    note("short_rows_statistics", 0, short_rows_statistics(&g, fit, rows, 0, LANES, num_classes, nothing, with_gaps, 0), 1);
    EACH_LANE note("short_rows_statistics", i, fit[i], 1);
    check_statistics("short_rows_statistics", &g, rows, sizeof(stored), num_classes, with_gaps);
    const ptrdiff_t padded = (num_classes + LANES - 1) / LANES * LANES;
    static real exps[LANES * (MOST + LANES)];
    saved_row kept[LANES];
    EACH_LANE kept[i] = (saved_row){exps + i * padded, (const char *)exps};
    double of_rows[LANES];
    memcpy(of_rows, g.sum_exp, sizeof of_rows);
    short_rows_statistics(&g, fit, rows, 0, LANES, num_classes, kept, with_gaps, 0);
    EACH_LANE note("short_rows_statistics, exps kept", i, g.sum_exp[i], of_rows[i]);
    EACH_LANE for (int k = 0; k < num_classes; k++) {
        real plain = plain_exp_of(plain_exp(real_of(x[i * num_classes + k]), (real)(g.scale[i] * STEPS)));
        note("short_rows_statistics, exps", i, exps[i * padded + k], k == g.anchor[i] ? 0 : plain);
    }
    const int row = random_below(LANES);
    x[row * num_classes + num_classes - 1] = stored_of(NAN);
    EACH_LANE g.anchor[i] = NO_CLASS;
    short_rows_statistics(&g, fit, rows, 0, LANES, num_classes, nothing, 0, 1);
    EACH_LANE {
        ptrdiff_t top = 0;
        for (int k = 1; k < num_classes; k++)
            if (real_of(x[i * num_classes + k]) > real_of(x[i * num_classes + top])) top = k;
        note("short_rows_statistics, top", i, (double)g.anchor[i], (double)top);
        note("short_rows_statistics, top of nan", i, fit[i], i != row);
    }
    x[row * num_classes + num_classes - 1] = x[row * num_classes];
    EACH_LANE g.anchor[i] = NO_CLASS;
    short_rows_statistics(&g, fit, rows, 0, LANES, num_classes, nothing, 0, 1);
    check_statistics("short_rows_statistics, tops", &g, rows, sizeof(stored), num_classes, 0);
}

/* Losses of rows whose statistics are drawn: each sum and product rounds once. */
static void test_shares(void) {
    RowGroup g;
    double eps = random_below(3) * 0.5, uniform = eps / 10, others = uniform * 9;
    EACH_LANE {
        g.scale[i] = floor(ordinary(-100, 100)), g.offset[i] = 0;
        g.anchor_logit[i] = -g.scale[i] * STEP + ordinary(-60, 60);
        g.sum_exp[i] = ordinary(1, 100), g.gap_sum[i] = ordinary(0, 100);
        g.kept[i] = random_below(8) != 0, g.weight[i] = random_below(4) ? 1 : 0.25;
    }
    double weight[LANES];
    memcpy(weight, g.weight, sizeof weight);
    group_shares(&g);
    uniform_losses(&g, eps, uniform, others);
    EACH_LANE {
        long double z = g.anchor_logit[i] + g.scale[i] * (long double)STEP + g.scale[i] * (long double)STEP_LOW, sum = g.sum_exp[i];
        long double nll = log1pl(sum * expl(-z)), total = nll + z; /* log-sum-exp, relative to the reference */
        long double loss = ((1 - eps) * weight[i] + uniform) * nll + others * total + uniform * g.gap_sum[i];
        long double off = (LOW_PARTS ? 0x1p-51L : 0x1p-33L);
        digest("uniform_losses", g.loss[i]);
        check_near("nll", i, g.nll[i], nll, off * nll);
        check_near("log_sum_exp", i, g.log_sum_exp[i], total, off * fmaxl(1, fabsl(total)));
        check_near("loss", i, g.loss[i], g.kept[i] ? loss : 0, off * (fabsl(loss) + fabsl(others * total)));
    }
}

static void test_groups(void) {
    test_labels();
    test_columns_statistics();
    test_columns_that_do_not_hold();
    test_short_rows();
    test_shares();
}
