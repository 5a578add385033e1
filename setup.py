"""The compiled extension: one build of the kernel per instruction set and dtype.

All else is in pyproject.toml. Switches, in the environment:

SMOOTHXENT_OPENMP    0 builds without OpenMP, 1 fails where it is missing; a probe decides if unset
SMOOTHXENT_WERROR    1 makes warnings errors
SMOOTHXENT_SANITIZE  1 for address,undefined, or a list of sanitizers
SMOOTHXENT_COVERAGE  1 counts what runs
SMOOTHXENT_FUZZ      1 tells a fuzzer of every branch and comparison
SMOOTHXENT_JOBS      files compiled at a time; all cores if unset
SMOOTHXENT_KERNELS   the kernels to build, as avx2_float32, or none; all if unset
"""

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# instruction set -> (flags of GCC and Clang, flags of MSVC)
INSTRUCTION_SETS = {
    "x86_64": {
        "portable": (["-DSMOOTHXENT_PORTABLE"], ["/DSMOOTHXENT_PORTABLE"]),
        "avx2": (["-mavx2", "-mfma", "-mf16c"], ["/arch:AVX2"]),
        "avx512": (
            ["-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw", "-mfma", "-mf16c"],
            ["/arch:AVX512"],
        ),
    },
    # Registers come with every compiler for aarch64, so the portable build has to do without.
    "aarch64": {
        "portable": (["-DSMOOTHXENT_PORTABLE"], ["/DSMOOTHXENT_PORTABLE"]),
        "neon": ([], []),
    },
}
MACHINE = platform.machine().lower()
MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}.get(MACHINE, MACHINE)
DTYPES = {
    dtype: [(f"SMOOTHXENT_{dtype.upper()}", "1")]
    for dtype in ("float32", "float64", "float16", "bfloat16")
}
# Warnings that Cython's own C raises, not ours.
QUIET = [
    "-Wno-unused-parameter",
    "-Wno-unused-function",
    "-Wno-sign-compare",
    "-Wno-missing-field-initializers",
]
PROBE = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"


def flag(name: str) -> str:
    return os.environ.get(f"SMOOTHXENT_{name}", "")


class BuildKernels(build_ext):
    """Adds flags once the compiler is known; compiles in parallel."""

    def build_extensions(self) -> None:
        self.parallel = int(flag("JOBS") or os.cpu_count() or 1)
        msvc = self.compiler.compiler_type == "msvc"
        compile_args, link_args = self.common_flags(msvc)
        openmp = ["/openmp" if msvc else "-fopenmp"] if self.wants_openmp() else []
        for extension in self.extensions:
            is_kernel = "._kernel_" in extension.name  # the others must not load OpenMP's runtime
            isa = extension.name.split("_")[-2]
            own = INSTRUCTION_SETS.get(MACHINE, {}).get(isa, ([], []))[msvc]
            extension.extra_compile_args = [*compile_args, *own, *openmp * is_kernel]
            extension.extra_link_args = [*link_args, *openmp * (is_kernel and not msvc)]
        super().build_extensions()

    @staticmethod
    def common_flags(msvc: bool) -> tuple[list[str], list[str]]:
        if msvc:
            return ["/O2", "/fp:strict", "/std:c11"], []
        # No contraction: every fma is written out. The next two only let loops vectorise: no result
        # depends on errno or on traps. Python's own -g takes a quarter of the time of a build.
        flags = ["-std=gnu11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
        flags += ["-g0"]
        flags += ["-Wall", "-Wextra", *QUIET] + ["-Werror"] * bool(flag("WERROR"))
        link: list[str] = []
        if sanitizers := flag("SANITIZE"):
            sanitizers = "address,undefined" if sanitizers == "1" else sanitizers
            extra = [f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", "-g", "-O1"]
            flags, link = flags + extra + ["-fno-omit-frame-pointer"], link + extra
        if flag("FUZZ"):
            flags += ["-fsanitize-coverage=trace-pc,trace-cmp", "-O1"]
        if flag("COVERAGE"):
            flags, link = [*flags, "--coverage", "-O0"], [*link, "--coverage"]
        return flags, link

    def wants_openmp(self) -> bool:
        """What SMOOTHXENT_OPENMP says, else whether a program that uses OpenMP compiles and links.

        Never by default on macOS: two OpenMP runtimes in one process crash there.
        """
        wish = flag("OPENMP")
        if wish == "0" or (sys.platform == "darwin" and wish != "1"):
            return False
        if self.compiler.compiler_type == "msvc":
            return True
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.c")
            source.write_text(PROBE)
            command = [*self.compiler.compiler_so, "-fopenmp", str(source)]
            command += ["-o", str(Path(folder, "probe"))]
            found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.returncode and wish == "1":
            raise SystemExit(f"SMOOTHXENT_OPENMP=1, but -fopenmp does not build:\n{found.stderr}")
        if found.returncode:
            print("smoothxent: no OpenMP found; building for one thread", file=sys.stderr)
        return not found.returncode


def kernels() -> list[Extension]:
    headers = [
        str(path) for ending in ("h", "pxi") for path in sorted(Path("ext").glob(f"*.{ending}"))
    ]
    macros = [("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")]
    plain = [Extension(f"smoothxent._{name}", [f"ext/{name}.pyx"]) for name in ("cpu", "openmp")]
    return plain + [
        Extension(
            f"smoothxent._kernel_{isa}_{dtype}",
            [f"ext/kernel_{isa}_{dtype}.pyx"],
            depends=headers,
            include_dirs=["ext", numpy.get_include()],
            define_macros=[*macros, *own],
        )
        for isa in INSTRUCTION_SETS.get(MACHINE, {"portable": ([], [])})
        for dtype, own in DTYPES.items()
        if f"{isa}_{dtype}" in (flag("KERNELS").split() or [f"{isa}_{dtype}"])
    ]


setup(
    ext_modules=cythonize(
        kernels(),
        build_dir=f"build/cython-{sys.implementation.cache_tag}-numpy-{numpy.__version__}",
        compiler_directives={
            "language_level": "3",
            "boundscheck": False,  # the kernel works on pointers; Python code validates shapes
            "wraparound": False,
            "cdivision": True,  # all divisors are sizes >= 1 or checked floats
            "initializedcheck": False,
            "freethreading_compatible": True,
        },
        show_all_warnings=True,
    ),
    cmdclass={"build_ext": BuildKernels},
)
