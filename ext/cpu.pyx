# The instruction sets that the processor and the operating system support; Python asks once, at import.
# __builtin_cpu_supports checks both. Clang's lacks f16c before version 18, so that is read from the processor directly.

cdef extern from * nogil:
    """
    #if defined(__x86_64__)
    #include <cpuid.h>
    static int has_f16c(void) {
        unsigned int a, b, c, d;
        return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
    }
    static int has_avx2(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    }
    static int has_avx512(void) {
        return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
            && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
    }
    #else
    static int has_avx2(void) { return 0; }
    static int has_avx512(void) { return 0; }
    #endif
    #if defined(__aarch64__)
    static int has_neon(void) { return 1; }
    #else
    static int has_neon(void) { return 0; }
    #endif
    """
    bint has_avx2()
    bint has_avx512()
    bint has_neon()


def supports(str isa):
    return {"portable": True, "avx2": has_avx2(), "avx512": has_avx512(), "neon": has_neon()}.get(isa, False)
