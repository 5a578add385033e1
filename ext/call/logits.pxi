# Logits of a call: as they lie in memory, or copied, or what a soft cap and a temperature make of them.

cdef inline real transformed(const Call *call, real x) noexcept nogil:
    return transform_logit(x, call.transform) if call.transforms else x


cdef inline real label_logit_at(const Call *call, Py_ssize_t row, Py_ssize_t label) noexcept nogil:
    cdef real x
    if call.label_logits != NULL:
        x = call.label_logits[row]
    else:
        x = real_at(row_start(&call.logits, row) + label * call.logits.class_stride)
    return transformed(call, x)


cdef inline const stored *contiguous(
    const Call *call, const char *at, Py_ssize_t count, stored *buffer
) noexcept nogil:
    # `count` logits where they lie, or copied, or what they become
    cdef const stored *x = <const stored *> at
    if call.logits.class_stride != sizeof(stored):
        copy_classes(buffer, at, call.logits.class_stride, count)
        x = buffer
    if not call.transforms:
        return x
    transform_logits(buffer, x, count, call.transform)
    return buffer
