# Ctrl-C during a long call: work is done in portions. After each portion the time is read, and at intervals Python may
# handle pending signals.

cdef enum:
    ROW_ELEMENTS = 16  # a row's fixed cost, as a number of logits

cdef extern from * nogil:
    """
    #include <time.h>
    /* Logits that a thread takes in a portion: 0.25 s at 15 ns a logit, in the portable build at 120 ns. */
    #ifdef SMOOTHXENT_PORTABLE
    enum { PORTION_ELEMENTS = 1 << 21 };
    #else
    enum { PORTION_ELEMENTS = 1 << 24 };
    #endif
    /* Seconds between two checks of pending signals. A check needs Python's lock, for which another thread makes it
       wait 5 ms, so checks must be rare. */
    static const double SIGNAL_INTERVAL = 0.1;
    static double seconds(void) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    }
    """
    const Py_ssize_t PORTION_ELEMENTS
    const double SIGNAL_INTERVAL
    double seconds()


cdef inline Py_ssize_t portion_of(Py_ssize_t elements, int num_threads) noexcept nogil:
    # the work items of a portion, if an item costs as much as `elements` logits
    return max(<Py_ssize_t> 1, PORTION_ELEMENTS // elements) * num_threads


cdef inline bint is_due(double *due) noexcept nogil:
    # whether Python must check for pending signals; due: the time of the next check, set here if it is 0.0
    cdef double now = seconds()
    if due[0] == 0.0:
        due[0] = now + SIGNAL_INTERVAL
    return now >= due[0]
