/* reference.h: the value that is subtracted before exp, and distances to it. */
#ifndef SMOOTHXENT_REFERENCE_H
#define SMOOTHXENT_REFERENCE_H

#include "lanes/exp.h"

enum { CEILING = 10 }; /* nats above the reference: costs 14 * STEP_ERROR = 2.7e-8 of relative error at most */

static const double LARGE_LOGIT = 0x1p+17; /* above, the lanes' exp needs an offset */

LANES_INLINE double reference_scale(double highest) { return -rounded(highest * LOG2_E); }

LANES_INLINE lanes bias_of(double scale) { return splat((real)(MAGIC + EXPONENT_BIAS + scale)); }

/* x - offset + scale * STEP and, where it matters, its rounding error; beyond MAGIC that may be large itself, and is not
 * worth an ulp. */
LANES_INLINE reg_f64 distances_to_reference(reg_f64 x, reg_f64 offset, reg_f64 scale, reg_f64 *low) {
    reg_f64 a = SUB(x, offset), product = MUL(scale, SPLAT(STEP)), z = ADD(a, product), back, error;
    *low = SPLAT(0.0);
    if (LOW_PARTS) {
        back = SUB(a, x);
        error = SUB(SUB(x, SUB(a, back)), ADD(offset, back));
        back = SUB(z, a);
        error = ADD(error, ADD(SUB(a, SUB(z, back)), SUB(product, back)));
        error = ADD(error, FUSED(scale, SPLAT(STEP_LOW), FUSED(scale, SPLAT(STEP), SUB(SPLAT(0.0), product))));
        *low = where_less_f64(OP_F64(max)(z, SUB(SPLAT(0.0), z)), SPLAT(MAGIC), error, SPLAT(0.0));
    }
    return z;
}
LANES_INLINE double distance_to_reference(double x, double offset, double scale, double *low) {
    reg_f64 lows, z = distances_to_reference(SPLAT(x), SPLAT(offset), SPLAT(scale), &lows);
    *low = first_f64(lows);
    return first_f64(z);
}

#endif
