# What one call asks for, and the targets q' of its rows.

ctypedef struct Totals:
    ExactSum loss, weight
    Py_ssize_t kept  # rows that are not ignored and whose sample_weight is not 0
    Py_ssize_t bad_row  # the lowest row with a label out of range, num_rows if none

ctypedef struct Job:
    Rows logits, probabilities, grad
    Labels labels
    Py_ssize_t num_rows, num_classes
    bint has_probabilities, probabilities_are_float32, has_grad
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


ctypedef struct Scratch:
    real logits[FEW * LANES]  # a tile, or a group of rows of few classes
    real summed[TILE]
    double targets[TILE]
    Py_ssize_t improper_row  # the lowest with a probability that is negative or not finite, num_rows if none


cdef inline Py_ssize_t tiles_of(Py_ssize_t num_classes) noexcept nogil:
    return (num_classes + TILE - 1) // TILE


cdef inline Py_ssize_t vectors_of(Py_ssize_t num_classes) noexcept nogil:
    return (num_classes + LANES - 1) // LANES


cdef inline Py_ssize_t padded_size(Py_ssize_t num_classes) noexcept nogil:
    return vectors_of(num_classes) * LANES


cdef void fill_smoothing(const Job *job, double *smoothing) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(job.num_classes):
        smoothing[k] = job.prior[k] if job.prior != NULL else 1.0 / job.num_classes
        if job.class_weight != NULL:
            smoothing[k] *= job.class_weight[k]
    for k in range(job.num_classes, padded_size(job.num_classes)):
        smoothing[k] = 0.0


cdef inline double probability_at(const Job *job, const char *at) noexcept nogil:
    cdef float narrow
    cdef double value
    if job.probabilities_are_float32:
        memcpy(&narrow, at, sizeof(narrow))
        return narrow
    memcpy(&value, at, sizeof(value))
    return value


cdef const double *tile_targets(
    const Job *job, Py_ssize_t row, Py_ssize_t start, Py_ssize_t count, Scratch *scratch
) noexcept nogil:
    # probability labels: w_k q'_k; class indices: the part of smoothing, w_k u_k, or NULL where it is uniform or absent
    cdef Py_ssize_t k, stride = job.probabilities.class_stride
    cdef const char *at
    cdef double uniform, target
    if not job.has_probabilities:
        return job.smoothing + start if job.smoothing != NULL else NULL
    at = row_start(&job.probabilities, row) + start * stride
    uniform = 1.0 / job.num_classes
    for k in range(count):
        target = probability_at(job, at + k * stride)
        if not 0.0 <= target < INFINITY:
            scratch.improper_row = min(scratch.improper_row, row)
        target *= 1.0 - job.label_smoothing
        target += job.label_smoothing * (job.prior[start + k] if job.prior != NULL else uniform)
        if job.class_weight != NULL:
            target *= job.class_weight[start + k]
        scratch.targets[k] = target
    for k in range(count, padded_size(count)):
        scratch.targets[k] = 0.0
    return scratch.targets
