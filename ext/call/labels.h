/* labels.h: loads labels and checks that each is a class index; for labels.pxi and few_classes_losses.h. */
#pragma once

#include "lanes/lanes.h"

/* LANES labels, int64, uint64 or int32, to class indices, NO_CLASS (ignored) or OUT_OF_RANGE. Returns whether
 * all are in range. Each label is read once, so that another thread cannot change it after the check. */
enum { NO_CLASS = -1, OUT_OF_RANGE = -2 };
static const ptrdiff_t NO_ROW = PTRDIFF_MAX; /* in place of a bad row: there is none */
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

/* The number of leading groups of LANES labels that are all in range, without an ignore_index. */
LANES_FUNCTION ptrdiff_t groups_in_range(
    const char *labels, int itemsize, ptrdiff_t num_groups, uint64_t num_classes) {
    int64_t indices[LANES];
    ptrdiff_t g = 0;
    while (
        g < num_groups && class_indices(indices, labels + g * LANES * itemsize, itemsize, num_classes, 0, 0))
        g++;
    return g;
}
