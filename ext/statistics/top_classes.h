/* top_classes.h: the k largest logits of a row and their classes, in descending order. Of equal logits the
 * lower class comes first.
 *
 * The method is insertion into a sorted list. A whole vector is first compared with the smallest logit of the
 * list: if the logits are in random order, only about k (1 + log(C / k)) of a row's C logits enter the list;
 * if they ascend, all do. The list of a row that holds nan has no meaning.
 */
#pragma once

#include "lanes/lanes.h"

enum { MOST_TOP = 64 }; /* the largest k */

/* A list in memory elsewhere. */
typedef struct {
    real *logits;
    int64_t *classes;
    ptrdiff_t size, count; /* its places, and how many are taken: those of the largest logits so far */
} TopClasses;

LANES_INLINE int is_full(const TopClasses *top) { return top->count == top->size; }
LANES_INLINE real smallest(const TopClasses *top) { return top->logits[top->size - 1]; }

/* Classes come in ascending order, so an equal logit is placed behind. */
LANES_INLINE void add_class(TopClasses *top, real x, int64_t number) {
    if (is_full(top) && !(smallest(top) < x)) return;
    ptrdiff_t i = is_full(top) ? top->size - 1 : top->count++;
    for (; i > 0 && top->logits[i - 1] < x; i--) {
        top->logits[i] = top->logits[i - 1];
        top->classes[i] = top->classes[i - 1];
    }
    top->logits[i] = x;
    top->classes[i] = number;
}

/* Adds `count` logits, the largest of which is `highest`. Their classes begin at `first`. */
LANES_FUNCTION void add_tile_to_top(
    TopClasses *top, const stored *x, ptrdiff_t count, int64_t first, real highest) {
    if (is_full(top) && !(smallest(top) < highest)) return;
    for (ptrdiff_t k = 0; k < count; k += LANES) {
        if (is_full(top) && !any_less(splat(smallest(top)), load_up_to(x + k, count - k))) continue;
        for (ptrdiff_t j = k; j < count && j < k + LANES; j++)
            add_class(top, real_of(stored_at(x + j)), first + j);
    }
}

/* Adds the list of later classes. */
LANES_FUNCTION void join_top_classes(TopClasses *top, const TopClasses *later) {
    for (ptrdiff_t i = 0; i < later->count; i++) add_class(top, later->logits[i], later->classes[i]);
}

/* Fills the lists of the first `count` rows of a group of few classes, which follow each other in memory. All
 * rows are sorted at once, one row a lane: the logit of row i and class k is columns[k * LANES + i]. */
LANES_FUNCTION void top_of_columns(
    TopClasses first_row, ptrdiff_t count, const real *columns, ptrdiff_t num_classes) {
    real logits[MOST_TOP * LANES], classes[MOST_TOP * LANES];
    const ptrdiff_t size = first_row.size;
    lanes number = splat(0);
    for (ptrdiff_t k = 0; k < num_classes; k++, number = add(number, splat(1))) {
        lanes x = load(columns + k * LANES), of_x = number;
        if (k >= size && !any_less(load(logits + (size - 1) * LANES), x)) continue;
        for (ptrdiff_t j = k < size ? k : size; j > 0; j--) { /* x takes places from smaller logits */
            lanes y = load(logits + (j - 1) * LANES), of_y = load(classes + (j - 1) * LANES);
            if (j < size) {
                store(logits + j * LANES, where_less(y, x, y, x));
                store(classes + j * LANES, where_less(y, x, of_y, of_x));
            }
            of_x = where_less(y, x, of_x, of_y);
            x = where_less(y, x, x, y);
        }
        store(logits, x);
        store(classes, of_x);
    }
    for (ptrdiff_t i = 0; i < count; i++)
        for (ptrdiff_t j = 0; j < size; j++) {
            first_row.logits[i * size + j] = logits[j * LANES + i];
            first_row.classes[i * size + j] = (int64_t)classes[j * LANES + i];
        }
}
