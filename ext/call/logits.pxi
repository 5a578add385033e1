# Logits of a call: as they lie in memory, or copied, or what a soft cap and a temperature make of them.

cdef inline real label_logit_at(const Job *job, Py_ssize_t row, Py_ssize_t label) noexcept nogil:
    cdef real x
    if job.label_logits != NULL:
        x = job.label_logits[row]
    else:
        x = real_at(row_start(&job.logits, row) + label * job.logits.class_stride)
    return transform_logit(x, job.transform) if job.transforms else x


cdef inline const stored *contiguous(
    const Job *job, const char *at, Py_ssize_t count, stored *buffer
) noexcept nogil:
    # `count` logits where they lie, or copied, or what they become
    cdef const stored *x = <const stored *> at
    if job.logits.class_stride != sizeof(stored):
        copy_classes(buffer, at, job.logits.class_stride, count)
        x = buffer
    if not job.transforms:
        return x
    transform_logits(buffer, x, count, job.transform)
    return buffer
