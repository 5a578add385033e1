/* A soft cap and a temperature against plain C and long double; included by lanes.c. */

static real one_tanh(real x) {
    real values[LANES];
    store(values, tanh_of(splat(x)));
    return values[0];
}

static real plain_transformed(real x, Transform of) {
    if (of.softcap != 0) x = of.softcap * one_tanh(x * (1 / of.softcap));
    return x / of.temperature;
}

static real plain_slope(real x, Transform of) {
    real t = x * of.temperature * (1 / of.softcap);
    return (of.softcap != 0 ? (1 - t) * (1 + t) : 1) * (1 / of.temperature);
}

static void test_transformed_columns(Transform of) {
    int num_classes = 1 + random_below(2 * QUAD + 2);
    const ptrdiff_t beyond = (QUAD - num_classes % QUAD) % QUAD;
    stored *x = last_logits(LANES * num_classes + beyond);
    stored to[LANES * (2 * QUAD + 2)];
    GroupPlace place = {(const char *)x, NULL, num_classes * sizeof(stored), sizeof(stored), 1, 0};
    transform_columns(to, &place, num_classes, of);
    for (int k = 0; k < num_classes; k++)
        EACH_LANE note("transform_columns", i, real_of(to[k * LANES + i]), real_of(stored_of(plain_transformed(real_of(x[i * num_classes + k]), of))));
}

static void test_transforms(void) {
    static const double caps[] = {0, 0x1p-3, 1, 30, 50.5}, temperatures[] = {1, 0.7, 3, 0x1p+5};
    int cap = random_below(5), temperature = random_below(4);
    Transform of = {(real)caps[cap], (real)temperatures[temperature]};
    real small[LANES];
    test_transformed_columns(of);
    EACH_LANE {
        int exponent = -random_below(30);
        small[i] = (real)(ldexp(ordinary(-12, 12), exponent));
    }
    real got[LANES];
    store(got, tanh_of(load(small)));
    /* Three roundings of last digits of 1.2 at most, and what exp errs by. */
    EACH_LANE digest("tanh_of", got[i]);
    EACH_LANE check_near("tanh_of", i, got[i], tanhl(small[i]), 2.5 * EPSILON * fabsl(tanhl(small[i])));
    note("tanh_of, limits", 0, one_tanh((real)INFINITY) - one_tanh(-(real)INFINITY) + one_tanh(0), 2);
    note("tanh_of, nan", 0, isnan(one_tanh((real)NAN)), 1);
    LANES_ARE("divide", divide(load(small), splat(of.temperature)), small[i] / of.temperature);
    for (int count = 1; count <= 2 * LANES + 3; count += 1 + random_below(5)) {
        stored *x = last_logits(count);
        real values[3 * LANES], before[3 * LANES];
        stored to[3 * LANES];
        for (int k = 0; k < 3 * LANES; k++) before[k] = values[k] = operand(), to[k] = stored_of(7);
        transform_logits(to, x, count, of);
        times_slopes(values, x, count, of);
        for (int k = 0; k < 3 * LANES; k++) {
            stored became = k < count ? stored_of(plain_transformed(real_of(x[k]), of)) : stored_of(7);
            note("transform_logits", k, real_of(to[k]), real_of(became));
            note("times_slopes", k, values[k], k < count ? before[k] * plain_slope(real_of(x[k]), of) : before[k]);
        }
        note("transform_logit", 0, transform_logit(real_of(x[0]), of), plain_transformed(real_of(x[0]), of));
        note("slope_at", 0, slope_at(real_of(x[0]), of), plain_slope(real_of(x[0]), of));
    }
}
