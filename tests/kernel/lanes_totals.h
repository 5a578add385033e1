/* What the rows of a group add to totals, against plain C; included by lanes_metrics.h. */

static void test_all_equal(void) {
    double a[LANES], b[LANES];
    int actual = 1, expected = 1;
    EACH_LANE {
        a[i] = b[i] = ordinary(-1, 1);
        if (random_below(8) == 0) a[i] = operand();
        expected &= a[i] == b[i];
    }
    for (int i = 0; i < LANES; i += WIDTH_F64) actual &= all_equal_f64(OP_F64(loadu)(a + i), OP_F64(loadu)(b + i));
    note("all_equal_f64", 0, actual, expected);
}

static void draw_kept(RowGroup *g) { EACH_LANE g->kept[i] = random_below(8) != 0; }

static double plain_term(const RowGroup *g, int i, const double *weights, const double *values) {
    double weight = weights ? weights[i] : 1;
    return !g->kept[i] ? 0 : weight == 0 && !isnan(values[i]) ? 0 : weight * values[i];
}

/* Pieces are multiples of 2**-30, 2**-72 and 2**-114, and what was added exactly; so are those of small terms. */
static void test_pieces(void) {
    const double beyond[] = {2048, -1, 0x1p-134, INFINITY, NAN, 0x1p-1074};
    double values[LANES], weights[LANES], left[LANES], *w = random_below(2) ? weights : NULL;
    ExactSum total;
    RowGroup g;
    memset(&total, 0, sizeof total);
    draw_kept(&g);
    EACH_LANE {
        int exponent = 9 - random_below(130);
        values[i] = ldexp(1 + ordinary(0, 1), exponent);
        if (random_below(5) == 0) values[i] = 0;
        weights[i] = random_below(3);
    }
    int odd = random_below(LANES), which = random_below(6);
    if (random_below(2)) values[odd] = beyond[which];
    int actual = add_in_pieces(&total, &g, w, values, left), expected = 1;
    EACH_LANE {
        double term = plain_term(&g, i, w, values), large = (total.pieces[i] + total.pieces[LANES + i]) + total.pieces[2 * LANES + i];
        double small = (total.small[i] + total.small[LANES + i]) + total.small[2 * LANES + i];
        int fits = term == 0 || (term >= 0x1p-133 && term < 0x1p+11);
        expected &= fits;
        note("add_in_pieces, left", i, actual ? 0 : left[i], fits ? 0 : term);
        note("add_in_pieces", i, large + small / SMALL, fits ? term : 0);
        note("add_in_pieces, small", i, small != 0, fits && term != 0 && term < 0x1p-61);
        for (int k = 0; k < CUTS; k++) {
            int bits = 30 + 42 * k;
            note("add_in_pieces, last digits", i, ldexp(total.pieces[k * LANES + i], bits), floor(ldexp(total.pieces[k * LANES + i], bits)));
            note("add_in_pieces, last digits", i, ldexp(total.small[k * LANES + i], bits), floor(ldexp(total.small[k * LANES + i], bits)));
        }
    }
    note("add_in_pieces, all", 0, actual, expected);
}

static void test_cut_in_pieces(void) {
    double values[LANES], weights[LANES], terms[LANES], pieces[CUTS * LANES], *w = random_below(2) ? weights : NULL;
    int expected = 1, least = random_below(2) ? 18 : 60, is_short = random_below(2);
    RowGroup g;
    draw_kept(&g);
    EACH_LANE {
        int exponent = -random_below(least);
        values[i] = ldexp(1 + ordinary(0, 1), exponent);
        if (is_short) values[i] = (float)values[i];
        weights[i] = random_below(3);
    }
    int odd = random_below(LANES);
    if (random_below(5) == 0) values[odd] = random_below(2) ? NAN : 0x1p-70;
    int cuts = cut_in_pieces(pieces, &g, w, values, terms);
    for (int k = 1; k < CUTS; k++)
        EACH_LANE if (pieces[k * LANES + i] != 0) expected = k + 1;
    EACH_LANE {
        double term = plain_term(&g, i, w, values);
        note("cut_in_pieces, terms", i, terms[i], term);
        if (term != 0 && !(term >= 0x1p-61)) expected = 0;
    }
    note("cut_in_pieces", 0, cuts, expected);
    EACH_LANE if (cuts) note("cut_in_pieces, pieces", i, (pieces[i] + pieces[LANES + i]) + pieces[2 * LANES + i], terms[i]);
}

/* A square of float32 is exact. Of float64 the two parts are not negative and, added without rounding, all of its digits. */
static void test_squares(void) {
    double values[LANES], squares[LANES], rests[LANES];
    EACH_LANE {
        double mantissa = ordinary(1, 2), special = operand();
        int exponent = (SQUARES_HAVE_RESTS ? 500 : 120) - random_below(SQUARES_HAVE_RESTS ? 980 : 240);
        values[i] = (real)(random_below(3) ? ldexp(mantissa, exponent) : special), rests[i] = 0;
    }
    squares_of_rows(values, squares, rests);
    EACH_LANE {
        double value = values[i], square = value * value;
        int is_exact = square == 0 || (square >= 0x1p-960 && square < INFINITY);
        int is_high = isfinite(square) && fma(value, value, -square) < 0;
        note("squares_of_rows", i, squares[i], is_high ? nextafter(square, 0) : square);
        if (is_exact) note("squares_of_rows, rests", i, rests[i], fma(value, value, -squares[i]));
        note("squares_of_rows, signs", i, is_exact && rests[i] < 0, 0);
        if (!is_exact) note("squares_of_rows, no rest", i, isfinite(rests[i]), 1);
    }
}

static void test_counts(void) {
    enum { MOST_BINS = 20 };
    static Bin bins[MOST_BINS];
    double counts[LANES], before[LANES], numbers[LANES], of_hits[LANES], squares[LANES], pieces[CUTS * LANES];
    ptrdiff_t histogram[HISTOGRAM + 1] = {0}, plain[HISTOGRAM + 1] = {0};
    int most = 1 + random_below(6), num_bins = 1 + random_below(MOST_BINS), full = 0;
    RowGroup g;
    draw_kept(&g);
    EACH_LANE {
        double size = ordinary(-70, 25), value = operand();
        g.rank[i] = random_below(8), g.confidence[i] = random_below(6) ? ordinary(0, 1) : random_below(3) ? 1 : NAN;
        counts[i] = before[i] = random_below(100);
        g.label_nll[i] = random_below(3) ? exp2(size / 2) : value, squares[i] = g.label_nll[i] * g.label_nll[i];
    }
    count_rows(counts, &g, most);
    EACH_LANE note("count_rows", i, counts[i], before[i] + (g.kept[i] && g.rank[i] < most));
    confidence_of_hits(&g, of_hits);
    EACH_LANE note("confidence_of_hits", i, of_hits[i], g.rank[i] == 0 ? g.confidence[i] : 0);
    bins_of_rows(numbers, &g, num_bins);
    EACH_LANE {
        double bin = fmin(floor(g.confidence[i] * num_bins), num_bins - 1);
        note("bins_of_rows", i, floor(numbers[i]), !g.kept[i] ? -1 : isnan(g.confidence[i]) ? NAN : bin);
    }
    memset(bins, 0, sizeof bins);
    for (int b = 0; b < num_bins; b++)
        for (int hit = 0; hit < 2; hit++) bins[b].num_rows[hit] = random_below(2) ? MOST_CUT / 2 - 1 - random_below(3) : 0;
    for (int k = 0; k < CUTS * LANES; k++) pieces[k] = random_below(10);
    EACH_LANE if (numbers[i] >= 0) {
        ptrdiff_t *rows = bins[(int)numbers[i]].num_rows;
        rows[g.rank[i] < 1]++;
        if (rows[g.rank[i] < 1] == MOST_CUT / 2) full |= 1 << i;
    }
    EACH_LANE if (numbers[i] >= 0) bins[(int)numbers[i]].num_rows[g.rank[i] < 1]--;
    int cuts = 1 + random_below(CUTS);
    note("add_to_bins, full", 0, add_to_bins(bins, &g, numbers, pieces, cuts), full);
    for (int k = 0; k < CUTS; k++)
        EACH_LANE if (numbers[i] >= 0) note("add_to_bins", i, bins[(int)numbers[i]].confidence.pieces[k * LANES + i], k < cuts ? pieces[k * LANES + i] : 0);
    add_to_histogram(histogram, &g);
    EACH_LANE {
        int place = squares[i] < 0x1p-64 ? 0 : squares[i] >= 0x1p+20 ? HISTOGRAM - 1 : ilogb(squares[i]) - LOWEST_HALF_OCTAVE;
        plain[g.kept[i] && !isnan(squares[i]) ? place : HISTOGRAM]++;
    }
    for (int k = 0; k <= HISTOGRAM; k++) note("add_to_histogram", k, (double)histogram[k], (double)plain[k]);
}

static void test_totals(void) {
    test_all_equal();
    test_pieces();
    test_cut_in_pieces();
    test_squares();
    test_counts();
}
