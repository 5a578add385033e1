# The kernel: logits -> row statistics -> losses -> totals; included by one module per instruction set and dtype.
#
# Design
# a) One body. `stored`, `real`, `lanes` and `wide` are C typedefs that lanes.h fixes for a build: Cython sees names,
#    the compiler sees registers. Hence no fused types and no branch on dtype. The innermost loops are C (headers),
#    for what Cython cannot ask for: unrolling, and values that stay in registers.
# b) One read. A row is cut into tiles that live in L1; a tile gives maximum, sum of exp and sum of gaps in one
#    touch. Reference (the value subtracted before exp) lags: it comes from the first block and moves only when a
#    tile exceeds it by CEILING, which costs that tile a second sweep. See row_statistics.pxi. A row of one tile takes
#    it from both of its ends (rows.h), a row of few classes has the largest of all (columns.h).
# c) The label's own term is kept out of the sum of exp, and the reference comes from the other classes, so that
#    confident rows keep all digits: loss = log1p(sum of others / own term). See loss.pxi.
# d) Everything that leaves a tile is float64; sums over tiles are compensated; totals over rows are exact.
# e) A label is read once into a register, checked against num_classes, then used: no race can make it unsafe.
# f) Rows are independent, and a long row is always the sum of the same segments, so any split over threads gives the
#    same bits; num_threads == 1 enters no parallel region. See work.pxi.
#    A team that comes late is not called again until that is paid off. See team.pxi.
# g) No Python object is touched inside a region, nothing is raised there: the lowest bad row is recorded.

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport parallel, prange, threadid
from libc.math cimport INFINITY, NAN, fabs, isfinite
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
cimport numpy as cnp

cnp.import_array()

cdef extern from "measures.h" nogil:  # and what it includes
    ctypedef float stored  # float, double or uint16_t: lanes.h decides
    ctypedef float real  # float or double
    ctypedef struct lanes:
        pass
    ctypedef struct wide:
        pass
    ctypedef struct compensated:
        wide sum, error
    ctypedef struct Transform:
        real softcap, temperature
    ctypedef struct block:
        lanes v[4]
    ctypedef struct block_sums:
        lanes highest
        compensated exps
        wide wholes, remainders
        wide moments, squares
    ctypedef struct column_heads:
        lanes labels, label_logits, top
    enum:
        LANES
        LOW_PARTS
        QUAD
        AHEAD
        VECTORS
        STREAM_ALIGNMENT
    ctypedef struct Group:
        double *sum_exp
        double *scale
        double *offset
        double *centre
        double *gap_sum
        double *label_logit
        double *moment
        double *square
        double *highest
        int64_t *ranked
        double *rank
        double *target_sum
        double *label_target
        double *kept
        double *weight
        double *nll
        double *log_sum_exp
        double *own
        double *others
        double *label_part
        double *rest_part
        double *loss
        double *entropy
        double *confidence
        double *brier
        double *ranked_nll
        int64_t *label
        int64_t *by_top
        bint *improper
    ctypedef struct Scratch:
        stored *logits
        real *columns
        double *targets
        double *target_columns
        stored *spare
        char **starts
        bint improper
    enum:
        TILE
        FEW
        LINE
        CEILING
        IGNORED
        OUT_OF_RANGE
        LABEL_TAKEN_OUT
        LABEL_KEPT
        LABEL_TOP
        GAPS
        MOMENTS
    const double STEP, STEP_LOW, LOWEST_WHOLE, MOST_WHOLES, LARGE_LOGIT
    real real_of(stored)
    stored stored_of(real)
    lanes load(const real *)
    lanes narrow(const double *)
    void store(real *, lanes)
    lanes load_logits(const stored *)
    lanes load_logits_part(const stored *, int)
    void store_logits(stored *, lanes)
    void store_logits_part(stored *, lanes, int)
    void store_columns(stored **, Py_ssize_t, int, const lanes *)
    void stream(real *, lanes)
    void finish_streams()
    void prefetch(const stored *)
    void prefetch_to_write(const void *)
    lanes lane_numbers()
    lanes splat(real)
    lanes add(lanes, lanes)
    lanes sub(lanes, lanes)
    lanes mul(lanes, lanes)
    lanes maximum(lanes, lanes)
    lanes where_equal(lanes, lanes, lanes, lanes)
    real largest(lanes)
    block load_block(const stored *)
    block load_block_part(const stored *, Py_ssize_t, Py_ssize_t)
    block load_columns_block(const real *)
    void store_block(real *, block)
    lanes highest_of(block, lanes)
    real block_highest(const stored *, Py_ssize_t, Py_ssize_t)
    double reference_scale(double)
    lanes bias_of(double)
    void sum_row(block_sums *, const stored *, Py_ssize_t, Py_ssize_t, lanes, int)
    block with_labels(block, Py_ssize_t, lanes, lanes, lanes)
    void store_columns_block(stored **, Py_ssize_t, block)
    double bare_exp_sum(const real *, Py_ssize_t)
    real transform_logit(real, Transform)
    void transform_logits(stored *, const stored *, Py_ssize_t, Transform)
    lanes slopes(lanes, Transform)
    real slope_at(real, Transform)
    void times_slopes(real *, const stored *, Py_ssize_t, Transform)
    block scaled_exps(block, lanes, lanes, lanes, lanes)
    wide widen(lanes)
    wide wide_load(const double *)
    void wide_store(double *, wide)
    wide wide_splat(double)
    wide wide_sub(wide, wide)
    wide wide_fused(wide, wide, wide)
    wide where_nonzero(wide, wide)
    double wide_sum(wide)
    compensated compensated_add(compensated, wide)
    bint class_indices(int64_t *, const char *, int, uint64_t, bint, uint64_t)
    void keep_rows(Group *)
    double times_exp(double, double, double)
    double distance_to_reference(double, double, double, double *)
    void transform_columns(stored *, const char **, Py_ssize_t, bint, Py_ssize_t, Transform)
    bint columns_statistics(
        Group *, column_heads *, double *, const char **, Py_ssize_t, bint, Py_ssize_t, const char *, real *, int, int)
    bint short_rows_statistics(Group *, double *, const char **, Py_ssize_t, Py_ssize_t, Py_ssize_t, int)
    Py_ssize_t rank_of(const stored *, Py_ssize_t, Py_ssize_t, real, Py_ssize_t, Py_ssize_t)
    void rank_columns(Group *, const real *, Py_ssize_t, lanes, lanes)
    void group_measures(Group *, double)
    void measures_of_ranked(Group *, const double *)

cdef extern from "shares.h" nogil:
    ctypedef struct SecondSweep:
        double *constant
        double *target_scale
        double *own
        double *g
        double *bias
        double *factor
        double most
    void group_shares(Group *)
    void gradient_factors(const Group *, SecondSweep *, double, double, double)
    void softmax_factors(const Group *, SecondSweep *)
    void group_shares_and_losses(Group *, double, double, double)
    void certain_losses(Group *, const double *, Py_ssize_t)

cdef extern from "totals.h" nogil:
    ctypedef struct ExactSum:
        double *pieces
        double *small
        Py_ssize_t cut
        int64_t *limbs
        uint32_t terms
        double special
    ctypedef struct Bin:
        ExactSum confidence, weight, hit_weight
        Py_ssize_t *num_rows
    enum:
        PLACES
        LIMBS
        CUTS
        MOST_CUT
        HISTOGRAM
    bint add_in_pieces(ExactSum *, const Group *, const double *, const double *, double *)
    const double SMALL
    int cut_in_pieces(double *, const Group *, const double *, const double *, double *)
    void count_rows(double *, const Group *, double)
    void bins_of_rows(double *, const Group *, double)
    int add_to_bins(Bin *, const Group *, const double *, const double *, int)
    void split_squares(const Group *, double *, double *)
    void add_to_histogram(Py_ssize_t *, const Group *, const double *)

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
    static int most_threads(void) {
        int asked = omp_get_max_threads(), allowed = omp_get_thread_limit();
        return asked < allowed ? asked : allowed;
    }
    #else
    enum { SMOOTHXENT_OPENMP = 0 };
    static void release_threads(void) {}
    static int inside_region(void) { return 0; }
    static int most_threads(void) { return 1; }
    #endif
    /* The next piece of work that no thread of a region has taken. */
    static Py_ssize_t taken_next(Py_ssize_t *next) { return __atomic_fetch_add(next, 1, __ATOMIC_RELAXED); }
    #if defined(__linux__)
    #include <unistd.h>
    #endif
    static Py_ssize_t last_level_cache(void) {
        Py_ssize_t bytes = 0;
    #ifdef _SC_LEVEL3_CACHE_SIZE  /* glibc's */
        bytes = (Py_ssize_t)sysconf(_SC_LEVEL3_CACHE_SIZE);
    #endif
        return bytes > 0 ? bytes : 1 << 25;
    }
    """
    bint SMOOTHXENT_OPENMP
    void release_threads()
    bint inside_region()
    Py_ssize_t taken_next(Py_ssize_t *)
    Py_ssize_t last_level_cache()
    int most_threads()

cdef enum:
    SEGMENT = 16 * TILE  # classes: the unit of parallel work inside a row
    BLOCK = VECTORS * LANES  # classes whose vectors are in flight together
    CHUNK = 256  # rows handed to a thread at a time, fewer where rows are long
    CHUNK_ELEMENTS = 1 << 16
    ROWS_EACH = 4  # rows a thread must get at least, if not, long rows are cut into segments
    PIECES = 1024  # segments at a time
    CHUNKS_EACH = 4  # chunks a thread should get at least, so that all end at about the same time
    PARALLEL_ELEMENTS = 1 << 15  # below, a team costs more than it saves

OPENMP = bool(SMOOTHXENT_OPENMP)

# Asked for once, at import: it may trap in a virtual machine, and calls from many threads only read it.
cdef Py_ssize_t LAST_LEVEL_CACHE = last_level_cache()

include "arrays.pxi"
include "exact_sum.pxi"
include "compensated.pxi"
include "totals.pxi"
include "job.pxi"
include "group.pxi"
include "row_statistics.pxi"
include "loss.pxi"
include "measures.pxi"
include "second_sweep.pxi"
include "few_classes.pxi"
include "short_rows.pxi"
include "signals.pxi"
include "team.pxi"
include "work.pxi"
include "entry.pxi"
include "tally.pxi"
include "blocks.pxi"
include "limits.pxi"
