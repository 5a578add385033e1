# Loads the OpenMP runtime with settings of our own. This module is built without OpenMP, as it is imported before the
# runtime is loaded.
#
# A runtime reads once, when it is loaded, how long its idle threads spin before they sleep. `load` loads a kernel, and
# the runtime with it, while `environ` points to a copy of the environment that has some settings added. The process's
# own list of variables is not changed, and Python's lock keeps other Python threads from seeing the copy.

from cpython.ref cimport Py_INCREF
from libc.stdlib cimport calloc, free
from os import fsdecode

cdef extern from *:
    """
    #include <dlfcn.h>
    #include <stdlib.h>
    #include <string.h>
    #include <time.h>

    extern char **environ;

    static size_t length_of_name(const char *setting) { return (size_t)(strchr(setting, '=') - setting); }

    static int is_among(const char *variable, char *const *settings, size_t count) {
        for (size_t i = 0; i < count; i++)
            if (!strncmp(variable, settings[i], length_of_name(settings[i]) + 1)) return 1;
        return 0;
    }

    /* Whether our list is unchanged: the settings, then the variables of `theirs` whose names no setting has. */
    static int is_untouched(char *const *ours, char *const *theirs, char *const *settings, size_t count) {
        if (environ != ours) return 0;
        ours += count;
        for (; theirs && *theirs; theirs++)
            if (!is_among(*theirs, settings, count) && *ours++ != *theirs) return 0;
        return !*ours;
    }

    /* Returns the path of the runtime that this kernel uses, or "". The new list is never freed, as another thread may
       still read it. settings: "NAME=VALUE", which must never be freed either. */
    static const char *load_with(const char *kernel, char *const *settings, size_t count) {
        char **theirs = environ;
        size_t size = 0, kept = count;
        while (theirs && theirs[size]) size++;
        char **ours = malloc((size + count + 1) * sizeof *ours);
        if (!ours) return "";
        memcpy(ours, settings, count * sizeof *ours);
        for (size_t i = 0; i < size; i++)
            if (!is_among(theirs[i], settings, count)) ours[kept++] = theirs[i];
        ours[kept] = NULL;
        environ = ours;
        void *handle = dlopen(kernel, RTLD_NOW);
        /* Found as the kernel's own calls find it: in all libraries, else in those that the kernel depends on. */
        void *function = handle ? dlsym(RTLD_DEFAULT, "omp_get_max_threads") : NULL;
        if (handle && !function) function = dlsym(handle, "omp_get_max_threads");
        if (function) ((int (*)(void))function)(); /* LLVM's runtime reads the environment at its first call */
        if (is_untouched(ours, theirs, settings, count)) {
            environ = theirs;
        } else { /* another thread has meanwhile set a variable, in our list or in a copy of it: keep that list */
            for (size_t i = 0; i < count; i++) {
                char *name = strndup(settings[i], length_of_name(settings[i]));
                if (name) unsetenv(name);
                free(name);
            }
        }
        Dl_info place;
        return function && dladdr(function, &place) ? place.dli_fname : "";
    }

    /* Calls `add` with the path of each loaded library. */
    #if defined(__linux__)
    #include <link.h>
    typedef struct { void (*add)(const char *, void *); void *paths; } visit;
    static int visit_library(struct dl_phdr_info *library, size_t size, void *data) {
        (void)size;
        ((visit *)data)->add(library->dlpi_name, ((visit *)data)->paths);
        return 0;
    }
    static void each_library(void (*add)(const char *, void *), void *paths) {
        visit each = {add, paths};
        dl_iterate_phdr(visit_library, &each);
    }
    #else
    static void each_library(void (*add)(const char *, void *), void *paths) { (void)add; (void)paths; }
    #endif

    /* Seconds for one turn of the loop in which threads of GCC's runtime wait: the least of a few trials, as a trial
       may be interrupted. */
    enum { TRIALS = 5, TURNS = 500 };
    static double seconds_of_a_turn(void) {
        struct timespec start, stop;
        double least = 1.0;
        int flag = 0;
        for (int trial = 0; trial < TRIALS; trial++) {
            clock_gettime(CLOCK_MONOTONIC, &start);
            for (int turn = 0; turn < TURNS && !__atomic_load_n(&flag, __ATOMIC_RELAXED); turn++) {
    #if defined(__x86_64__)
                __builtin_ia32_pause();
    #else
                __asm__ volatile("" ::: "memory");
    #endif
            }
            clock_gettime(CLOCK_MONOTONIC, &stop);
            double took = (double)(stop.tv_sec - start.tv_sec) + 1e-9 * (double)(stop.tv_nsec - start.tv_nsec);
            least = took < least ? took : least;
        }
        return least / TURNS;
    }
    """
    const char *load_with(const char *kernel, char **settings, size_t count)
    void each_library(void (*add)(const char *, void *) noexcept, void *paths)
    double seconds_of_a_turn()


def load(bytes kernel, list settings):
    """Load the kernel in this file; return the path of the OpenMP runtime that it uses, "" if it uses none."""
    cdef size_t i, count = len(settings)
    cdef bytes setting
    cdef char **variables = <char **> calloc(count + 1, sizeof(char *))
    if variables == NULL:
        raise MemoryError
    for i in range(count):
        setting = settings[i]
        Py_INCREF(setting)  # never freed
        variables[i] = setting
    path = load_with(kernel, variables, count)
    free(variables)
    return fsdecode(path)


cdef void add_path(const char *path, void *paths) noexcept:
    (<set> paths).add(fsdecode(path))


def libraries():
    """Return the paths of all libraries of this process."""
    paths = set()
    each_library(add_path, <void *> paths)
    return paths


def turns_in(double seconds):
    """Return how many turns of its waiting loop GCC's runtime makes in this time."""
    return max(1, <int> (seconds / seconds_of_a_turn()))
