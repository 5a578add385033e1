# Items of work over a team of threads, and whether a team pays.
#
# The calling thread waits for its team at the end of a region. Threads that find their CPUs taken, by another process
# or by a BLAS, come late: by then the calling thread has done all the work, and has waited for nothing. The time that a
# team took beyond what one thread would have needed is lost. It makes a debt of several times as much: while there is
# one, calls with the default number of threads use one (_threads.py), whose time pays it off. The price doubles with
# each loss that follows another, so that a busy machine costs little, and one loss on an idle machine hardly anything.

cdef extern from * nogil:
    """
    #ifdef _OPENMP
    #include <omp.h>
    enum { SMOOTHXENT_OPENMP = 1 };
    #if defined(__GNUC__) && !defined(_WIN32)
    /* OpenMP 5.0; older runtimes lack it, hence weak. Idle threads of a parent do not survive fork(). */
    extern int omp_pause_resource_all(omp_pause_resource_t) __attribute__((weak));
    static void release_threads(void) { if (omp_pause_resource_all) omp_pause_resource_all(omp_pause_soft); }
    #else
    static void release_threads(void) {}
    #endif
    static int inside_region(void) { return omp_in_parallel(); }
    static int available_threads(void) {
        int asked = omp_get_max_threads(), allowed = omp_get_thread_limit();
        return asked < allowed ? asked : allowed;
    }
    #else
    enum { SMOOTHXENT_OPENMP = 0 };
    static void release_threads(void) {}
    static int inside_region(void) { return 0; }
    static int available_threads(void) { return 1; }
    #endif
    /* The next item of work that no thread of a region has taken. */
    static Py_ssize_t next_item(Py_ssize_t *next) { return __atomic_fetch_add(next, 1, __ATOMIC_RELAXED); }
    """
    bint SMOOTHXENT_OPENMP
    void release_threads()
    bint inside_region()
    Py_ssize_t next_item(Py_ssize_t *)
    int available_threads()

cdef enum:
    PARALLEL_ELEMENTS = 1 << 15  # below, a team costs more than it saves

OPENMP = bool(SMOOTHXENT_OPENMP)


cdef extern from * nogil:
    """
    enum { PRICE = 4, MOST_DOUBLINGS = 4 };
    static const double LATE = 1.2; /* times the time of one thread: less is no loss */
    static const double MOST_DEBT = 1; /* second: a process that was stopped does not pay for all of the time */
    static const double AWAKE = 5e-5;  /* seconds: about as long as idle threads spin (_runtime.py) */

    /* Of the calling thread, which has a team of its own, for logits of this dtype. */
    static _Thread_local double debt, last_end; /* last_end: of a region */
    static _Thread_local int doublings;

    static int is_indebted(void) { return debt > 0; }
    static void forget_team(void) { last_end = 0; }
    static int was_asleep(double begin) { return begin - last_end > AWAKE; }

    /* alone: seconds that one thread would have needed. The first region makes the team, which does not count. */
    static void charge_late_team(double begin, double end, double serial_time) {
        int late = last_end > 0 && end - begin > LATE * serial_time;
        debt += late * (PRICE << doublings) * (end - begin - serial_time);
        debt = debt < MOST_DEBT ? debt : MOST_DEBT;
        doublings = late ? doublings + (doublings < MOST_DOUBLINGS) : 0;
        last_end = end;
    }
    static void pay_off(double seconds) { debt = debt > seconds ? debt - seconds : 0; }

    /* Linux starts a thread that is woken on the CPU of the thread that woke it, in a virtual machine even where
       another CPU is idle. The calling thread lets it run there for a moment, in which it moves to another CPU. */
    #ifdef __linux__
    #include <sched.h>
    static int this_cpu(void) { return sched_getcpu(); }
    static void make_way(void) { sched_yield(); }
    static void leave_cpu(int cpu) {
        cpu_set_t allowed, others;
        if (sched_getcpu() != cpu || sched_getaffinity(0, sizeof allowed, &allowed)) return;
        others = allowed;
        CPU_CLR(cpu, &others);
        if (CPU_COUNT(&others) && !sched_setaffinity(0, sizeof others, &others))
            sched_setaffinity(0, sizeof allowed, &allowed);
    }
    #else
    static int this_cpu(void) { return 0; }
    static void make_way(void) {}
    static void leave_cpu(int cpu) { (void)cpu; }
    #endif
    """
    bint is_indebted()
    void forget_team()
    bint was_asleep(double begin)
    void charge_late_team(double begin, double end, double serial_time)
    void pay_off(double seconds)
    int this_cpu()
    void make_way()
    void leave_cpu(int cpu)


ctypedef void (*WorkItem)(const void *work, Py_ssize_t index, int thread) noexcept nogil

ctypedef struct Region:
    # items that threads take one after the other
    WorkItem item
    const void *work
    Py_ssize_t next, last
    int cpu  # of the calling thread
    double begin
    double least  # time of an item of the calling thread; the others may have kept it from its CPU meanwhile


cdef void take_items(Region *region, int thread) noexcept nogil:
    cdef double begin = region.begin, end
    cdef Py_ssize_t index
    if thread == 0 and was_asleep(begin):
        make_way()
    elif thread > 0:
        leave_cpu(region.cpu)
    index = next_item(&region.next)
    while index < region.last:
        region.item(region.work, index, thread)
        if thread == 0:
            end = seconds()
            region.least = min(region.least, end - begin)
            begin = end
        index = next_item(&region.next)


cdef void run_region(Region *region, int num_threads) noexcept nogil:
    # No prange: it would wait for all threads twice, at the end of its loop and of its region.
    cdef Py_ssize_t items = region.last - region.next
    cdef double serial_time
    region.begin, region.least, region.cpu = seconds(), INFINITY, this_cpu()
    with parallel(num_threads=num_threads):
        take_items(region, threadid())
    serial_time = region.least * items if region.least < INFINITY else 0.0  # no item was left when it could begin
    charge_late_team(region.begin, seconds(), serial_time)


cdef int run_items(WorkItem item, const void *work, Py_ssize_t items, Py_ssize_t portion, int num_threads) except -1:
    # portion: items between two looks at the clock
    cdef Region region
    cdef Py_ssize_t index
    cdef double due, begin
    region.item, region.work, region.last = item, work, 0
    while region.last < items:
        due = 0.0
        with nogil:
            while region.last < items:
                region.next, region.last = region.last, min(items, region.last + portion)
                if num_threads > 1:
                    run_region(&region, num_threads)
                elif is_indebted():
                    begin = seconds()
                    for index in range(region.next, region.last):
                        item(work, index, 0)
                    pay_off(seconds() - begin)
                else:
                    for index in range(region.next, region.last):
                        item(work, index, 0)
                if region.last < items and is_due(&due):
                    break
        PyErr_CheckSignals()
    return 0


cdef int team_size(const Call *call, int num_threads) noexcept:
    # 1, without a parallel region, for little work, inside another library's region and where there is no OpenMP
    if not SMOOTHXENT_OPENMP or inside_region() or call.num_rows * call.num_classes < PARALLEL_ELEMENTS:
        return 1
    return num_threads


def is_in_debt():
    return is_indebted()
