/* counters.c: what GCC's -fsanitize-coverage=trace-pc calls at every branch, as the counters that libFuzzer reads.
 *
 * libFuzzer, which atheris brings along, knows Clang's counters and tables of places, one for each branch. Here a
 * branch is its address, hashed: few of those that share a counter are lost. Loaded before the kernels and libFuzzer,
 * with symbols for all.
 */
#include <stdint.h>

enum { BITS = 16, COUNTERS = 1 << BITS };

static uint8_t counters[COUNTERS];
static uintptr_t places[COUNTERS][2]; /* address and flags; libFuzzer wants one for each counter */

void __sanitizer_cov_trace_pc(void) {
    uint64_t address = (uintptr_t)__builtin_return_address(0);
    counters[address * 0x9e3779b97f4a7c15 >> (64 - BITS)]++; /* threads may lose a count, never a place */
}

/* GCC tells of comparisons of floats too, libFuzzer learns from those of integers alone. */
void __sanitizer_cov_trace_cmpf(float a, float b) { (void)a, (void)b; }
void __sanitizer_cov_trace_cmpd(double a, double b) { (void)a, (void)b; }

/* Hands the counters over; the two functions are libFuzzer's. */
void watch(void (*take_counters)(uint8_t *, uint8_t *), void (*take_places)(uintptr_t *, uintptr_t *)) {
    for (uintptr_t i = 0; i < COUNTERS; i++) places[i][0] = i + 1;
    take_counters(counters, counters + COUNTERS);
    take_places(places[0], places[COUNTERS]);
}

int reached(void) { /* since libFuzzer last cleared them */
    int count = 0;
    for (int i = 0; i < COUNTERS; i++) count += counters[i] != 0;
    return count;
}
