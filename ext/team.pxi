# Pieces of work over a team of threads, and whether a team pays.
#
# The calling thread waits for its team at the end of a region. Threads that find their CPUs taken, by another process
# or by a BLAS, come late: by then the calling thread has done all the work, and has waited for nothing. The time that a
# team took beyond what one thread would have needed is a debt of the calling thread. While there is a debt, calls with
# the default number of threads use one (_threads.py), and a share of their time pays it off. So no more than that share
# is lost in the long run, and a machine that is idle again has its teams back soon.

cdef extern from * nogil:
    """
    /* Of the calling thread, in seconds. Each thread of Python has a team of its own. */
    static _Thread_local double debt;

    static const double SHARE = 1.0 / 32;     /* of the time on one thread, pays off the debt */
    static const double NOTICED = 1.2;        /* times the time of one thread: less is no loss */
    static const double MOST_DEBT = 1.0 / 32; /* paid off by a second on one thread, even if a process was stopped */

    static double owed(void) { return debt; }
    static void owe(double seconds) { debt = debt + seconds < MOST_DEBT ? debt + seconds : MOST_DEBT; }
    static void pay(double seconds) { debt = debt > SHARE * seconds ? debt - SHARE * seconds : 0.0; }
    """
    const double NOTICED
    double owed()
    void owe(double seconds)
    void pay(double seconds)


ctypedef void (*Piece)(const void *work, Py_ssize_t index, int thread) noexcept nogil

ctypedef struct Region:
    # pieces that threads take one after the other
    Piece piece
    const void *work
    Py_ssize_t next, last
    double begin
    double least  # time of a piece of the calling thread; the others may have kept it from its CPU meanwhile


cdef void take_pieces(Region *region, int thread) noexcept nogil:
    cdef double begin = region.begin, end
    cdef Py_ssize_t index = taken_next(&region.next)
    while index < region.last:
        region.piece(region.work, index, thread)
        if thread == 0:
            end = seconds()
            region.least = min(region.least, end - begin)
            begin = end
        index = taken_next(&region.next)


cdef void run_region(Region *region, int num_threads) noexcept nogil:
    # No prange: it would wait for all threads twice, at the end of its loop and of its region.
    cdef Py_ssize_t pieces = region.last - region.next
    cdef double took, alone
    region.begin, region.least = seconds(), INFINITY
    with parallel(num_threads=num_threads):
        take_pieces(region, threadid())
    took = seconds() - region.begin
    alone = region.least * pieces if region.least < INFINITY else 0.0  # no piece was left when it could begin
    if took > NOTICED * alone:
        owe(took - alone)


cdef int each_piece(Piece piece, const void *work, Py_ssize_t pieces, Py_ssize_t portion, int num_threads) except -1:
    # portion: pieces between two looks at the clock
    cdef Region region
    cdef Py_ssize_t index
    cdef double due, begin
    region.piece, region.work, region.last = piece, work, 0
    while region.last < pieces:
        due = 0.0
        with nogil:
            while region.last < pieces:
                region.next, region.last = region.last, min(pieces, region.last + portion)
                if num_threads > 1:
                    run_region(&region, num_threads)
                elif owed() > 0:
                    begin = seconds()
                    for index in range(region.next, region.last):
                        piece(work, index, 0)
                    pay(seconds() - begin)
                else:
                    for index in range(region.next, region.last):
                        piece(work, index, 0)
                if region.last < pieces and is_due(&due):
                    break
        PyErr_CheckSignals()
    return 0


cdef int team(const Job *job, int num_threads) noexcept:
    # 1, without a parallel region, for little work, inside another library's region and where there is no OpenMP
    if not SMOOTHXENT_OPENMP or inside_region() or job.num_rows * job.num_classes < PARALLEL_ELEMENTS:
        return 1
    return num_threads


def is_in_debt():
    return owed() > 0
