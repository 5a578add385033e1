# The working memory of a thread, and how a row is divided into tiles and segments. See workspace.h.

cdef extern from "call/workspace.h" nogil:
    enum:
        TILE, SEGMENT, FEW, SAVED_CLASSES
    ctypedef struct Workspace:
        stored *logits
        real *columns
        real *exps
        real *rows
        double *targets
        double *target_columns
        char **starts
        bint bad_probability


cdef inline Py_ssize_t tiles_of(Py_ssize_t num_classes) noexcept nogil:
    return (num_classes + TILE - 1) // TILE


cdef inline Py_ssize_t segments_of(Py_ssize_t num_classes) noexcept nogil:
    return (num_classes + SEGMENT - 1) // SEGMENT
