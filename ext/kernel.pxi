# The kernel: logits -> row statistics -> losses -> totals; included by one module per instruction set and dtype.
#
# Design
# a) One body. `real`, `lanes` and `wide` are C typedefs that lanes.h fixes for a build: Cython sees names, the
#    compiler sees registers. Hence no fused types and no branch on dtype.
# b) One read. A row is cut into tiles that live in L1; a tile gives maximum, sum of exp and sum of gaps in one
#    touch. Reference (the value subtracted before exp) lags: it comes from the first block and moves only when a
#    tile exceeds it by CEILING, which costs that tile a second sweep. See row_statistics.pxi.
# c) The label's own term is kept out of the sum of exp, and the reference comes from the other classes, so that
#    confident rows keep all digits: loss = log1p(sum of others / own term). See loss.pxi.
# d) Everything that leaves a tile is float64; sums over tiles are compensated; totals over rows are exact.
# e) A label is read once into a register, checked against num_classes, then used: no race can make it unsafe.
# f) Rows are independent, so any split over threads gives the same bits; num_threads == 1 enters no parallel region.
# g) No Python object is touched inside a region, nothing is raised there: the lowest bad row is recorded.

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid
from libc.math cimport INFINITY, NAN, fabs, fma, frexp, isfinite, ldexp
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
cimport numpy as cnp

cnp.import_array()

cdef extern from "lanes.h" nogil:
    ctypedef float real  # float or double: lanes.h decides
    ctypedef struct lanes:
        pass
    ctypedef struct wide:
        pass
    ctypedef struct compensated:
        wide sum, error
    ctypedef struct exp_parts:
        lanes power, rest, ratio
    enum:
        LANES
        STEP
    const double MAGIC, EXPONENT_BIAS, LN2_ERROR, LOG2_E, LN2, LN2_LOW
    lanes load(const real *)
    void store(real *, lanes)
    void prefetch(const real *)
    lanes splat(real)
    lanes add(lanes, lanes)
    lanes sub(lanes, lanes)
    lanes mul(lanes, lanes)
    lanes maximum(lanes, lanes)
    lanes minimum(lanes, lanes)
    lanes fused(lanes, lanes, lanes)
    real largest(lanes)
    exp_parts exp_lanes(lanes, lanes)
    wide widen(lanes)
    wide wide_load(const double *)
    wide wide_load_real(const real *)
    void wide_store(double *, wide)
    wide wide_splat(double)
    wide wide_add(wide, wide)
    wide wide_sub(wide, wide)
    wide wide_fused(wide, wide, wide)
    wide where_nonzero(wide, wide)
    double wide_sum(wide)
    compensated compensated_add(compensated, wide)
    compensated accumulate(compensated, wide)
    double rounded(double)
    double power_of_two(double)
    double times_exp(double, double, double)
    double log_of_sum(double, double)

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
    static int most_threads(void) { return omp_get_max_threads(); }
    #else
    enum { SMOOTHXENT_OPENMP = 0 };
    static void release_threads(void) {}
    static int inside_region(void) { return 0; }
    static int most_threads(void) { return 1; }
    #endif
    """
    bint SMOOTHXENT_OPENMP
    void release_threads()
    bint inside_region()
    int most_threads()

cdef enum:
    TILE = 1024  # classes: 4 kB of float32, 8 kB of float64
    AHEAD = 1024  # classes by which memory is asked for early: hardware stops at the end of each page
    VECTORS = 4  # of a block, a multiple of STEP
    BLOCK = VECTORS * LANES  # classes that are copied around a label
    FEW = 128  # classes up to which a row takes one lane
    CHUNK = 256  # rows handed to a thread at a time, fewer where rows are long
    CHUNK_ELEMENTS = 1 << 16
    CHUNKS_EACH = 4  # chunks a thread should get at least, so that all end at about the same time
    PARALLEL_ELEMENTS = 1 << 15  # below, a team costs more than it saves
    PORTION_ELEMENTS = 1 << 28  # between two looks at pending signals: below half a second on one slow core

OPENMP = bool(SMOOTHXENT_OPENMP)
UNIT_EXPONENT = -1074

include "arrays.pxi"
include "exact_sum.pxi"
include "compensated.pxi"
include "job.pxi"
include "group.pxi"
include "row_statistics.pxi"
include "few_classes.pxi"
include "loss.pxi"
include "second_sweep.pxi"
include "work.pxi"
include "entry.pxi"
include "limits.pxi"
