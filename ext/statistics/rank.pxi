# The rank of a row's label: see rank.h.

cdef extern from "statistics/rank.h" nogil:
    Py_ssize_t rank_of(const stored *, Py_ssize_t, Py_ssize_t, real, Py_ssize_t, Py_ssize_t)
    Py_ssize_t first_equal(const stored *, Py_ssize_t, real)
    void rank_columns(RowGroup *, const real *, Py_ssize_t, lanes, lanes, bint)


cdef void rank_group(const Call *call, RowGroup *group, Workspace *workspace) noexcept nogil:
    # rows of few classes, in columns
    cdef Py_ssize_t i
    if not call.anchors_are_top:
        rank_columns(
            group, workspace.columns, call.num_classes, group.few.anchors, group.few.anchor_logits, False)
        return
    for i in range(LANES):
        group.label_logits[i] = workspace.columns[max(group.label[i], 0) * LANES + i]
    rank_columns(
        group, workspace.columns, call.num_classes, lanes_from_integers(group.label), load(group.label_logits), True)
