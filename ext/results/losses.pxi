# Losses of a group of rows from their statistics, in float64. few_classes_losses.h computes the same in lanes.
#
# With m = offset - scale * STEP, S = sum_exp, z = x_y - m (in two parts):
#     z >= 0    own = 1         others = S exp(-z)
#     z <  0    own = exp(z)    others = S
#     nll = log(own + others) - min(z, 0);    lse - m = log(own + others) + max(z, 0);    p_y = own / (own + others)
# As the sums are taken without the anchor, nothing large is subtracted, and a confident row keeps all its digits. With
# uniform smoothing or none the anchor y is the label:
#     loss = anchor_share * nll + rest_share * (lse - m) + label_smoothing / C * gap_sum
# with anchor_share = (1 - label_smoothing) w_y + label_smoothing / C, rest_share = label_smoothing (C - 1) / C, and
# gap_sum the sum of the other m - x_k. Where each class has a target t_k of its own, the anchor y is the top class: the
# label may weigh much less than that, and then lse - m has too few digits. So all terms are positive:
#     loss = (sum of t_k) * nll + sum of t_k (x_y - x_k),  anchor_share = t_y,  rest_share = sum of the other t_k

cdef extern from "results/losses.h" nogil:
    void group_shares(RowGroup *)
    void uniform_losses(RowGroup *, double, double, double)
    void tiny_losses(RowGroup *, const double *, Py_ssize_t)


cdef void shares_of_group(const Call *call, RowGroup *g) noexcept nogil:
    if call.num_classes > FEW or not g.all_valid:
        group_shares(g)
        if call.has_metrics:
            group_metrics(g, <double> call.num_classes)
    if call.num_classes <= FEW:
        store_few_results(g, call.has_metrics, call.anchors_are_top)


cdef void group_losses(const Call *call, RowGroup *g, Py_ssize_t first, Py_ssize_t count) noexcept nogil:
    # shares_of_group comes first
    cdef Py_ssize_t i
    cdef double s, uniform = call.label_smoothing / call.num_classes
    if not call.has_targets:
        uniform_losses(g, call.label_smoothing, uniform, uniform * (call.num_classes - 1))
    else:
        target_losses(call, g, first)
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


cdef void target_losses(const Call *call, RowGroup *g, Py_ssize_t first) noexcept nogil:
    # t_k are the probabilities; or label_smoothing w_k u_k, and for the label (1 - label_smoothing) w_y more
    cdef Py_ssize_t i
    cdef double gap, extra, share = 1.0 if call.has_probabilities else call.label_smoothing
    for i in range(LANES):
        g.anchor_share[i] = share * g.anchor_target[i]
        g.rest_share[i] = share * g.rest_target[i]
        gap = share * g.gap_sum[i]
        if not call.has_probabilities and g.label[i] >= 0:
            extra = (1.0 - call.label_smoothing) * g.weight[i]
            if g.label[i] == g.anchor[i]:
                g.anchor_share[i] += extra
            elif extra != 0.0:
                g.rest_share[i] += extra
                gap += extra * (g.anchor_logit[i] - label_logit_at(call, first + i, g.label[i]))
        g.loss[i] = gap + weighted_term(g.anchor_share[i] + g.rest_share[i], g.nll[i])


cdef inline real irregular_log_sum_exp(double top) noexcept nogil:
    # log_sum_exp of a row that has nan or +inf, or only -inf, and whose anchor is its top class: nan, or the infinity.
    # With few classes `top` may be finite though another logit is nan.
    return <real> top if fabs(top) == INFINITY else <real> NAN
