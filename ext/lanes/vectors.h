/* vectors.h: VECTORS vectors of lanes, which inner loops take at a time: in C for the unrolling, and so that they stay in
 * registers.
 */
#ifndef SMOOTHXENT_VECTORS_H
#define SMOOTHXENT_VECTORS_H

#include "lanes/exp.h"

enum { LINE = 64 }; /* bytes of a cache line */
enum { AHEAD = 4096 }; /* bytes by which memory is asked for early: hardware stops at the end of each page */

enum { VECTORS = 4 };
typedef struct { lanes v[VECTORS]; } block;
_Static_assert(VECTORS == 4, "kernel.pxi says v[4], SUM_BLOCKS ends with up to 3 vectors, bare_exp_sum adds 4");
_Static_assert(VECTORS % IN_FLIGHT == 0, "scaled_exps takes IN_FLIGHT vectors at a time");
_Static_assert(VECTORS % QUAD == 0, "store_columns_block stores QUAD vectors at a time");

#define EACH_VECTOR UNROLLED for (int j = 0; j < VECTORS; j++)

LANES_INLINE block load_block(const stored *x) { block b; EACH_VECTOR b.v[j] = load_logits(x + j * LANES); return b; }
LANES_INLINE block load_columns_block(const real *x) { block b; EACH_VECTOR b.v[j] = load(x + j * LANES); return b; }
LANES_INLINE void store_block(real *x, block b) { EACH_VECTOR store(x + j * LANES, b.v[j]); }
LANES_INLINE void store_logits_block(stored *x, block b) { EACH_VECTOR store_logits(x + j * LANES, b.v[j]); }
LANES_INLINE lanes highest_of(block b, lanes highest) { EACH_VECTOR highest = maximum(b.v[j], highest); return highest; } /* NaN is passed over */
LANES_INLINE void prefetch_block(const stored *x) { EACH_VECTOR prefetch(x + j * LANES); }

/* The next of `count` logits, -inf for those beyond and for the one left out. */
LANES_INLINE block load_block_part(const stored *x, ptrdiff_t count, ptrdiff_t left_out) {
    lanes least = splat(-(real)INFINITY), numbers = lane_numbers();
    block b;
    EACH_VECTOR {
        ptrdiff_t have = count - j * LANES;
        lanes v = least;
        if (have >= LANES) v = load_logits(x + j * LANES);
        else if (have > 0) v = where_less(numbers, splat((real)have), load_logits_part(x + j * LANES, (int)have), least);
        b.v[j] = where_equal(numbers, splat((real)(left_out - j * LANES)), least, v);
    }
    return b;
}
LANES_FUNCTION real block_highest(const stored *x, ptrdiff_t count, ptrdiff_t left_out) { return largest(highest_of(load_block_part(x, count, left_out), splat(-(real)INFINITY))); }

#endif
