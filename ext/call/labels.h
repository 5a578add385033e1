/* labels.h: labels in memory to class indices. */
#ifndef SMOOTHXENT_LABELS_H
#define SMOOTHXENT_LABELS_H

#include "lanes/lanes.h"

/* LANES labels of 8 bytes, or of 4 with a sign, to class indices, NO_CLASS (ignored) or OUT_OF_RANGE; returns
 * whether all are in range. Each is read once: nothing that another thread writes meanwhile comes between the
 * comparison and the use. */
enum { NO_CLASS = -1, OUT_OF_RANGE = -2 };
static const ptrdiff_t NO_ROW = PTRDIFF_MAX; /* the lowest bad row, where none is bad */
LANES_INLINE int class_indices(int64_t *indices, const char *labels, int itemsize, uint64_t num_classes,
    int has_ignore_index, uint64_t ignore_index) {
    const reg_i64 limit = set1_i64((int64_t)num_classes), ignored = set1_i64((int64_t)ignore_index),
                  out_of_range = set1_i64(OUT_OF_RANGE);
    int bad = 0;
    for (int i = 0; i < LANES; i += WIDTH_F64) {
        reg_i64 raw = itemsize == 8 ? load_i64(labels + i * 8) : widen_i64(labels + i * 4);
        READ_ONCE(raw);
        reg_i64 index = below_i64(raw, limit, out_of_range);
        if (has_ignore_index) index = where_equal_i64(raw, ignored, set1_i64(NO_CLASS), index);
        store_i64(indices + i, index);
        bad |= any_equal_i64(index, out_of_range);
    }
    return !bad;
}

/* How many groups of LANES labels, from the first on, are all in range; none is ignored. */
LANES_FUNCTION ptrdiff_t groups_in_range(
    const char *labels, int itemsize, ptrdiff_t num_groups, uint64_t num_classes) {
    int64_t indices[LANES];
    ptrdiff_t g = 0;
    while (
        g < num_groups && class_indices(indices, labels + g * LANES * itemsize, itemsize, num_classes, 0, 0))
        g++;
    return g;
}

#endif
