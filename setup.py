"""The compiled extension: a reference, and one kernel per instruction set and dtype.

All else is in pyproject.toml. The compiler is GCC or Clang: the kernels use their vectors and
built-in functions. Switches, in the environment:

SMOOTHXENT_OPENMP    0 builds without OpenMP, 1 fails where it is missing; a probe decides if unset
SMOOTHXENT_WERROR    1 makes warnings errors
SMOOTHXENT_SANITIZE  1 for address,undefined, or a list of sanitizers
SMOOTHXENT_COVERAGE  1 counts what runs
SMOOTHXENT_FUZZ      1 tells a fuzzer of every branch and comparison
SMOOTHXENT_JOBS      files compiled at a time; if unset as many as cores and memory allow, up to 4
SMOOTHXENT_KERNELS   the kernels to build, as avx2_float32, or none; all if unset

CFLAGS, which setuptools reads, adds flags of any kind.
"""

import os
import platform
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import numpy
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# instruction set -> flags of the compiler
INSTRUCTION_SETS = {
    "x86_64": {
        "portable": ["-DSMOOTHXENT_PORTABLE"],
        "avx2": ["-mavx2", "-mfma", "-mf16c"],
        "avx512": ["-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw", "-mfma", "-mf16c"],
    },
    # Registers come with every compiler for aarch64, so the portable build has to do without.
    "aarch64": {"portable": ["-DSMOOTHXENT_PORTABLE"], "neon": []},
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
DIRECTIVES = {
    "language_level": "3",
    "boundscheck": False,  # the kernel works on pointers; Python code validates shapes
    "wraparound": False,
    "cdivision": True,  # all divisors are sizes >= 1 or checked floats
    "initializedcheck": False,
    "freethreading_compatible": True,
}
PACKAGE = "smoothxent._kernel"  # of all compiled modules
PLAIN = ("cpu", "reference")  # modules without a header of ext/
KERNEL = "ext/kernel.pxi"  # of all kernels: a module of one line each includes it
MOST_JOBS = 4
MEMORY_OF_A_JOB = 600 << 20  # bytes
MEMORY_OF_A_SANITIZED_JOB = 1600 << 20
PROBE = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"


def flag(name: str) -> str:
    return os.environ.get(f"SMOOTHXENT_{name}", "")


def available_memory() -> float:
    """Bytes that no program uses and that the container, if there is one, allows."""
    found = [float("inf")]
    for path in ("/proc/meminfo", "/sys/fs/cgroup/memory.max"):
        try:
            text = Path(path).read_text()
        except OSError:
            continue
        number = re.search(r"^(?:MemAvailable: *(\d+) kB|(\d+)$)", text, re.MULTILINE)
        if number:
            found.append(int(number[1]) << 10 if number[1] else int(number[2]))
    return min(found)


def jobs() -> int:
    """How many compilers run at a time."""
    if wish := flag("JOBS"):
        return int(wish)
    each = MEMORY_OF_A_SANITIZED_JOB if flag("SANITIZE") else MEMORY_OF_A_JOB
    return int(max(1, min(MOST_JOBS, os.cpu_count() or 1, available_memory() // each)))


def module_of(kernel: Extension) -> str:
    """The file of one line that Cython translates for a kernel, written where it is missing.

    It comes into being whole: another build may want it at the same time.
    """
    path = Path("build", "kernels", f"{kernel.name.rpartition('.')[2]}.pyx")
    line = f'include "{Path(KERNEL).name}"\n'
    if not path.exists() or path.read_text() != line:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            file.write(line)
        Path(file.name).replace(path)
    return str(path)


class BuildKernels(build_ext):
    """Translates Cython to C, adds flags once the compiler is known, compiles in parallel.

    Only here: the other commands, which ask for metadata or for the list of sources, need no C.
    """

    def build_extensions(self) -> None:
        from Cython.Build import cythonize

        for extension in self.extensions:
            if extension.sources == [KERNEL]:
                extension.sources = [module_of(extension)]
        translated = cythonize(
            self.extensions,
            build_dir=f"build/c-{sys.implementation.cache_tag}-numpy-{numpy.__version__}",
            include_path=["ext"],
            compiler_directives=DIRECTIVES,
            force=bool(self.force),
            show_all_warnings=True,
        )
        sources = {extension.name: extension.sources for extension in translated}
        self.parallel = jobs()
        compile_args, link_args = self.common_flags()
        openmp = ["-fopenmp"] if self.wants_openmp() else []
        for extension in self.extensions:
            extension.sources = sources[extension.name]
            # Imported before OpenMP's runtime has its settings, so they must not load it.
            own = openmp * (not extension.name.endswith((".cpu", ".group_sums")))
            extension.extra_compile_args = [*compile_args, *extension.extra_compile_args, *own]
            extension.extra_link_args = [*link_args, *own]
        super().build_extensions()

    @staticmethod
    def common_flags() -> tuple[list[str], list[str]]:
        # No contraction: every fma is written out. The next two only let loops vectorise: no result
        # depends on errno or on traps. Python's own -g takes a quarter of the time of a build.
        flags = ["-std=gnu11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
        flags += ["-g0"]
        flags += ["-Wall", "-Wextra", *QUIET] + ["-Werror"] * (flag("WERROR") == "1")
        link: list[str] = []
        if sanitizers := flag("SANITIZE"):
            sanitizers = "address,undefined" if sanitizers == "1" else sanitizers
            extra = [f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", "-g1", "-O1"]
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
    isas = INSTRUCTION_SETS.get(MACHINE, {"portable": []})
    wish = flag("KERNELS").split()
    if unknown := set(wish) - {f"{isa}_{dtype}" for isa in isas for dtype in DTYPES} - {"none"}:
        raise SystemExit(f"SMOOTHXENT_KERNELS has unknown kernels: {', '.join(sorted(unknown))}")
    parts = [
        str(path) for ending in ("h", "pxi") for path in sorted(Path("ext").rglob(f"*.{ending}"))
    ]
    macros = [("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")]
    plain = [Extension(f"{PACKAGE}.{name}", [f"ext/{name}.pyx"]) for name in PLAIN]
    group_sums = Extension(
        f"{PACKAGE}.group_sums",
        ["ext/group_sums.pyx"],
        depends=["ext/totals/digits.h"],
        include_dirs=["ext"],
    )
    return [*plain, group_sums] + [
        Extension(
            f"{PACKAGE}.{isa}_{dtype}",
            [KERNEL],
            depends=parts,
            include_dirs=["ext", numpy.get_include()],
            define_macros=[*macros, *own],
            extra_compile_args=flags,
        )
        for isa, flags in isas.items()
        for dtype, own in DTYPES.items()
        if not wish or f"{isa}_{dtype}" in wish
    ]


def readme() -> str:
    """README.md for a package index, where paths of the repository lead nowhere.

    Links to files become addresses, if [project.urls] has a Source, or else plain text. Pictures
    are left out.
    """
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    source = project.get("urls", {}).get("Source")
    text = Path("README.md").read_text(encoding="utf-8")
    text = re.sub(r"^!\[[^]]*\]\((?!https:)[^)]*\)\n\n", "", text, flags=re.MULTILINE)
    link = rf"[\1]({source}/blob/main/\2)" if source else r"\1"
    return re.sub(r"\[([^]]*)\]\((?!https:)([^)]*)\)", link, text)


setup(
    ext_modules=kernels(),
    cmdclass={"build_ext": BuildKernels},
    long_description=readme(),
    long_description_content_type="text/markdown",
)
