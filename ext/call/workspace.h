/* workspace.h: the working memory of a thread, and the numbers of classes that are computed at a time. */
#pragma once

#include "lanes/exp.h"

enum {
    TILE = 1024,           /* classes that stay in L1: 4 kB of float32, 8 kB of float64 */
    SEGMENT = 16 * TILE,   /* classes of a long row that one thread takes */
    FEW = 128,             /* most classes of a row that is computed in one lane */
    SAVED_BYTES = 0x80000, /* exps that a thread saves for the second sweep: half a megabyte stays in L2 */
    SAVED_CLASSES = SAVED_BYTES / sizeof(real)
};
_Static_assert(
    FEW *LANES >= TILE, "Workspace.logits and columns hold a tile, or a group of rows of few classes");
_Static_assert(
    SAVED_CLASSES >= TILE * LANES, "the exps of all rows of a group are saved where a row is one tile");
_Static_assert(TILE <= 1 << 24, "class numbers within a tile, and counts of them, are exact in float32");

/* "Group" below: LANES rows of few classes. A column is one class of a group. */
typedef struct {
    LINE_ALIGNED stored logits[FEW * LANES];         /* a tile, copied or transformed; transformed columns */
    LINE_ALIGNED real columns[FEW * LANES + LANES];  /* columns of groups; values of a tile to be written.
                                                        A vector more: few_gradient_quad reads whole quads */
    LINE_ALIGNED real exps[FEW * LANES + LANES];     /* exps of a group if `columns` is in use; of a tile */
    LINE_ALIGNED real rows[FEW * LANES + QUAD];      /* a group as rows, one directly after the other */
    LINE_ALIGNED double targets[TILE];               /* targets of a tile */
    LINE_ALIGNED double target_columns[FEW * LANES]; /* targets of a group, as columns */
    char *starts[LANES];                             /* addresses of the rows of a group */
    int bad_probability;                             /* a probability is negative or not finite */
} Workspace;
