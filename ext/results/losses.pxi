# Losses of a group of rows from their statistics, in float64. few_classes_losses.h computes the same in lanes.
#
# With m = offset - scale * STEP, S = sum_exp, z = x_y - m (in two parts):
#     z >= 0    own = 1         others = S exp(-z)
#     z <  0    own = exp(z)    others = S
#     nll = log(own + others) - min(z, 0);    lse - m = log(own + others) + max(z, 0);    p_y = own / (own + others)
#     loss = anchor_share * nll + rest_share * (lse - centre) + label_smoothing * gap_sum
# with anchor_share = (1 - label_smoothing) w_y + label_smoothing b_y, rest_share = label_smoothing * (sum of the other
# b_k), gap_sum = sum of the other b_k (centre - x_k), b_k = w_k u_k; where smoothing is uniform, centre = m and gap_sum
# lacks the factor 1 / num_classes. As the sums are taken without the anchor, nothing large is subtracted, and a
# confident row keeps all its digits. With probabilities t_k the anchor is the top class, and its logit is the centre:
#     loss = (sum of t_k) * nll + gap_sum

cdef extern from "results/losses.h" nogil:
    void group_shares(RowGroup *)
    void uniform_losses(RowGroup *, double, double, double)
    void tiny_losses(RowGroup *, const double *, Py_ssize_t)


cdef void shares_of_group(const Call *call, RowGroup *g) noexcept nogil:
    if call.num_classes > FEW or not g.all_valid:
        group_shares(g)
    if call.num_classes <= FEW:
        store_few_shares(g)


cdef void group_losses(const Call *call, RowGroup *g, Py_ssize_t first, Py_ssize_t count) noexcept nogil:
    # shares_of_group comes first
    cdef Py_ssize_t i
    cdef double s, uniform = call.label_smoothing / call.num_classes
    if not call.has_targets:
        uniform_losses(g, call.label_smoothing, uniform, uniform * (call.num_classes - 1))
    else:
        weighted_losses(call, g)
        top_anchor_losses(g)
        for i in range(LANES):
            g.loss[i] = g.loss[i] if g.kept[i] else 0.0
    if call.z_loss != 0.0:
        add_z_losses(call, g)
    if call.sample_weight != NULL:
        for i in range(count):
            s = call.sample_weight[first + i]
            g.weight[i] *= s
            g.loss[i] = weighted_term(s, g.loss[i])
    if LOW_PARTS and has_weights(call):  # float64 nll may be subnormal
        tiny_losses(g, call.sample_weight + first if call.sample_weight != NULL else NULL, count)


cdef void add_z_losses(const Call *call, RowGroup *g) noexcept nogil:
    # z_loss * lse**2 for each -log p_k, so T z_loss lse**2 with targets of sum T. Its gradient is 2 T z_loss lse p_k,
    # like that of targets of this sum.
    cdef Py_ssize_t i
    cdef double log_sum_exp, slope
    for i in range(LANES):
        if g.kept[i]:
            log_sum_exp = g.log_sum_exp[i] + (g.offset[i] - g.scale[i] * STEP - g.scale[i] * STEP_LOW)
            slope = (g.anchor_share[i] + g.rest_share[i]) * call.z_loss * log_sum_exp
            g.loss[i] += slope * log_sum_exp
            g.rest_share[i] += 2.0 * slope


cdef inline double weighted_term(double coefficient, double term) noexcept nogil:
    # coefficient * term, but 0 * inf = 0
    return coefficient * term if (coefficient != 0.0) | (term != term) else 0.0


cdef void weighted_losses(const Call *call, RowGroup *g) noexcept nogil:
    # class indices with a prior or class weights
    cdef Py_ssize_t i
    cdef double z, low, smoothing = 0.0, eps = call.label_smoothing
    for i in range(LANES):
        if call.smoothing != NULL:
            smoothing = call.smoothing[max(g.anchor[i], <Py_ssize_t> 0)]
        g.anchor_share[i] = (1.0 - eps) * g.weight[i] + eps * smoothing
        g.rest_share[i] = eps * ((call.smoothing_total - smoothing) + call.smoothing_error)
        z = distance_to_reference(g.centre[i], g.offset[i], g.scale[i], &low)
        z = g.rest_share[i] * ((g.log_sum_exp[i] - z) - low) + eps * g.gap_sum[i]
        g.loss[i] = weighted_term(g.anchor_share[i], g.nll[i]) + (z if g.rest_share[i] != 0.0 else 0.0)


cdef void top_anchor_losses(RowGroup *g) noexcept nogil:
    # rows whose anchor is the top class, where that is not the label
    cdef Py_ssize_t i
    for i in range(LANES):
        if g.anchor_is_top[i]:
            g.anchor_share[i] = g.anchor_target[i]
            g.rest_share[i] = g.target_sum[i] - g.anchor_target[i]
            g.loss[i] = g.gap_sum[i] + weighted_term(g.target_sum[i], g.nll[i])


cdef inline real irregular_log_sum_exp(double top) noexcept nogil:
    # log_sum_exp of a row that has nan or +inf, or only -inf, and whose anchor is its top class: nan, or the infinity.
    # With few classes `top` may be finite though another logit is nan.
    return <real> top if fabs(top) == INFINITY else <real> NAN
