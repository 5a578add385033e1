# The rank of a row's label: see rank.h.

cdef extern from "statistics/rank.h" nogil:
    Py_ssize_t rank_of(const stored *, Py_ssize_t, Py_ssize_t, real, Py_ssize_t, Py_ssize_t)
    Py_ssize_t first_equal(const stored *, Py_ssize_t, real)
    void rank_columns(RowGroup *, const real *, Py_ssize_t, lanes, lanes)


cdef void rank_row(const Call *call, RowGroup *group, Py_ssize_t i, const stored *x) noexcept nogil:
    # row i of the group, at x, with one tile of classes; its other statistics are known and its anchor is the label
    cdef Py_ssize_t label = group.label[i]
    group.rank[i] = 0.0
    if label >= 0 and not group.anchor_logit[i] > group.highest[i]:
        group.rank[i] = rank_of(x, call.num_classes, label, <real> group.anchor_logit[i], 0, call.rank_limit)


cdef void rank_group(
    const Call *call, RowGroup *group, Workspace *workspace
) noexcept nogil:
    # rows of few classes, in columns
    cdef real labels[LANES]
    cdef real logits[LANES]
    cdef Py_ssize_t i
    if not call.anchors_are_top:
        rank_columns(group, workspace.columns, call.num_classes, group.few.anchors, group.few.anchor_logits)
        return
    for i in range(LANES):
        labels[i] = <real> group.label[i]
        logits[i] = 0
        if group.label[i] >= 0:
            logits[i] = workspace.columns[group.label[i] * LANES + i]
    rank_columns(group, workspace.columns, call.num_classes, load(labels), load(logits))
