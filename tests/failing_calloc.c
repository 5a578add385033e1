/* calloc that fails when told to, and only where a build of the kernel asks: Python and NumPy run on.
   Preloaded by test_out_of_memory.py into a process whose C library is glibc. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

extern void *__libc_calloc(size_t, size_t);

static int requests, failing; /* the failing-th request of a kernel gets nothing; 0: none */

void fail_request(int nth) {
    requests = 0;
    failing = nth;
}

int requests_made(void) { return requests; }

void *calloc(size_t count, size_t size) {
    Dl_info caller;
    if (dladdr(__builtin_return_address(0), &caller) && strstr(caller.dli_fname, "/_kernel_")) {
        requests += 1;
        if (requests == failing) return NULL;
    }
    return __libc_calloc(count, size);
}
