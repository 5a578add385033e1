/* workspace.h: what a thread works in, and on how many classes at a time. */
#ifndef SMOOTHXENT_WORKSPACE_H
#define SMOOTHXENT_WORKSPACE_H

#include "lanes/vectors.h"

enum {
    TILE = 1024, /* classes: 4 kB of float32, 8 kB of float64 */
    FEW = 128    /* classes up to which a row takes one lane */
};
_Static_assert(FEW * LANES >= TILE, "Workspace.logits and columns hold a tile, or a group of rows of few classes");
_Static_assert(TILE % (VECTORS * LANES) == 0, "a tile is whole blocks; the targets of all but the last, whole lanes");
_Static_assert(FEW % VECTORS == 0, "columns of few classes are filled up to whole blocks");
_Static_assert(TILE <= 1 << 24, "class numbers within a tile, and counts of them, are exact in float32");

typedef struct { /* what a thread works in */
    LINE_ALIGNED stored logits[FEW * LANES];  /* a tile of strided logits, or a group of rows of few classes, transformed */
    LINE_ALIGNED real columns[FEW * LANES]; /* a group of rows of few classes, or a tile */
    LINE_ALIGNED real exps[FEW * LANES];    /* of few classes, where the columns are wanted too */
    LINE_ALIGNED real rows[FEW * LANES + QUAD]; /* a group of rows of few classes, one after the other */
    LINE_ALIGNED double targets[TILE];
    LINE_ALIGNED double target_columns[FEW * LANES];
    char *starts[LANES]; /* of the rows of a group */
    int improper;        /* a probability was negative or not finite */
} Workspace;

#endif
