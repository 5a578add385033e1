# The targets q' of the rows of a call.

cdef void fill_smoothing(const Job *job, double *smoothing) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(job.num_classes):
        smoothing[k] = job.prior[k] if job.prior != NULL else 1.0 / job.num_classes
        if job.class_weight != NULL:
            smoothing[k] *= job.class_weight[k]
    for k in range(job.num_classes, padded_size(job.num_classes)):
        smoothing[k] = 0.0


cdef int add_smoothing(Job *job, double label_smoothing, cnp.ndarray prior) except -1:
    # the caller frees job.smoothing
    cdef double *smoothing
    job.label_smoothing = label_smoothing
    job.prior = doubles(prior)
    if label_smoothing == 0.0 or job.has_probabilities:
        return 0
    job.uniform_smoothing = job.prior == NULL and job.class_weight == NULL
    job.smoothing_total = 1.0
    if not job.uniform_smoothing:
        smoothing = <double *> calloc(padded_size(job.num_classes), sizeof(double))
        if smoothing == NULL:
            raise MemoryError
        job.smoothing = smoothing
        fill_smoothing(job, smoothing)
        job.smoothing_total = sum_of(smoothing, job.num_classes, &job.smoothing_error)
    return 0


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
