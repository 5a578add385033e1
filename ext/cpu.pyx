# What the processor can run, asked once at import. __builtin_cpu_supports looks at the operating system's part too.

cdef extern from * nogil:
    """
    #if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    static int has_avx2(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    }
    static int has_avx512(void) {
        return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
            && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
    }
    static int has_neon(void) { return 0; }
    #elif defined(_M_X64)
    #include <windows.h>
    static int has_avx2(void) { return IsProcessorFeaturePresent(40); }
    static int has_avx512(void) { return IsProcessorFeaturePresent(41); }
    static int has_neon(void) { return 0; }
    #elif defined(__aarch64__)
    static int has_avx2(void) { return 0; }
    static int has_avx512(void) { return 0; }
    static int has_neon(void) { return 1; }
    #else
    static int has_avx2(void) { return 0; }
    static int has_avx512(void) { return 0; }
    static int has_neon(void) { return 0; }
    #endif
    """
    bint has_avx2()
    bint has_avx512()
    bint has_neon()


def supports(str isa):
    return {"portable": True, "avx2": has_avx2(), "avx512": has_avx512(), "neon": has_neon()}.get(isa, False)
