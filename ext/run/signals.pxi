# Ctrl-C during a long call: rows are taken in portions, after which a clock, and then Python, is asked.

cdef enum:
    ROW_ELEMENTS = 16  # logits that take as long as what a row costs besides them

cdef extern from * nogil:
    """
    #include <time.h>
    /* Logits that a thread takes between two looks at the clock: 0.25 s where a logit takes 15 ns, or 120 ns. */
    #ifdef SMOOTHXENT_PORTABLE
    enum { PORTION_ELEMENTS = 1 << 21 };
    #else
    enum { PORTION_ELEMENTS = 1 << 24 };
    #endif
    /* Seconds between two looks at pending signals. Much less, and a thread busy with Python, which gives its lock
       away after 5 ms, would hold up the call. */
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
    # how many things of that many logits a team takes at a time
    return max(<Py_ssize_t> 1, PORTION_ELEMENTS // elements) * num_threads


cdef inline bint is_due(double *due) noexcept nogil:
    # whether it is time to let Python look at pending signals; due: 0.0 after it did
    cdef double now = seconds()
    if due[0] == 0.0:
        due[0] = now + SIGNAL_INTERVAL
    return now >= due[0]
