/* workspace.h: what a thread works in, and on how many classes at a time. */
#ifndef SMOOTHXENT_WORKSPACE_H
#define SMOOTHXENT_WORKSPACE_H

#include "lanes/exp.h"

enum {
    TILE = 1024,          /* classes: 4 kB of float32, 8 kB of float64 */
    SEGMENT = 16 * TILE,  /* classes: the unit of parallel work inside a row */
    FEW = 128,            /* classes up to which a row takes one lane */
    KEPT_BYTES = 0x80000, /* of exps that a thread keeps for the second sweep, in L2 */
    KEPT = KEPT_BYTES / sizeof(real)
};
_Static_assert(
    FEW *LANES >= TILE, "Workspace.logits and columns hold a tile, or a group of rows of few classes");
_Static_assert(KEPT >= TILE * LANES, "all rows of a group are kept where they are of one tile");
_Static_assert(TILE <= 1 << 24, "class numbers within a tile, and counts of them, are exact in float32");

typedef struct { /* what a thread works in */
    LINE_ALIGNED stored
        logits[FEW * LANES]; /* a tile of strided logits, or a group of rows of few classes, transformed */
    LINE_ALIGNED real columns[FEW * LANES + LANES]; /* a group of rows of few classes, or a tile */
    LINE_ALIGNED real
        exps[FEW * LANES + LANES]; /* of few classes, where the columns are wanted too; or of a tile */
    LINE_ALIGNED real rows[FEW * LANES + QUAD]; /* a group of rows of few classes, one after the other */
    LINE_ALIGNED double targets[TILE];
    LINE_ALIGNED double target_columns[FEW * LANES];
    char *starts[LANES]; /* of the rows of a group */
    int improper;        /* a probability was negative or not finite */
} Workspace;

#endif
