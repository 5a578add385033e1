# The tuples that Python gets: the totals of all threads, added up. See protocol.py for their types.

cdef inline Py_ssize_t row_or_none(Py_ssize_t row) noexcept nogil:
    # -1 where there is no bad row
    return row if row != NO_ROW else -1


cdef tuple count_report(const Call *call, Py_ssize_t num_kept, const ExactSum *weight, Py_ssize_t places):
    # (rows, kept rows, their weight in units of 2**-places, places)
    return (
        call.num_rows, num_kept, as_int(weight, places) if has_weights(call) else <object> num_kept << places, places
    )


cdef tuple loss_report(const Call *call, int num_threads):
    # (count, loss in units of 2**-places, sum of the losses that are inf or nan)
    cdef Totals *totals = totals_at(call, 0)
    cdef Py_ssize_t places
    add_up(&totals.loss, sizeof(Totals), num_threads)
    places = places_of(&totals.loss)
    if has_weights(call):
        add_up(&totals.weight, sizeof(Totals), num_threads)
        places = max(places, places_of(&totals.weight))
    return (
        count_report(call, totals.num_kept, &totals.weight, places),
        as_int(&totals.loss, places),
        totals.loss.special,
    )


cdef tuple evaluation_report(const Call *call, int num_threads):
    # loss_report and metrics_report
    cdef int t
    if call.loss_is_nll:
        for t in range(num_threads):
            totals_at(call, t).loss = metrics_at(call, t).nll
    return *loss_report(call, num_threads), *metrics_report(call, num_threads)


cdef tuple weight_report(const Call *call, Py_ssize_t num_rows, ExactSum *weight, int num_threads):
    # an exact sum of sample_weight, or the number of rows without it
    return (num_rows, 0, "") if call.sample_weight == NULL else exact_parts(weight, call.metrics_size, num_threads)


cdef Py_ssize_t rows_of_threads(const Call *call, const double *num_rows, int num_threads):
    # adds the counts of all lanes and threads
    cdef double total = 0.0
    cdef Py_ssize_t i
    cdef int t
    for t in range(num_threads):
        for i in range(LANES):
            total += (<const double *> (<const char *> num_rows + t * call.metrics_size))[i]
    return <Py_ssize_t> total


cdef tuple hits_report(const Call *call, Hits *hits, int num_threads):
    cdef Py_ssize_t num_rows = rows_of_threads(call, hits.num_rows, num_threads)
    return weight_report(call, num_rows, &hits.weight, num_threads)


cdef tuple bin_report(const Call *call, Bin *bin, int num_threads):
    cdef Py_ssize_t misses = 0, hits = 0
    cdef Bin *thread_bin
    cdef int t
    for t in range(num_threads):
        thread_bin = <Bin *> (<char *> bin + t * call.metrics_size)
        misses += thread_bin.num_rows[0]
        hits += thread_bin.num_rows[1]
    return (
        misses + hits,
        weight_report(call, misses + hits, &bin.weight, num_threads),
        exact_parts(&bin.confidence, call.metrics_size, num_threads),
        weight_report(call, hits, &bin.hit_weight, num_threads),
    )


cdef tuple confidence_report(const Call *call, EvaluationTotals *metrics):
    # the sum over all bins, after bin_report of each, and over the rows that are in no bin
    cdef Bin *bins = bins_of(metrics, call.num_ranks)
    cdef ExactSum total
    cdef Py_ssize_t b, i
    memset(&total, 0, sizeof(total))
    for b in range(call.num_bins):
        for i in range(LIMBS):
            total.limbs[i] += bins[b].confidence.limbs[i]
    total.special = metrics.unbinned
    return exact_parts(&total, 0, 1)


cdef tuple metrics_report(const Call *call, int num_threads):
    # (rows, exact sums, hits of each k, bins, histogram)
    cdef EvaluationTotals *metrics = metrics_at(call, 0)
    cdef Py_ssize_t i, num_rows, step = call.metrics_size
    cdef int t
    num_rows = rows_of_threads(call, metrics.num_rows, num_threads)
    for t in range(1, num_threads):
        metrics.unbinned += metrics_at(call, t).unbinned
        for i in range(HISTOGRAM):
            metrics.histogram[i] += metrics_at(call, t).histogram[i]
    bins = tuple([
        bin_report(call, bins_of(metrics, call.num_ranks) + i, num_threads) for i in range(call.num_bins)])
    sums = {
        "nll": exact_parts(&metrics.nll, step, num_threads),
        "nll_square": exact_parts(&metrics.nll_square, step, num_threads),
        "entropy": exact_parts(&metrics.entropy, step, num_threads),
        "entropy_square": exact_parts(&metrics.entropy_square, step, num_threads),
        "confidence": confidence_report(call, metrics),
        "confidence_square": exact_parts(&metrics.confidence_square, step, num_threads),
        "hit_confidence": exact_parts(&metrics.hit_confidence, step, num_threads),
        "brier": exact_parts(&metrics.brier, step, num_threads),
        "brier_square": exact_parts(&metrics.brier_square, step, num_threads),
    }
    if call.sample_weight != NULL:
        sums["weight"] = exact_parts(&metrics.weight, step, num_threads)
        sums["weight_square"] = exact_parts(&metrics.weight_square, step, num_threads)
    else:
        sums["weight"] = sums["weight_square"] = num_rows, 0, ""
    return (
        num_rows,
        sums,
        tuple([hits_report(call, hits_of(metrics) + i, num_threads) for i in range(call.num_ranks)]),
        bins,
        tuple([metrics.histogram[i] for i in range(HISTOGRAM)]),
    )
