/* columns.h: transposes rows of few classes into columns, one row a lane, and back. For few_classes.h and
 * gradients.h. */
#pragma once

#include "lanes/lanes.h"

/* load_columns: QUAD classes of LANES rows, row i at start + i * stride bytes, become QUAD columns; all QUAD
 * numbers of each row are read. store_columns: the first `count` <= QUAD columns become rows of `real`;
 * store_logit_columns: rows of `stored`. */
#ifdef REGISTERS_ARE_SCALAR
LANES_INLINE void load_columns(const char *start, ptrdiff_t stride, lanes *columns) {
    for (int k = 0; k < QUAD; k++)
        EACH_REGISTER columns[k].r[i] = real_of(stored_at((const stored *)(start + i * stride) + k));
}
LANES_INLINE void store_columns(char *start, ptrdiff_t stride, int count, const lanes *columns) {
    for (int k = 0; k < count; k++)
        EACH_REGISTER memcpy(start + i * stride + k * sizeof(real), &columns[k].r[i], sizeof(real));
}
LANES_INLINE void store_logit_columns(char *start, ptrdiff_t stride, int count, const lanes *columns) {
    for (int k = 0; k < count; k++)
        EACH_REGISTER put_stored((stored *)(start + i * stride) + k, stored_of(columns[k].r[i]));
}
#else
#ifdef SMOOTHXENT_FLOAT64
typedef quad_f64 quad;
#else
typedef quad_f32 quad;
#endif
enum { QUADS = WIDTH / QUAD };
_Static_assert(WIDTH % QUAD == 0, "quads fill a register");
LANES_INLINE void store_quad(char *x, quad a, int count) {
    if (count == QUAD) REAL_OP(store_quad)((real *)x, a);
    else REAL_OP(store_quad_part)((real *)x, a, count);
}
#ifdef STORED_IS_HALF
LANES_INLINE quad load_quad(const char *x) { return load_half_quad((const stored *)x); }
LANES_INLINE void store_logit_quad(char *x, quad a, int count) {
    stored part[QUAD];
    store_half_quad(part, a);
    memcpy(x, part, count * sizeof *part);
}
#else
LANES_INLINE quad load_quad(const char *x) { return REAL_OP(load_quad)((const real *)x); }
#define store_logit_quad store_quad
#endif
LANES_INLINE void load_columns(const char *start, ptrdiff_t stride, lanes *columns) {
    EACH_REGISTER {
        reg_real a[QUAD];
        for (int j = 0; j < QUAD; j++) { /* rows j, j + QUAD, ... */
            quad b[QUADS];
            for (int n = 0; n < QUADS; n++) b[n] = load_quad(start + (i * WIDTH + n * QUAD + j) * stride);
            a[j] = REAL_OP(join_quads)(b);
        }
        REAL_OP(transpose)(a);
        for (int k = 0; k < QUAD; k++) columns[k].r[i] = a[k];
    }
}
#define STORE_COLUMNS(store_quad)                                                     \
    EACH_REGISTER {                                                                   \
        reg_real a[QUAD];                                                             \
        for (int k = 0; k < QUAD; k++) a[k] = columns[k].r[i];                        \
        REAL_OP(transpose)(a);                                                        \
        for (int j = 0; j < QUAD; j++) {                                              \
            quad b[QUADS];                                                            \
            REAL_OP(split_quads)(a[j], b);                                            \
            for (int n = 0; n < QUADS; n++)                                           \
                store_quad(start + (i * WIDTH + n * QUAD + j) * stride, b[n], count); \
        }                                                                             \
    }
LANES_INLINE void store_columns(char *start, ptrdiff_t stride, int count, const lanes *columns) {
    STORE_COLUMNS(store_quad);
}
LANES_INLINE void store_logit_columns(char *start, ptrdiff_t stride, int count, const lanes *columns) {
    STORE_COLUMNS(store_logit_quad);
}
#endif

/* Two columns from rows of two classes, one row directly after the other. */
LANES_INLINE void load_pairs(const stored *x, lanes *columns) {
    const lanes a[] = {load_logits(x), load_logits(x + LANES)};
    EACH_REGISTER columns[0].r[i] = REAL_OP(unzip)(a[2 * i / REGISTERS].r[2 * i % REGISTERS],
        a[(2 * i + 1) / REGISTERS].r[(2 * i + 1) % REGISTERS], &columns[1].r[i]);
}

#ifndef SMOOTHXENT_FLOAT64
/* The way back; in float64 two classes are a quad. */
LANES_INLINE void store_pairs(real *x, const lanes *columns) {
    EACH_REGISTER {
        reg_f32 high, low = zip_f32(columns[0].r[i], columns[1].r[i], &high);
        OP(storeu)(x + 2 * i * WIDTH, low);
        OP(storeu)(x + (2 * i + 1) * WIDTH, high);
    }
}
/* The same for three classes: one quad of float32; float64 takes a quad of two and one more. */
LANES_INLINE void load_triples(const stored *x, lanes *columns) {
    const lanes a[] = {load_logits(x), load_logits(x + LANES), load_logits(x + 2 * LANES)};
    EACH_REGISTER {
        reg_f32 r[3];
        for (int k = 0; k < 3; k++) r[k] = a[(3 * i + k) / REGISTERS].r[(3 * i + k) % REGISTERS];
        unzip_three_f32(r);
        for (int k = 0; k < 3; k++) columns[k].r[i] = r[k];
    }
}
LANES_INLINE void store_triples(real *x, const lanes *columns) {
    EACH_REGISTER {
        reg_f32 r[] = {columns[0].r[i], columns[1].r[i], columns[2].r[i]};
        zip_three_f32(r);
        for (int k = 0; k < 3; k++) OP(storeu)(x + (3 * i + k) * WIDTH, r[k]);
    }
}
#endif
