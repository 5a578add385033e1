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


cdef tuple bins_report(const Call *call, EvaluationTotals *metrics):
    # (numbers of the bins with rows; their rows; digits, as in digits.py, of the weight, the confidence and the weight
    # of the hits of each; exponent of the lowest digit)
    cdef const Bin *misses = metrics.bins
    cdef const Bin *hits = misses + metrics.num_bins + 1
    cdef const WeightedBin *weighted = metrics.weighted_bins
    cdef Py_ssize_t num_digits = BIN_DIGITS if weighted == NULL else LIMBS
    cdef Py_ssize_t i, n = 0, size = num_digits * sizeof(int64_t)
    cdef cnp.npy_intp[3] shape = [3, 0, num_digits]
    cdef int64_t *numbers
    cdef int64_t *counts
    cdef int64_t *digits[3]
    for i in range(metrics.num_bins):
        shape[1] += misses[i].num_rows + hits[i].num_rows > 0
    cdef cnp.ndarray of_number = cnp.PyArray_ZEROS(1, shape + 1, cnp.NPY_INT64, 0)
    cdef cnp.ndarray of_count = cnp.PyArray_ZEROS(1, shape + 1, cnp.NPY_INT64, 0)
    cdef cnp.ndarray of_digits = cnp.PyArray_ZEROS(3, shape, cnp.NPY_INT64, 0)
    numbers, counts = <int64_t *> cnp.PyArray_DATA(of_number), <int64_t *> cnp.PyArray_DATA(of_count)
    for i in range(3):
        digits[i] = <int64_t *> cnp.PyArray_DATA(of_digits) + i * shape[1] * num_digits
    for i in range(metrics.num_bins):
        if misses[i].num_rows + hits[i].num_rows == 0:
            continue
        numbers[n], counts[n] = i, misses[i].num_rows + hits[i].num_rows
        if weighted != NULL:
            memcpy(digits[0] + n * num_digits, weighted[i].weight.limbs, size)
            memcpy(digits[1] + n * num_digits, weighted[i].confidence.limbs, size)
            memcpy(digits[2] + n * num_digits, weighted[i].hit_weight.limbs, size)
        else:
            digits[0][n * num_digits + BIN_PLACES // DIGIT] = counts[n]
            add_confidences(digits[1] + n * num_digits, misses + i, BIN_PLACES)
            add_confidences(digits[1] + n * num_digits, hits + i, BIN_PLACES)
            digits[2][n * num_digits + BIN_PLACES // DIGIT] = hits[i].num_rows
        n += 1
    return of_number, of_count, of_digits, -BIN_PLACES if weighted == NULL else -PLACES


cdef tuple hit_confidence_report(const Call *call, EvaluationTotals *metrics):
    cdef Py_ssize_t i
    cdef ExactSum total = metrics.sums.hit_confidence
    if call.sample_weight == NULL:
        for i in range(metrics.num_bins):
            add_confidences(total.limbs, metrics.bins + metrics.num_bins + 1 + i, PLACES)
    return exact_parts(&total)


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
        bins_report(call, metrics),
        tuple([metrics.histogram[i] for i in range(HISTOGRAM)]),
    )
