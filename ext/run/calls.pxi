# The functions that Python calls, except Blocks and tally: each fills a Call and runs it.

# With fewer logits, a call uses one thread, whatever the number that is allowed.
LEAST_PARALLEL = PARALLEL_ELEMENTS
# The most top classes of a row that row_statistics can find.
MOST_TOP_K = MOST_TOP

cdef extern from * nogil:
    """
    #if defined(__linux__)
    #include <unistd.h>
    #endif
    static Py_ssize_t last_level_cache(void) {
        Py_ssize_t bytes = 0;
    #ifdef _SC_LEVEL3_CACHE_SIZE  /* glibc's */
        bytes = (Py_ssize_t)sysconf(_SC_LEVEL3_CACHE_SIZE);
    #endif
        return bytes > 0 ? bytes : 1 << 25;
    }
    """
    Py_ssize_t last_level_cache()

# Read once, at import: in a virtual machine the call may be slow, and many threads use the value.
cdef Py_ssize_t LAST_LEVEL_CACHE = last_level_cache()


cdef void complete_call(Call *call) noexcept nogil:
    # sets the fields that follow from the others
    call.has_targets = call.has_probabilities or call.smoothing != NULL
    call.anchors_are_top = call.task not in (LOSS, SOFTMAX) or call.has_targets
    call.sums_with = sums_with(call)
    call.is_plain = (
        call.task == LOSS and call.num_classes <= FEW and call.label_logits == NULL and is_bare(call)
        and not (call.has_targets or call.has_metrics))
    call.needs_kept = not call.is_plain or call.out == NULL or call.labels.has_ignore_index


cdef int run(Call *call, int num_threads) except -1:
    complete_call(call)
    call.streams = (
        call.has_grad and call.grad_is_real and call.grad.data != call.logits.data and is_aligned(&call.grad)
        and call.grad.class_stride == sizeof(real) and call.num_classes > FEW
        and call.num_rows * call.num_classes * <Py_ssize_t> sizeof(real) > LAST_LEVEL_CACHE)
    if call.num_rows == 0:
        return 0
    if num_threads > 1 and call.num_classes > SEGMENT and call.num_rows < ROWS_EACH * num_threads:
        return run_segments(call, num_threads)
    if call.num_classes > PORTION_ELEMENTS:  # signals must be checked within a row
        return run_segments(call, num_threads)
    return run_rows(call, num_threads)


cdef int run_with_totals(Call *call, int num_threads) except -1:
    try:
        add_smoothing(call)
        run(call, num_threads)
    finally:
        free(<void *> call.smoothing)
    join_threads(call, num_threads)
    return 0


def cross_entropy(
    cnp.ndarray logits not None, cnp.ndarray labels not None, tuple targets not None, tuple transforms,
    cnp.ndarray out, cnp.ndarray grad, double grad_divisor, int num_threads,
):
    cdef Call call = call_of(logits, LOSS)
    cdef Totals single
    cdef void *memory = NULL
    num_threads = team_size(&call, num_threads)
    add_transforms(&call, transforms)
    add_target_options(&call, labels, cnp.PyArray_NDIM(labels) == cnp.PyArray_NDIM(logits), targets)
    call.out = reals(out)
    call.grad_divisor = grad_divisor
    if grad is not None:
        add_grad(&call, grad)
    try:
        call.totals = new_totals(&single, num_threads, &memory)
        run_with_totals(&call, num_threads)
        count, total, special = loss_report(&call)
        return row_or_none(totals_at(&call, 0).bad_row), count, total, special
    finally:
        free(memory)


def evaluate(
    cnp.ndarray logits not None, cnp.ndarray labels not None, tuple targets not None, tuple transforms,
    cnp.ndarray ranks not None, Py_ssize_t num_bins, tuple rows, int num_threads,
):
    cdef cnp.ndarray nll, brier, top_class
    cdef Call call = call_of(logits, LOSS)
    cdef Totals single
    cdef void *memory = NULL
    num_threads = team_size(&call, num_threads)
    add_transforms(&call, transforms)
    add_target_options(&call, labels, False, targets)
    if rows is not None:
        nll, brier, top_class, call.evaluated_rows.needs_misses = rows
        call.evaluated_rows.nll = <double *> cnp.PyArray_DATA(nll)
        call.evaluated_rows.brier = <double *> cnp.PyArray_DATA(brier)
        call.evaluated_rows.top_class = <int64_t *> cnp.PyArray_DATA(top_class)
    try:
        call.totals = new_totals(&single, num_threads, &memory)
        add_metrics_of_threads(&call, ranks, num_bins, num_threads)
        run_with_totals(&call, num_threads)
        report = evaluation_report(&call)
        return row_or_none(totals_at(&call, 0).bad_row), report
    finally:
        free(call.metrics_memory)
        free(memory)


def row_statistics(
    cnp.ndarray logits not None, cnp.ndarray labels, ignore_index, tuple transforms, tuple results not None,
    int num_threads,
):
    cdef Call call = call_of(logits, ROW_STATISTICS)
    cdef Totals single
    cdef void *memory = NULL
    num_threads = team_size(&call, num_threads)
    add_transforms(&call, transforms)
    add_statistics_arrays(&call, labels, ignore_index, results)
    try:
        call.totals = new_totals(&single, num_threads, &memory)
        run_with_totals(&call, num_threads)
        return row_or_none(totals_at(&call, 0).bad_row)
    finally:
        free(memory)


cdef int normalise(cnp.ndarray logits, cnp.ndarray out, int task, int num_threads) except -1:
    cdef Call call = call_of(logits, task)
    add_grad(&call, out)
    return run(&call, team_size(&call, num_threads))


def softmax(cnp.ndarray logits not None, cnp.ndarray out not None, int num_threads):
    normalise(logits, out, SOFTMAX, num_threads)


def log_softmax(cnp.ndarray logits not None, cnp.ndarray out not None, int num_threads):
    normalise(logits, out, LOG_SOFTMAX, num_threads)


def log_sum_exp(cnp.ndarray logits not None, cnp.ndarray out not None, int num_threads):
    cdef Call call = call_of(logits, LOG_SUM_EXP)
    call.out = reals(out)
    run(&call, team_size(&call, num_threads))


def transform(cnp.ndarray logits not None, tuple transforms not None):
    # in place
    cdef Call call
    cdef stored *x = <stored *> cnp.PyArray_DATA(logits)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(logits)
    memset(&call, 0, sizeof(call))
    add_transforms(&call, transforms)
    with nogil:
        transform_logits(x, x, size, call.transform)


def max_threads():
    return available_threads()


def pause_threads():
    release_threads()
    forget_team()
