/* reference.h: the reference, which is the value that is subtracted before exp, and distances to it. */
#pragma once

#include "lanes/exp.h"

/* The scale of the reference -scale * STEP that is closest to `highest`: a multiple of 1 / STEPS. */
LANES_INLINE double reference_scale(double highest) {
    return -rounded(highest * (STEPS * LOG2_E)) * (1.0 / STEPS);
}

/* x - reference = x - offset + scale * STEP, and its rounding error `low`. The error is 0 where LOW_PARTS is
 * 0, and where the distance exceeds MAGIC: there the error itself is not accurate. */
LANES_INLINE reg_f64 distances_to_reference(reg_f64 x, reg_f64 offset, reg_f64 scale, reg_f64 *low) {
    reg_f64 error, lost, product = scale * SPLAT(STEP);
    reg_f64 z = two_sum(two_sum(x, -offset, &error), product, &lost);
    *low = SPLAT(0.0);
    if (LOW_PARTS) {
        error += lost;
        error += FUSED(scale, SPLAT(STEP_LOW), FUSED(scale, SPLAT(STEP), SPLAT(0.0) - product));
        *low = where_less_f64(OP_F64(max)(z, SPLAT(0.0) - z), SPLAT(MAGIC), error, SPLAT(0.0));
    }
    return z;
}
LANES_INLINE double distance_to_reference(double x, double offset, double scale, double *low) {
    reg_f64 lows, z = distances_to_reference(SPLAT(x), SPLAT(offset), SPLAT(scale), &lows);
    *low = first_f64(lows);
    return first_f64(z);
}

/* A reference with offset 0, in lanes: the form that exp takes, and `near`, the closest `real`, from which
 * gaps are measured. */
typedef struct {
    exp_reference exp;
    lanes near;
    double near_error; /* near - reference */
} tile_reference;
LANES_INLINE tile_reference tile_reference_of(double scale) {
    const real near = (real)(-scale * STEP);
    double low, near_error = distance_to_reference(near, 0.0, scale, &low);
    tile_reference m = {exp_reference_of(splat((real)(scale * STEPS))), splat(near), near_error + low};
    return m;
}
