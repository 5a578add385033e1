# What one call asks for.

cdef enum:
    LOSS
    SOFTMAX
    LOG_SOFTMAX
    LOG_SUM_EXP
    ROW_STATISTICS

ctypedef struct RowMetrics:
    # where the metrics of rows go; the last three are NULL without labels
    real *log_sum_exp
    real *max_logit
    real *entropy
    real *confidence
    int64_t *argmax
    real *label_logit
    real *nll
    int64_t *rank

ctypedef struct Call:
    Rows logits, probabilities, grad
    Labels labels
    Py_ssize_t num_rows, num_classes
    bint has_probabilities, probabilities_are_float32, has_grad
    bint has_targets  # that differ from class to class: probabilities, or smoothing with a prior or class_weight
    bint grad_is_real  # else it has the logits' dtype
    bint streams  # grad is written past the caches
    bint is_plain  # losses of few classes without weights, targets of their own or z_loss, for no evaluation
    bint needs_kept  # RowGroup.kept is asked for: with every option, for a total, where rows may be ignored
    double label_smoothing
    bint uniform_smoothing  # label_smoothing > 0 with neither prior nor class_weight
    const double *smoothing  # else: w_k u_k, padded with zeros to whole lanes; NULL where label_smoothing == 0
    double smoothing_total, smoothing_error  # sum of w_k u_k, 1 if uniform, and its rounding error
    const double *prior
    const double *class_weight
    const double *sample_weight
    real *out
    double grad_divisor
    void *totals  # one per thread: see totals_at
    bint has_metrics  # per-row metrics other than the loss
    int sums_with  # GAPS and MOMENTS: what is summed along with exp
    Py_ssize_t enough  # ranks from here on need not be known
    void *metrics_memory  # whose first whole lines are
    char *metrics  # of an evaluation's totals, `metrics_size` bytes per thread, or NULL
    Py_ssize_t metrics_size, num_ranks, num_bins
    bint loss_is_nll  # so that one sum will do
    const int64_t *ranks  # the k of top-k accuracies
    RowMetrics row_metrics
    bint has_labels  # class indices, for the last three of row_metrics
    bint transforms  # logits: a soft cap or a temperature
    Transform transform
    double z_loss
    const real *label_logits  # of all rows, where `logits` is but a block of them; else NULL

cdef inline bint is_by_top(const Call *call, int task) noexcept nogil:
    # whether the top class is the anchor of all rows, whatever their labels
    return task == LOG_SOFTMAX or task == LOG_SUM_EXP or task == ROW_STATISTICS or call.has_probabilities


cdef Call call_of(cnp.ndarray logits):
    cdef Call call
    memset(&call, 0, sizeof(call))
    call.logits = rows_of(logits, has_classes=True)
    call.num_classes = cnp.PyArray_DIM(logits, 1)
    call.num_rows = cnp.PyArray_DIM(logits, 0) * call.logits.inner
    call.grad_divisor = 1.0
    return call


cdef int add_target_options(Call *call, cnp.ndarray labels, bint has_classes, tuple targets) except -1:
    # (label_smoothing, prior, class_weight, sample_weight, ignore_index), which hold the arrays
    cdef cnp.ndarray prior, class_weight, sample_weight
    call.label_smoothing, prior, class_weight, sample_weight, ignore_index = targets
    call.has_probabilities = has_classes
    if has_classes:
        call.probabilities = rows_of(labels, has_classes)
        call.probabilities_are_float32 = cnp.PyArray_ITEMSIZE(labels) == 4
    else:
        call.labels = labels_of(labels, call.num_classes, ignore_index)
    call.prior = doubles(prior)
    call.class_weight = doubles(class_weight)
    call.sample_weight = doubles(sample_weight)
    return 0


cdef int add_transforms(Call *call, tuple transforms) except -1:
    # (softcap or 0, temperature, z_loss); Python's numbers do not become `real`, which Cython takes for float
    cdef double softcap, temperature
    if transforms is not None:
        softcap, temperature, call.z_loss = transforms
        call.transform.softcap = <real> softcap
        call.transform.temperature = <real> temperature
        call.transforms = call.transform.softcap != 0 or call.transform.temperature != 1
    return 0


cdef void add_grad(Call *call, cnp.ndarray grad):
    # where the second sweep writes: the logits' dtype or that of `real`
    call.has_grad = True
    call.grad = rows_of(grad, has_classes=True)
    call.grad_is_real = cnp.PyArray_ITEMSIZE(grad) == sizeof(real)


cdef inline bint has_weights(const Call *call) noexcept nogil:
    return call.class_weight != NULL or call.sample_weight != NULL


cdef inline bint is_bare(const Call *call) noexcept nogil:
    # whether the loss of a label without smoothing is its -log p, with neither weights nor z_loss
    return call.z_loss == 0.0 and not has_weights(call)
