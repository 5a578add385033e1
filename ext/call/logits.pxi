# Logits of a call, with the soft cap and the temperature applied.

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
    # `count` logits of one row, one after the other: in place if possible, else copied or transformed into `buffer`
    cdef const stored *x = <const stored *> at
    if call.logits.class_stride != sizeof(stored):
        copy_classes(buffer, at, call.logits.class_stride, count)
        x = buffer
    if not call.transforms:
        return x
    transform_logits(buffer, x, count, call.transform)
    return buffer
