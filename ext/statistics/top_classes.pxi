# The k largest logits of each row, if the caller asks for their log-probabilities: see top_classes.h. Until a row is
# finished, the caller's arrays hold its list. Threads that share a row have a list for each segment.

cdef extern from "statistics/top_classes.h" nogil:
    enum:
        MOST_TOP
    ctypedef struct TopClasses:
        real *logits
        int64_t *classes
        Py_ssize_t size, count
    void add_tile_to_top(TopClasses *, const stored *, Py_ssize_t, int64_t, real)
    void join_top_classes(TopClasses *, const TopClasses *)
    void top_of_columns(TopClasses, Py_ssize_t, const real *, Py_ssize_t)


cdef inline TopClasses top_of_row(const Call *call, Py_ssize_t row, Py_ssize_t seen) noexcept nogil:
    # the list of a row whose first `seen` classes are in it; a list without places if the call has no top_k
    cdef TopClasses top
    top.logits = call.statistics_arrays.top_log_probs + row * call.top_k
    top.classes = call.statistics_arrays.top_classes + row * call.top_k
    top.size = call.top_k
    top.count = min(call.top_k, seen)
    return top
