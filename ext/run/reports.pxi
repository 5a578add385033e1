# The tuples that Python gets: the totals of all threads, added up. See protocol.py for their types.

cdef inline Py_ssize_t row_or_none(Py_ssize_t row) noexcept nogil:
    # -1 where there is no bad row
    return row if row != NO_ROW else -1


cdef tuple count_report(const Call *call, Py_ssize_t num_kept, const ExactSum *weight, Py_ssize_t places):
    # (rows, kept rows, their weight in units of 2**-places, places)
    return (
        call.num_rows, num_kept, as_int(weight, places) if has_weights(call) else <object> num_kept << places, places
    )


cdef tuple loss_report(const Call *call):
    # (count, loss in units of 2**-places, sum of the losses that are inf or nan)
    cdef Totals *totals = totals_at(call, 0)
    cdef Py_ssize_t places
    carry(&totals.loss)
    carry(&totals.weight)
    places = places_of(&totals.loss)
    if has_weights(call):
        places = max(places, places_of(&totals.weight))
    return (
        count_report(call, totals.num_kept, &totals.weight, places),
        as_int(&totals.loss, places),
        totals.loss.special,
    )


cdef tuple weight_report(const Call *call, Py_ssize_t num_rows, ExactSum *weight):
    # an exact sum of sample_weight, or the number of rows without it
    return exact_parts(weight) if call.sample_weight != NULL else (num_rows, 0, "")


cdef tuple confidence_report(const int64_t *digits):
    # the fields of an Exact
    cdef Py_ssize_t j, zeros, last = CONFIDENCE_DIGITS - 1
    while last > 0 and digits[last] == 0:
        last -= 1
    units = <object> digits[0]
    for j in range(1, last + 1):
        units = (units << CONFIDENCE_BITS) + digits[j]
    zeros = (units & -units).bit_length() - 1 if units else CONFIDENCE_BITS
    zeros = min(zeros, CONFIDENCE_BITS * (last + 1))
    return units >> zeros, CONFIDENCE_BITS * (last + 1) - zeros, ""


cdef tuple bin_report(const Call *call, EvaluationTotals *metrics, Py_ssize_t number):
    # (rows, weight, confidence, weight of the hits)
    cdef const Bin *misses = metrics.bins + number
    cdef const Bin *hits = misses + metrics.num_bins + 1
    cdef WeightedBin *weighted = metrics.weighted_bins + number
    cdef int64_t digits[CONFIDENCE_DIGITS]
    cdef Py_ssize_t j, num_rows = misses.num_rows + hits.num_rows
    for j in range(CONFIDENCE_DIGITS):
        digits[j] = misses.digits[j] + hits.digits[j]
    return (
        num_rows,
        weight_report(call, num_rows, &weighted.weight),
        exact_parts(&weighted.confidence) if call.sample_weight != NULL else confidence_report(digits),
        weight_report(call, hits.num_rows, &weighted.hit_weight),
    )


cdef tuple hit_confidence_report(const Call *call, EvaluationTotals *metrics):
    cdef int64_t digits[CONFIDENCE_DIGITS]
    cdef Py_ssize_t i, j
    if call.sample_weight != NULL:
        return exact_parts(&metrics.sums.hit_confidence)
    memset(digits, 0, sizeof(digits))
    for i in range(metrics.num_bins):
        for j in range(CONFIDENCE_DIGITS):
            digits[j] += metrics.bins[metrics.num_bins + 1 + i].digits[j]
    return confidence_report(digits)


cdef tuple evaluation_report(const Call *call):
    # those of loss_report; rows, exact sums, hits of each k, bins, histogram
    cdef EvaluationTotals *metrics = metrics_at(call, 0)
    cdef MetricSums *sums = &metrics.sums
    cdef Py_ssize_t i
    return (
        *loss_report(call),
        metrics.num_rows,
        {
            "nll": exact_parts(&sums.nll),
            "nll_square": exact_parts(&sums.nll_square),
            "entropy": exact_parts(&sums.entropy),
            "entropy_square": exact_parts(&sums.entropy_square),
            "confidence": exact_parts(&sums.confidence),
            "confidence_square": exact_parts(&sums.confidence_square),
            "hit_confidence": hit_confidence_report(call, metrics),
            "brier": exact_parts(&sums.brier),
            "brier_square": exact_parts(&sums.brier_square),
            "weight": weight_report(call, metrics.num_rows, &sums.weight),
            "weight_square": weight_report(call, metrics.num_rows, &sums.weight_square),
        },
        tuple([
            weight_report(call, metrics.hits[i].num_rows, &metrics.hits[i].weight) for i in range(metrics.num_ranks)]),
        tuple([bin_report(call, metrics, i) for i in range(metrics.num_bins)]),
        tuple([metrics.histogram[i] for i in range(HISTOGRAM)]),
    )
