/* calloc and malloc that fail when told to, and only where a build of the kernel asks: Python and NumPy run on.
   Preloaded by test_out_of_memory.py into a process whose C library is glibc. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

extern void *__libc_calloc(size_t, size_t);
extern void *__libc_malloc(size_t);

static int requests, failing, watching; /* the failing-th request of a kernel gets nothing; 0: none */

void fail_request(int nth) {
    requests = 0;
    failing = nth;
    watching = 1;
}

int requests_made(void) { return requests; }

static int fails(void *caller) {
    Dl_info found;
    if (!watching || !dladdr(caller, &found) || !strstr(found.dli_fname, "/_kernel/")) return 0;
    requests += 1;
    return requests == failing;
}

void *calloc(size_t count, size_t size) {
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *malloc(size_t size) { return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size); }
