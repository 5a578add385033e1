# What one call asks for, and the targets q' of its rows.

ctypedef struct RowMeasures:
    # where the measures of rows go; the last three are NULL without labels
    real *log_sum_exp
    real *max_logit
    real *entropy
    real *confidence
    int64_t *argmax
    real *label_logit
    real *nll
    int64_t *rank

ctypedef struct Job:
    Rows logits, probabilities, grad
    Labels labels
    Py_ssize_t num_rows, num_classes
    bint has_probabilities, probabilities_are_float32, has_grad
    bint has_targets  # that differ from class to class: probabilities, or smoothing with a prior or class_weight
    bint grad_is_real  # else it has the logits' dtype
    bint streams  # grad is written past the caches
    double label_smoothing
    bint uniform_smoothing  # label_smoothing > 0 with neither prior nor class_weight
    const double *smoothing  # else: w_k u_k, padded with zeros to whole lanes; NULL where label_smoothing == 0
    double smoothing_total, smoothing_error  # sum of w_k u_k, 1 if uniform, and its rounding error
    const double *prior
    const double *class_weight
    const double *sample_weight
    real *out
    double grad_divisor
    Totals *totals  # one per thread
    bint measures  # an evaluation: more is asked of a row than its loss
    int sums_with  # GAPS and MOMENTS: what is summed along with exp
    Py_ssize_t enough  # ranks from here on need not be known
    void *metrics_memory  # whose first whole lines are
    char *metrics  # of an evaluation's totals, `metrics_size` bytes per thread, or NULL
    Py_ssize_t metrics_size, num_ranks, num_bins
    bint loss_is_nll  # so that one sum will do
    const int64_t *ranks  # the k of top-k accuracies
    RowMeasures row_measures
    bint has_labels  # class indices beside the measures of rows
    bint transforms  # logits: a soft cap or a temperature
    Transform transform
    double z_loss
    const real *label_logits  # of all rows, where `logits` is but a block of them; else NULL


cdef inline Py_ssize_t tiles_of(Py_ssize_t num_classes) noexcept nogil:
    return (num_classes + TILE - 1) // TILE


cdef inline Py_ssize_t segments_of(Py_ssize_t num_classes) noexcept nogil:
    return (num_classes + SEGMENT - 1) // SEGMENT


cdef inline Py_ssize_t vectors_of(Py_ssize_t num_classes) noexcept nogil:
    return (num_classes + LANES - 1) // LANES


cdef inline Py_ssize_t padded_size(Py_ssize_t num_classes) noexcept nogil:
    return vectors_of(num_classes) * LANES


cdef inline real label_logit_at(const Job *job, Py_ssize_t row, Py_ssize_t label) noexcept nogil:
    cdef real x
    if job.label_logits != NULL:
        x = job.label_logits[row]
    else:
        x = real_at(row_start(&job.logits, row) + label * job.logits.class_stride)
    return transform_logit(x, job.transform) if job.transforms else x


cdef void fill_smoothing(const Job *job, double *smoothing) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(job.num_classes):
        smoothing[k] = job.prior[k] if job.prior != NULL else 1.0 / job.num_classes
        if job.class_weight != NULL:
            smoothing[k] *= job.class_weight[k]
    for k in range(job.num_classes, padded_size(job.num_classes)):
        smoothing[k] = 0.0


cdef inline Py_ssize_t grad_itemsize(const Job *job) noexcept nogil:
    return sizeof(real) if job.grad_is_real else sizeof(stored)


cdef inline double probability_at(const Job *job, const char *at) noexcept nogil:
    cdef float narrow
    cdef double value
    if job.probabilities_are_float32:
        memcpy(&narrow, at, sizeof(narrow))
        return narrow
    memcpy(&value, at, sizeof(value))
    return value


cdef void read_probabilities(const Job *job, const char *at, Py_ssize_t count, double *to) noexcept nogil:
    cdef Py_ssize_t k, stride = job.probabilities.class_stride
    cdef float narrow
    if job.probabilities_are_float32 and stride == sizeof(float):
        for k in range(count):
            memcpy(&narrow, at + k * sizeof(float), sizeof(float))
            to[k] = narrow
    elif stride == sizeof(double) and not job.probabilities_are_float32:
        memcpy(to, at, count * sizeof(double))
    else:
        for k in range(count):
            to[k] = probability_at(job, at + k * stride)


cdef const double *tile_targets(
    const Job *job, Py_ssize_t row, Py_ssize_t start, Py_ssize_t count, Scratch *scratch
) noexcept nogil:
    # probability labels: w_k q'_k; class indices: the part of smoothing, w_k u_k, or NULL where it is uniform or absent
    cdef Py_ssize_t k
    cdef double *targets = scratch.targets
    cdef double share = 1.0 - job.label_smoothing, uniform = job.label_smoothing * (1.0 / job.num_classes)
    cdef int proper = 1
    if not job.has_probabilities:
        return job.smoothing + start if job.smoothing != NULL else NULL
    read_probabilities(
        job, row_start(&job.probabilities, row) + start * job.probabilities.class_stride, count, targets)
    for k in range(count):
        proper &= (targets[k] >= 0.0) & (targets[k] < INFINITY)
    if not proper:
        scratch.improper = True
    if job.label_smoothing > 0.0 and job.prior != NULL:
        for k in range(count):
            targets[k] = targets[k] * share + job.label_smoothing * job.prior[start + k]
    elif job.label_smoothing > 0.0:
        for k in range(count):
            targets[k] = targets[k] * share + uniform
    if job.class_weight != NULL:
        for k in range(count):
            targets[k] *= job.class_weight[start + k]
    for k in range(count, padded_size(count)):
        targets[k] = 0.0
    return targets
