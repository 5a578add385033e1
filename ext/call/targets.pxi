# The targets q' of the rows of a call: label smoothing, and labels that are probabilities.

cdef void fill_smoothing(const Call *call, double *smoothing) noexcept nogil:
    # w_k u_k, padded with zeros to whole vectors
    cdef Py_ssize_t k
    for k in range(call.num_classes):
        smoothing[k] = call.prior[k] if call.prior != NULL else 1.0 / call.num_classes
        if call.class_weight != NULL:
            smoothing[k] *= call.class_weight[k]
    for k in range(call.num_classes, padded_size(call.num_classes)):
        smoothing[k] = 0.0


cdef int add_smoothing(Call *call) except -1:
    # the caller frees call.smoothing
    cdef double *smoothing
    if call.label_smoothing == 0.0 or call.has_probabilities:
        return 0
    call.uniform_smoothing = call.prior == NULL and call.class_weight == NULL
    if not call.uniform_smoothing:
        smoothing = <double *> calloc(padded_size(call.num_classes), sizeof(double))
        if smoothing == NULL:
            raise MemoryError
        call.smoothing = smoothing
        fill_smoothing(call, smoothing)
    return 0


cdef inline double probability_at(const Call *call, const char *at) noexcept nogil:
    cdef float narrow
    cdef double value
    if call.probabilities_are_float32:
        memcpy(&narrow, at, sizeof(narrow))
        return narrow
    memcpy(&value, at, sizeof(value))
    return value


cdef void read_probabilities(const Call *call, const char *at, Py_ssize_t count, double *to) noexcept nogil:
    cdef Py_ssize_t k, stride = call.probabilities.class_stride
    cdef float narrow
    if call.probabilities_are_float32 and stride == sizeof(float):
        for k in range(count):
            memcpy(&narrow, at + k * sizeof(float), sizeof(float))
            to[k] = narrow
    elif stride == sizeof(double) and not call.probabilities_are_float32:
        memcpy(to, at, count * sizeof(double))
    else:
        for k in range(count):
            to[k] = probability_at(call, at + k * stride)


cdef const double *tile_targets(
    const Call *call, Py_ssize_t row, Py_ssize_t start, Py_ssize_t count, Workspace *workspace
) noexcept nogil:
    # for probabilities w_k q'_k; for class indices w_k u_k, or NULL where smoothing is uniform or 0
    cdef Py_ssize_t k
    cdef double *targets = workspace.targets
    cdef double share = 1.0 - call.label_smoothing, uniform = call.label_smoothing * (1.0 / call.num_classes)
    cdef int proper = 1
    if not call.has_probabilities:
        return call.smoothing + start if call.smoothing != NULL else NULL
    read_probabilities(
        call, row_start(&call.probabilities, row) + start * call.probabilities.class_stride, count, targets)
    for k in range(count):
        proper &= (targets[k] >= 0.0) & (targets[k] < INFINITY)
    if not proper:
        workspace.bad_probability = True
    if call.label_smoothing > 0.0 and call.prior != NULL:
        for k in range(count):
            targets[k] = targets[k] * share + call.label_smoothing * call.prior[start + k]
    elif call.label_smoothing > 0.0:
        for k in range(count):
            targets[k] = targets[k] * share + uniform
    if call.class_weight != NULL:
        for k in range(count):
            targets[k] *= call.class_weight[start + k]
    for k in range(count, padded_size(count)):
        targets[k] = 0.0
    return targets
