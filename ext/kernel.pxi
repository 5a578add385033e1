# The kernel: logits -> row statistics -> losses -> totals. setup.py makes one module for each instruction set and
# dtype, which includes this file.
#
# Design
# a) One source. `stored`, `real`, `lanes` and `wide` are C types that lanes.h defines for each build, so there are no
#    fused types and no branches on dtype. The innermost loops are in C headers, as Cython cannot unroll loops or keep
#    values in registers.
# b) One read. A row is divided into tiles that fit into L1: first the largest logit of a tile is found, then the tile
#    is summed relative to it, while the largest of the next tile is found. The reference (the value subtracted before
#    exp) is the largest logit so far, rounded to whole steps of exp: the power of two in a term is at most 1, and
#    x - reference is never rounded. See sums.h and long_rows.pxi. One exp for each logit: the second sweep, which
#    writes a gradient, finds saved exps in L2. See gradients.pxi.
# c) The term of the anchor (usually the label) is left out of the sum of exp, and the reference comes from the other
#    classes, so that confident rows keep all digits: loss = log1p(sum of others / own term). See losses.pxi.
# d) Sums that leave a tile are float64; sums over tiles are compensated; totals are exact sums of the losses as they
#    are returned. A row of few classes needs one more exp and one log: these are computed in lanes of `real`, one row a
#    lane, with pairs of numbers where one has too few digits. See pairs.h and few_classes_losses.h.
# e) A label is read once into a register, checked against num_classes, then used, so no data race can make it unsafe.
# f) Rows are independent, and a long row is always the sum of the same segments, so any division over threads gives the
#    same bits. See segments.pxi. num_threads == 1 enters no parallel region. After a team has come late, calls use one
#    thread for a while. See team.pxi.
# g) In a parallel region no Python object is used and nothing is raised: the lowest bad row is recorded.

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport parallel, threadid
from libc.math cimport INFINITY, NAN, fabs, isfinite
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset
cimport numpy as cnp

cnp.import_array()

include "lanes/lanes.pxi"
include "lanes/compensated.pxi"

include "call/arrays.pxi"
include "call/labels.pxi"
include "call/transforms.pxi"
include "call/workspace.pxi"
include "call/call.pxi"
include "call/logits.pxi"
include "call/targets.pxi"

include "statistics/reference.pxi"
include "statistics/sums.pxi"
include "statistics/row_group.pxi"
include "statistics/rank.pxi"
include "statistics/top_classes.pxi"
include "statistics/merge.pxi"
include "statistics/long_rows.pxi"
include "statistics/few_classes.pxi"
include "statistics/short_rows.pxi"
include "statistics/row_statistics.pxi"

include "totals/exact_sum.pxi"
include "totals/totals.pxi"

include "results/losses.pxi"
include "results/gradients.pxi"
include "results/few_classes_gradients.pxi"
include "results/metrics.pxi"
include "results/row_results.pxi"

include "run/signals.pxi"
include "run/team.pxi"
include "run/rows.pxi"
include "run/segments.pxi"
include "run/reports.pxi"
include "run/calls.pxi"
include "run/tally.pxi"
include "run/blocks.pxi"
