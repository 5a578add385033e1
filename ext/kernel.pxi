# The kernel: logits -> row statistics -> losses -> totals; included by one module per instruction set and dtype.
#
# Design
# a) One body. `stored`, `real`, `lanes` and `wide` are C typedefs that lanes.h fixes for a build: Cython sees names,
#    the compiler sees registers. Hence no fused types and no branch on dtype. The innermost loops are C (headers),
#    for what Cython cannot ask for: unrolling, and values that stay in registers.
# b) One read. A row is cut into tiles that live in L1: a tile is looked at for its largest logit, then summed relative
#    to that, while the next one is looked at. Reference (the value subtracted before exp) is the largest logit so far,
#    in whole steps of exp: no term is above 1, and x - reference is never rounded. See sums.h and long_rows.pxi. One
#    exp for each logit: the second sweep, of a gradient, finds exps in L2. See gradients.pxi.
# c) The anchor's own term (the label's, as a rule) is kept out of the sum of exp, and the reference comes from the
#    other classes, so that confident rows keep all digits: loss = log1p(sum of others / own term). See losses.pxi.
# d) Sums that leave a tile are float64; sums over tiles are compensated; totals are exact sums of the losses that rows
#    are returned with. What a row of few classes needs once, one exp and one log, is taken in lanes of the logits' own
#    type, one row a lane, with two numbers where one has too few digits. See pairs.h and few_classes_losses.h.
# e) A label is read once into a register, checked against num_classes, then used: no race can make it unsafe.
# f) Rows are independent, and a long row is always the sum of the same segments, so any split over threads gives the
#    same bits; num_threads == 1 enters no parallel region. See segments.pxi.
#    A team that comes late is not called again until that is paid off. See team.pxi.
# g) No Python object is touched inside a region, nothing is raised there: the lowest bad row is recorded.

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport parallel, prange, threadid
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
include "statistics/merge.pxi"
include "statistics/long_rows.pxi"
include "statistics/few_classes.pxi"
include "statistics/short_rows.pxi"
include "statistics/row_statistics.pxi"

include "results/losses.pxi"
include "results/gradients.pxi"
include "results/few_classes_gradients.pxi"
include "results/exact_sum.pxi"
include "results/totals.pxi"
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
include "run/limits.pxi"
