# The arguments of one call in a struct, which run/calls.pxi fills; all other files read it.

cdef enum:  # tasks
    LOSS  # of an evaluation too
    SOFTMAX
    LOG_SOFTMAX
    LOG_SUM_EXP
    ROW_STATISTICS

ctypedef struct RowStatisticsArrays:
    # output arrays of the task ROW_STATISTICS; label_logit, nll and rank are NULL where has_labels is false
    real *log_sum_exp
    real *max_logit
    real *entropy
    real *confidence
    int64_t *argmax
    real *label_logit
    real *nll
    int64_t *rank
    real *top_log_probs  # top_k for each row, as top_classes; NULL where top_k is 0
    int64_t *top_classes

ctypedef struct EvaluatedRows:
    # output arrays of an evaluation, one entry a row; all NULL unless the caller needs them
    double *nll
    double *brier
    int64_t *top_class  # NO_CLASS for a row whose label is not the top class, unless needs_misses
    bint needs_misses

ctypedef struct Call:
    int task
    # inputs
    Rows logits
    Py_ssize_t num_rows, num_classes
    const real *label_logits  # the label's logit of each row, where `logits` is a block of the classes; else NULL
    bint transforms  # there is a soft cap or a temperature
    Transform transform
    double z_loss
    # labels: class indices, or probabilities
    Labels labels
    bint has_labels  # task ROW_STATISTICS: class indices are given
    Rows probabilities
    bint has_probabilities, probabilities_are_float32
    # weights and targets
    const double *prior
    const double *class_weight
    const double *sample_weight
    double label_smoothing
    bint uniform_smoothing  # label_smoothing > 0 with neither prior nor class_weight
    const double *smoothing  # w_k u_k of each class, padded with zeros; NULL where smoothing is uniform or 0
    bint has_targets  # each class has its own target: probabilities, or `smoothing`
    # outputs
    real *out  # loss or log_sum_exp of each row, or NULL
    Rows grad  # gradient, softmax or log_softmax
    bint has_grad
    bint grad_is_real  # grad has the type `real`, else the logits' own type
    bint streams  # grad is written past the caches
    double grad_divisor
    RowStatisticsArrays statistics_arrays
    EvaluatedRows evaluated_rows
    # totals of the threads
    void *totals  # one Totals for each thread: see totals_at
    char *metrics  # evaluation: one EvaluationTotals for each thread, metrics_size bytes apart; else NULL
    void *metrics_memory  # allocated memory that `metrics` points into
    Py_ssize_t metrics_size
    bint loss_is_nll  # evaluation: the loss equals -log p of the label, so one exact sum serves both
    # which statistics are needed
    bint anchors_are_top  # the anchor of every row is its top class, not its label: see row_group.pxi
    int sums_with  # sums in addition to that of exp: GAPS, MOMENTS
    bint has_metrics  # rank and moments, for an evaluation or the task ROW_STATISTICS
    Py_ssize_t top_k  # task ROW_STATISTICS: the number of top classes of each row, or 0
    Py_ssize_t rank_limit  # a rank at or above this value need not be exact
    bint is_plain  # a loss of few classes without weights, own targets, z_loss or metrics: see PlainLoss
    bint needs_kept  # RowGroup.kept is read


cdef Call call_of(cnp.ndarray logits, int task):
    cdef Call call
    memset(&call, 0, sizeof(call))
    call.task = task
    call.logits = rows_of(logits, has_classes=True)
    call.num_classes = cnp.PyArray_DIM(logits, 1)
    call.num_rows = cnp.PyArray_DIM(logits, 0) * call.logits.inner
    call.grad_divisor = 1.0
    return call


cdef int add_target_options(Call *call, cnp.ndarray labels, bint has_classes, tuple targets) except -1:
    # targets: (label_smoothing, prior, class_weight, sample_weight, ignore_index); it keeps the arrays alive
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
    # transforms: (softcap or 0, temperature, z_loss). Through double, as Cython takes `real` for float.
    cdef double softcap, temperature
    if transforms is not None:
        softcap, temperature, call.z_loss = transforms
        call.transform.softcap = <real> softcap
        call.transform.temperature = <real> temperature
        call.transforms = call.transform.softcap != 0 or call.transform.temperature != 1
    return 0


cdef void add_grad(Call *call, cnp.ndarray grad):
    # the array that the second sweep writes, of the logits' own type or of type `real`
    call.has_grad = True
    call.grad = rows_of(grad, has_classes=True)
    call.grad_is_real = cnp.PyArray_ITEMSIZE(grad) == sizeof(real)


cdef inline bint has_weights(const Call *call) noexcept nogil:
    return call.class_weight != NULL or call.sample_weight != NULL


cdef inline bint is_bare(const Call *call) noexcept nogil:
    # whether the loss without label smoothing is -log p of the label: no weights, no z_loss
    return call.z_loss == 0.0 and not has_weights(call)
