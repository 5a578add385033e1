# Row statistics: the only thing that is read from the logits for a loss.
#
# With S the sum over the classes other than `label`:
#     sum_exp = S of exp(x_k - offset) * 2**scale       reference = offset - scale * ln(2)
#     gap_sum = S of c_k (centre - x_k)                 gap_weight = S of c_k
# c_k = 1 and centre = reference where smoothing is uniform; else c_k are the row's targets and centre is a logit.
# `scale` is an integer, so that a new reference rescales sums by a power of two, without rounding. `offset` is 0
# except where the logits are so large (2**17) that the lanes' exp could not reduce them.
#
# Rows are taken in groups of LANES, so that what a row needs once is done for a whole group in lanes.

ctypedef struct RowStatistics:
    double sum_exp, scale, offset  # scale is not finite where no class counts: sum_exp is 0 then, or nan
    double centre, gap_sum, gap_weight, target_sum, label_target
    double label_logit
    Py_ssize_t label
    bint by_top  # `label` is the top class, whatever the row's label: with probabilities, and where it has no share
    bint improper  # a probability is negative or not finite

ctypedef struct Group:
    # row i of the group in lane i; lanes without a row hold harmless numbers
    double sum_exp[LANES]
    double scale[LANES]
    double offset[LANES]
    double centre[LANES]
    double gap_sum[LANES]
    double target_sum[LANES]  # by_top: the targets of all classes, and
    double label_target[LANES]  # of the top class
    Py_ssize_t by_top[LANES]  # flags as wide as the numbers, so that loops vectorise
    bint improper[LANES]
    double label_logit[LANES]
    Py_ssize_t label[LANES]  # class index, IGNORED or OUT_OF_RANGE
    Py_ssize_t ignored[LANES]  # loss and gradient are 0; lanes without a row too
    double weight[LANES]  # the label's class_weight, then times sample_weight
    # results
    double nll[LANES]  # -log p of the label
    double log_sum_exp[LANES]  # relative to the reference
    double own[LANES]  # the label's part of sum_exp and
    double others[LANES]  # the others', both relative to the larger of label logit and reference
    double label_part[LANES]  # coefficient of nll: the label's share of the targets
    double rest_part[LANES]  # the other classes' share
    double loss[LANES]


cdef inline void put_row(Group *group, Py_ssize_t i, const RowStatistics *row) noexcept nogil:
    group.sum_exp[i] = row.sum_exp
    group.scale[i] = row.scale
    group.offset[i] = row.offset
    group.centre[i] = row.centre
    group.gap_sum[i] = row.gap_sum
    group.target_sum[i] = row.target_sum
    group.label_target[i] = row.label_target
    group.label_logit[i] = row.label_logit
    group.label[i] = row.label
    group.by_top[i] = row.by_top
    group.improper[i] = row.improper


cdef inline RowStatistics no_row() noexcept nogil:
    # what an ignored or missing row counts as: certain of its label
    cdef RowStatistics row
    memset(&row, 0, sizeof(row))
    row.label = IGNORED
    return row


cdef inline double sum_of_powers(double total, double scale) noexcept nogil:
    # takes back exp(scale * LN2_ERROR), |scale * LN2_ERROR| < 3e-3, to 1e-13
    cdef double y = scale * LN2_ERROR
    return total * (1.0 - y * (1.0 - y * (0.5 - y * (1.0 / 6.0 - y / 24.0))))
