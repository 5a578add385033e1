# Row statistics -> losses, for a group of rows at once. All in float64.
#
# With m = offset - scale * ln(2), S = sum_exp, z = x_y - m (in two parts):
#     z >= 0    own = 1         others = S exp(-z)
#     z <  0    own = exp(z)    others = S
#     nll = log(own + others) - min(z, 0);    lse - m = log(own + others) + max(z, 0);    p_y = own / (own + others)
#     loss = label_part * nll + rest_part * (lse - centre) + label_smoothing * gap_sum
# with label_part = (1 - label_smoothing) w_y + label_smoothing b_y, rest_part = label_smoothing * (sum of the other
# b_k), gap_sum = sum of the other b_k (centre - x_k), b_k = w_k u_k; where smoothing is uniform, centre = m and gap_sum
# lacks the factor 1 / num_classes. Sums without the label are why a confident row
# keeps all its digits: nothing large is subtracted. With probabilities t_k the label is the top class, gaps are to it:
#     loss = (sum of t_k) * nll + gap_sum

cdef inline double distance_to_reference(double x, double offset, double scale, double *low) noexcept nogil:
    # x - offset + scale * ln(2) and its rounding error; beyond MAGIC that may be large itself, and is not worth an ulp
    cdef double a = x - offset, product = scale * LN2, z = a + product, back, error
    back = a - x
    error = (x - (a - back)) - (offset + back)
    back = z - a
    error += (a - (z - back)) + (product - back)
    error += scale * LN2_LOW + fma(scale, LN2, -product)
    low[0] = error if LOW_PARTS and fabs(z) < MAGIC else 0.0
    return z


cdef void group_shares(Group *g) noexcept nogil:
    # own, others, nll and log_sum_exp
    cdef Py_ssize_t i
    cdef double z, low, towards, small, log_total
    for i in range(LANES):
        z = distance_to_reference(g.label_logit[i], g.offset[i], g.scale[i], &low)
        small = g.sum_exp[i] if z >= 0.0 else 1.0
        towards = -low if z >= 0.0 else low
        small = times_exp(small, -fabs(z), towards)
        g.own[i] = 1.0 if z >= 0.0 else small
        g.others[i] = small if z >= 0.0 else g.sum_exp[i]
        log_total = log_of_sum(g.own[i], g.others[i])
        g.log_sum_exp[i] = (z + (log_total + low)) if z >= 0.0 else log_total
        g.nll[i] = log_total if z >= 0.0 else (log_total - z) - low
    for i in range(LANES):
        # no other class counts: 0, or nan where the label's logit is not finite
        g.nll[i] = g.label_logit[i] - g.label_logit[i] if g.sum_exp[i] == 0.0 else g.nll[i]
        g.nll[i] = g.label_logit[i] - g.label_logit[i] if g.label_logit[i] == INFINITY else g.nll[i]


cdef void group_losses(const Job *job, Group *g, Py_ssize_t first, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i, any_by_top = 0
    cdef double s
    group_shares(g)
    for i in range(LANES):
        any_by_top |= g.by_top[i]
    if job.smoothing == NULL and not any_by_top:
        plain_losses(job, g)
    else:
        weighted_losses(job, g)
        if any_by_top:
            by_top_losses(g)
    if job.sample_weight != NULL:
        for i in range(count):
            s = job.sample_weight[first + i]
            g.weight[i] *= s
            g.loss[i] = share(s, g.loss[i])
    for i in range(LANES):
        g.loss[i] = 0.0 if g.ignored[i] else g.loss[i]
        g.weight[i] = 0.0 if g.ignored[i] else g.weight[i]


cdef inline double share(double coefficient, double term) noexcept nogil:
    # a term with coefficient 0 is left out, but for nan
    return coefficient * term if (coefficient != 0.0) | (term != term) else 0.0


cdef void plain_losses(const Job *job, Group *g) noexcept nogil:
    # class indices, smoothing uniform or none; gaps are to the reference
    cdef Py_ssize_t i
    cdef double uniform = job.label_smoothing / job.num_classes, others = uniform * (job.num_classes - 1)
    for i in range(LANES):
        g.label_part[i] = (1.0 - job.label_smoothing) * g.weight[i] + uniform
        g.rest_part[i] = others
        g.loss[i] = share(g.label_part[i], g.nll[i])
    if others != 0.0:
        for i in range(LANES):
            g.loss[i] += others * g.log_sum_exp[i] + uniform * g.gap_sum[i]


cdef void weighted_losses(const Job *job, Group *g) noexcept nogil:
    # class indices with a prior or class weights
    cdef Py_ssize_t i
    cdef double z, low, smoothing = 0.0, eps = job.label_smoothing
    for i in range(LANES):
        if job.smoothing != NULL:
            smoothing = job.smoothing[max(g.label[i], <Py_ssize_t> 0)]
        g.label_part[i] = (1.0 - eps) * g.weight[i] + eps * smoothing
        g.rest_part[i] = eps * ((job.smoothing_total - smoothing) + job.smoothing_error)
        z = distance_to_reference(g.centre[i], g.offset[i], g.scale[i], &low)
        z = g.rest_part[i] * ((g.log_sum_exp[i] - z) - low) + eps * g.gap_sum[i]
        g.loss[i] = share(g.label_part[i], g.nll[i]) + (z if g.rest_part[i] != 0.0 else 0.0)


cdef void by_top_losses(Group *g) noexcept nogil:
    # gaps are to the top class
    cdef Py_ssize_t i
    for i in range(LANES):
        if g.by_top[i]:
            g.label_part[i] = g.label_target[i]
            g.rest_part[i] = g.target_sum[i] - g.label_target[i]
            g.loss[i] = g.gap_sum[i] + share(g.target_sum[i], g.nll[i])
