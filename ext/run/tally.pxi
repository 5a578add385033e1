# Checks all labels before anything is written: finds the first bad row, and the number and the weight of the rows.

cdef bint are_valid_probabilities(const Call *call, Py_ssize_t row) noexcept nogil:
    # whether the probabilities of the row are finite and not negative
    cdef const char *at = row_start(&call.probabilities, row)
    cdef Py_ssize_t k
    for k in range(call.num_classes):
        if not 0.0 <= probability_at(call, at + k * call.probabilities.class_stride) < INFINITY:
            return False
    return True


cdef Py_ssize_t read_group_labels(const Call *call, Py_ssize_t first, Py_ssize_t count, int64_t *labels) noexcept nogil:
    # labels: class indices of a group, or 0 for probabilities; returns the first bad row, or NO_ROW
    cdef Py_ssize_t i
    if not call.has_probabilities:
        return labels_of_group(&call.labels, first, count, labels)
    for i in range(LANES):
        labels[i] = 0 if i < count else NO_CLASS
        if i < count and not are_valid_probabilities(call, first + i):
            return first + i
    return NO_ROW


cdef Py_ssize_t tally_groups(
    const Call *call, Py_ssize_t first, Py_ssize_t last, Py_ssize_t *num_kept, ExactSum *total
) noexcept nogil:
    # adds the kept rows of groups first to last - 1 to num_kept, and their weights to total; returns the first bad row,
    # or NO_ROW
    cdef int64_t labels[LANES]
    cdef Py_ssize_t g, i, n, bad_row
    cdef double weight
    if not (call.has_probabilities or has_weights(call) or call.labels.has_ignore_index) and are_adjacent(&call.labels):
        g = groups_in_range(
            row_start(&call.labels.rows, first * LANES), call.labels.itemsize,
            min(last, call.num_rows // LANES) - first, call.num_classes)
        num_kept[0] += g * LANES
        first += g
    for g in range(first, last):
        n = g * LANES
        bad_row = read_group_labels(call, n, min(<Py_ssize_t> LANES, call.num_rows - n), labels)
        if bad_row != NO_ROW:
            return bad_row
        for i in range(LANES):
            num_kept[0] += labels[i] != NO_CLASS
        if not has_weights(call):
            continue
        for i in range(LANES):
            if labels[i] != NO_CLASS:
                weight = call.sample_weight[n + i] if call.sample_weight != NULL else 1.0
                num_kept[0] -= weight == 0.0
                if call.class_weight != NULL and not call.has_probabilities:
                    weight *= call.class_weight[labels[i]]
                add_exactly(total, weight)
    return NO_ROW


def tally(cnp.ndarray logits not None, cnp.ndarray labels not None, tuple targets not None):
    cdef Call call = call_of(logits, LOSS)
    cdef bint has_classes = cnp.PyArray_NDIM(labels) == cnp.PyArray_NDIM(logits)
    cdef Py_ssize_t groups = vectors_of(call.num_rows), first = 0, last, portion, bad_row = NO_ROW, num_kept = 0
    cdef double due
    cdef ExactSum total
    memset(&total, 0, sizeof(total))
    add_target_options(&call, labels, has_classes, targets)
    portion = portion_of(((call.num_classes if has_classes else 0) + ROW_ELEMENTS) * LANES, 1)
    while first < groups and bad_row == NO_ROW:
        due = 0.0
        with nogil:
            while first < groups:
                last = min(groups, first + portion)
                bad_row = tally_groups(&call, first, last, &num_kept, &total)
                first = last
                if bad_row != NO_ROW or (first < groups and is_due(&due)):
                    break
        PyErr_CheckSignals()
    carry(&total)
    return row_or_none(bad_row), count_report(&call, num_kept, &total, places_of(&total))
