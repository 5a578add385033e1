# What Python gets of the totals of all threads.

cdef tuple count_of(const Job *job, Py_ssize_t num_kept, const ExactSum *weight, Py_ssize_t places):
    # what the rows weigh, as Python gets it
    return (
        job.num_rows, num_kept, as_int(weight, places) if has_weights(job) else whole(num_kept, places), places
    )


cdef tuple loss_of(Job *job, int num_threads):
    # what Python gets of a loss
    cdef Totals *totals = totals_at(job, 0)
    cdef Py_ssize_t places
    settle(&totals.loss, sizeof(Totals), num_threads)
    places = places_of(&totals.loss)
    if has_weights(job):
        settle(&totals.weight, sizeof(Totals), num_threads)
        places = max(places, places_of(&totals.weight))
    return (
        -1 if totals.bad_row == job.num_rows else totals.bad_row,
        count_of(job, totals.kept, &totals.weight, places),
        as_int(&totals.loss, places),
        totals.loss.special,
    )


cdef tuple evaluation_of(Job *job, int num_threads):
    # what Python gets of an evaluation
    cdef int t
    if job.loss_is_nll:
        for t in range(num_threads):
            totals_at(job, t).loss = metrics_at(job, t).nll
    return *loss_of(job, num_threads), *metrics_of(job, num_threads)


cdef tuple weight_of(const Job *job, Py_ssize_t num_rows, ExactSum *weight, int num_threads):
    # of some rows
    return (num_rows, 0, 0.0) if job.sample_weight == NULL else exact(weight, job.metrics_size, num_threads)


cdef Py_ssize_t rows_of_threads(const Job *job, const double *num_rows, int num_threads):
    # counts of each lane
    cdef double total = 0.0
    cdef Py_ssize_t i
    cdef int t
    for t in range(num_threads):
        for i in range(LANES):
            total += (<const double *> (<const char *> num_rows + t * job.metrics_size))[i]
    return <Py_ssize_t> total


cdef tuple hits_of_threads(const Job *job, Hits *hits, int num_threads):
    cdef Py_ssize_t num_rows = rows_of_threads(job, hits.num_rows, num_threads)
    return weight_of(job, num_rows, &hits.weight, num_threads)


cdef tuple bin_of_threads(const Job *job, Bin *held, int num_threads):
    cdef Py_ssize_t misses = 0, hits = 0
    cdef Bin *of_thread
    cdef int t
    for t in range(num_threads):
        of_thread = <Bin *> (<char *> held + t * job.metrics_size)
        misses += of_thread.num_rows[0]
        hits += of_thread.num_rows[1]
    return (
        misses + hits,
        weight_of(job, misses + hits, &held.weight, num_threads),
        exact(&held.confidence, job.metrics_size, num_threads),
        weight_of(job, hits, &held.hit_weight, num_threads),
    )


cdef tuple confidence_of(const Job *job):
    # of settled bins and what is in none
    cdef Metrics *metrics = metrics_at(job, 0)
    cdef Bin *bins = bins_of(metrics, job.num_ranks)
    cdef ExactSum total
    cdef Py_ssize_t b, i
    memset(&total, 0, sizeof(total))
    for b in range(job.num_bins):
        for i in range(LIMBS):
            total.limbs[i] += bins[b].confidence.limbs[i]
    total.special = metrics.unbinned
    return exact(&total, 0, 1)


cdef tuple metrics_of(const Job *job, int num_threads):
    # what Python gets of an evaluation beside the loss
    cdef Metrics *metrics = metrics_at(job, 0)
    cdef Py_ssize_t i, num_rows, step = job.metrics_size
    cdef int t
    num_rows = rows_of_threads(job, metrics.num_rows, num_threads)
    for t in range(1, num_threads):
        metrics.unbinned += metrics_at(job, t).unbinned
        for i in range(HISTOGRAM):
            metrics.histogram[i] += metrics_at(job, t).histogram[i]
    bins = tuple([
        bin_of_threads(job, bins_of(metrics, job.num_ranks) + i, num_threads) for i in range(job.num_bins)])
    sums = {
        "nll": exact(&metrics.nll, step, num_threads),
        "nll_square": exact(&metrics.nll_square, step, num_threads),
        "entropy": exact(&metrics.entropy, step, num_threads),
        "confidence": confidence_of(job),
        "brier": exact(&metrics.brier, step, num_threads),
    }
    if job.sample_weight != NULL:
        sums["weight"] = exact(&metrics.weight, step, num_threads)
        sums["weight_square"] = exact(&metrics.weight_square, step, num_threads)
    else:
        sums["weight"] = sums["weight_square"] = num_rows, 0, 0.0
    return (
        num_rows,
        sums,
        tuple([hits_of_threads(job, hits_of(metrics) + i, num_threads) for i in range(job.num_ranks)]),
        bins,
        tuple([metrics.histogram[i] for i in range(HISTOGRAM)]),
    )
