# Row statistics: the only thing that is read from the logits for a loss.
#
# With S the sum over the classes other than `label`:
#     sum_exp = S of exp(x_k - reference)               reference = offset - scale * STEP
#     gap_sum = S of c_k (centre - x_k)                 gap_weight = S of c_k
# and for an evaluation, with e_k = exp(x_k - reference),
#     moment = S of e_k (x_k - reference)               square = S of e_k**2
#     highest = the largest of these x_k                rank = how many of all x_k beat the row's own label
# c_k = 1 and centre = reference where smoothing is uniform; else c_k are the row's targets and centre is a logit.
# `scale` is an integer: the lanes' exp adds it to the exponent. STEP, what that is worth, is ln(2) as the lanes have
# it. `offset` is 0 except where the logits are so large (2**17) that the lanes' exp could not reduce them.
#
# Rows are taken in groups of LANES, so that what a row needs once is done for a whole group in lanes.

ctypedef struct RowStatistics:
    Pair sum_exp, gap_sum, gap_weight, target_sum
    double scale, offset  # scale is not finite where no class counts: sum_exp is 0 then, or nan
    double centre, label_target
    double label_logit
    double moment, square, highest  # of an evaluation, as `rank`
    Py_ssize_t label, rank
    bint by_top  # `label` is the top class, whatever the row's label: with probabilities, and where it has no share
    bint improper  # a probability is negative or not finite


cdef inline void put_row(Group *group, Py_ssize_t i, const RowStatistics *row) noexcept nogil:
    group.sum_exp[i] = pair_value(row.sum_exp)
    group.scale[i] = row.scale
    group.offset[i] = row.offset
    group.centre[i] = row.centre
    group.gap_sum[i] = pair_value(row.gap_sum)
    group.target_sum[i] = pair_value(row.target_sum)
    group.label_target[i] = row.label_target
    group.label_logit[i] = row.label_logit
    group.moment[i] = row.moment
    group.square[i] = row.square
    group.highest[i] = row.highest
    group.rank[i] = row.rank
    group.label[i] = row.label
    group.by_top[i] = row.by_top
    group.improper[i] = row.improper


cdef inline RowStatistics no_row() noexcept nogil:
    # what an ignored or missing row counts as: certain of its label
    cdef RowStatistics row
    memset(&row, 0, sizeof(row))
    row.label = IGNORED
    return row
