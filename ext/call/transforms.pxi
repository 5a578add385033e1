# The soft cap and the temperature: see transforms.h.

cdef extern from "call/transforms.h" nogil:
    ctypedef struct Transform:
        real softcap, temperature
    real transform_logit(real, Transform)
    void transform_logits(stored *, const stored *, Py_ssize_t, Transform)
    lanes slopes(lanes, Transform)
    real slope_at(real, Transform)
    void times_slopes(real *, const stored *, Py_ssize_t, Transform)
