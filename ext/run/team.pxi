# Runs work items over a team of threads, and decides whether teams are worth their cost.
#
# At the end of a parallel region the calling thread waits for its team. If the CPUs are busy, with another process or
# a BLAS, the other threads start late: the calling thread has done all the work by then, and waits in vain. The time
# that such a region took beyond that of one thread is lost. To bound the loss, a late team causes a debt of PRICE times
# the lost time. While there is a debt, calls with the default number of threads use one thread (threads.py), and their
# running time is subtracted from the debt. PRICE doubles with each late team that directly follows another: so teams
# are rare on a busy machine, while a single late team on an idle machine costs little.

cdef extern from * nogil:
    """
    #ifdef _OPENMP
    #include <omp.h>
    enum { SMOOTHXENT_OPENMP = 1 };
    #if defined(__GNUC__) && !defined(_WIN32)
    /* Weak, as runtimes before OpenMP 5.0 lack it. Needed since idle threads do not survive fork(). */
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
    /* Takes the next work item of a region. */
    static Py_ssize_t next_item(Py_ssize_t *next) { return __atomic_fetch_add(next, 1, __ATOMIC_RELAXED); }
    """
    bint SMOOTHXENT_OPENMP
    void release_threads()
    bint inside_region()
    Py_ssize_t next_item(Py_ssize_t *)
    int available_threads()

cdef enum:
    PARALLEL_ELEMENTS = 1 << 15  # with fewer logits, a team costs more than it saves

OPENMP = bool(SMOOTHXENT_OPENMP)


cdef extern from * nogil:
    """
    enum { PRICE = 4, MOST_DOUBLINGS = 4 };
    static const double LATE = 1.2;    /* a team is late if it takes more than LATE times the time of one thread */
    static const double MOST_DEBT = 1; /* seconds: a process may have been stopped for any time */
    static const double AWAKE = 5e-5;  /* seconds for which idle threads spin, about: see runtime.py */

    /* State of the calling thread's team, separate in each kernel. */
    static _Thread_local double debt, last_end; /* seconds; last_end: time at which the last region ended, 0: none */
    static _Thread_local int doublings;

    static int is_indebted(void) { return debt > 0; }
    static void forget_team(void) { last_end = 0; }
    static int was_asleep(double begin) { return begin - last_end > AWAKE; }

    /* serial_time: seconds that one thread would have needed. The first region does not count: it starts the team. */
    static void record_region(double begin, double end, double serial_time) {
        int late = last_end > 0 && end - begin > LATE * serial_time;
        debt += late * (PRICE << doublings) * (end - begin - serial_time);
        debt = debt < MOST_DEBT ? debt : MOST_DEBT;
        doublings = late ? doublings + (doublings < MOST_DOUBLINGS) : 0;
        last_end = end;
    }
    static void pay_off(double seconds) { debt = debt > seconds ? debt - seconds : 0; }

    /* Linux starts a woken thread on the CPU of the thread that woke it, in a virtual machine even if another CPU is
       idle. So the calling thread yields its CPU for a moment, in which the woken thread moves to another one. */
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
    void record_region(double begin, double end, double serial_time)
    void pay_off(double seconds)
    int this_cpu()
    void make_way()
    void leave_cpu(int cpu)


ctypedef void (*WorkItem)(const void *work, Py_ssize_t index, int thread) noexcept nogil

ctypedef struct Region:
    # the items next to last - 1, of which each thread takes the next one
    WorkItem item
    const void *work
    Py_ssize_t next, last
    int cpu  # the CPU of the calling thread
    double begin
    double least  # least time of an item in the calling thread, which other threads can have interrupted


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
    # not prange, which waits for all threads twice: at the end of the loop and of the region
    cdef Py_ssize_t items = region.last - region.next
    cdef double serial_time
    region.begin, region.least, region.cpu = seconds(), INFINITY, this_cpu()
    with parallel(num_threads=num_threads):
        take_items(region, threadid())
    serial_time = region.least * items if region.least < INFINITY else 0.0  # the calling thread got no item
    record_region(region.begin, seconds(), serial_time)


cdef int run_items(WorkItem item, const void *work, Py_ssize_t items, Py_ssize_t portion, int num_threads) except -1:
    # portion: number of items after which the time is read, see signals.pxi
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
                else:
                    begin = seconds() if is_indebted() else 0.0
                    for index in range(region.next, region.last):
                        item(work, index, 0)
                    if begin > 0.0:
                        pay_off(seconds() - begin)
                if region.last < items and is_due(&due):
                    break
        PyErr_CheckSignals()
    return 0


cdef int team_size(const Call *call, int num_threads) noexcept:
    # the number of threads to use: 1 for little work, in another library's parallel region and without OpenMP
    if not SMOOTHXENT_OPENMP or inside_region() or call.num_rows * call.num_classes < PARALLEL_ELEMENTS:
        return 1
    return num_threads


def is_in_debt():
    return is_indebted()
