# Row statistics -> loss. All in float64, once per row.
#
# With m = offset - scale * ln(2), S = sum_exp, z = x_y - m (in two parts):
#     z >= 0    v = S exp(-z);    nll = log(1 + v);       lse - m = z + nll;    1 - p_y = v / (1 + v)
#     z <  0    w = exp(z);       nll = log(S + w) - z;   lse - m = log(S + w); 1 - p_y = S / (S + w)
#     loss = label_part * nll + label_smoothing * (B (lse - centre) + gap_sum),  gap_sum = sum of b_k (centre - x_k)
# The first line is why a confident row keeps all its digits: S holds only the other classes.

ctypedef struct RowLoss:
    double nll  # -log p of the label
    double log_sum_exp  # lse - m
    double share, others  # p of the label, and 1 - p without the subtraction
    double label_part, smooth_part  # coefficients of nll and of label_smoothing's terms
    double loss  # weighted by the sample


cdef inline double distance_to_reference(const RowStatistics *row, double x, double *low) noexcept nogil:
    # x - offset + scale * ln(2) and its rounding error
    cdef double a = x - row.offset, product = row.scale * LN2, z
    cdef double a_low, back
    back = a - x
    a_low = (x - (a - back)) - (row.offset + back)
    z = a + product
    back = z - a
    low[0] = ((a - (z - back)) + (product - back)) + a_low
    low[0] += row.scale * LN2_LOW + fma(row.scale, LN2, -product)
    if not isfinite(z):
        low[0] = 0.0
    return z


cdef void own_share(const RowStatistics *row, RowLoss *of) noexcept nogil:
    cdef double low, z = distance_to_reference(row, row.label_logit, &low), v
    if row.sum_exp == 0.0:  # no other class counts: 0, or nan where the label's logit is not finite
        of.nll = row.label_logit - row.label_logit
        of.log_sum_exp = z
        of.share = 1.0
        of.others = 0.0
    elif z >= 0.0:
        v = times_exp(row.sum_exp, -z, -low)
        of.nll = log_of_sum(1.0, v) if v <= 1.0 else log_of_sum(v, 1.0)
        of.log_sum_exp = z + (of.nll + low)
        of.share = 1.0 / (1.0 + v)
        of.others = v / (1.0 + v)
    else:
        v = times_exp(1.0, z, low)
        of.log_sum_exp = log_of_sum(row.sum_exp, v) if row.sum_exp >= v else log_of_sum(v, row.sum_exp)
        of.nll = (of.log_sum_exp - z) - low
        of.share = v / (row.sum_exp + v)
        of.others = row.sum_exp / (row.sum_exp + v)
    if row.label_logit == INFINITY:
        of.nll = NAN
        of.log_sum_exp = NAN


cdef RowLoss row_loss(const Job *job, const RowStatistics *row, Py_ssize_t row_index) noexcept nogil:
    cdef RowLoss of
    cdef double smooth, low, z
    own_share(row, &of)
    of.smooth_part = 0.0
    of.loss = 0.0
    if job.has_probabilities:  # the label is the top class: every gap to it is >= 0
        of.label_part = row.target_sum
        of.loss = row.gap_sum
    else:
        of.label_part = 1.0 - job.label_smoothing
        if job.class_weight != NULL:
            of.label_part *= job.class_weight[row.label]
        if job.label_smoothing > 0.0 and job.smoothing_total > 0.0:
            of.smooth_part = job.label_smoothing * job.smoothing_total
            z = distance_to_reference(row, row.centre, &low)
            smooth = row.gap_sum
            if job.uniform_smoothing:
                smooth = (smooth + (row.centre - row.label_logit)) / job.num_classes
            of.loss = job.label_smoothing * (job.smoothing_total * ((of.log_sum_exp - z) - low) + smooth)
    if of.label_part != 0.0:
        of.loss += of.label_part * of.nll
    elif of.nll != of.nll:
        of.loss = NAN
    if job.sample_weight != NULL:
        if job.sample_weight[row_index] != 0.0:
            of.loss *= job.sample_weight[row_index]
        elif of.loss == of.loss:
            of.loss = 0.0  # never 0 * inf
    return of
