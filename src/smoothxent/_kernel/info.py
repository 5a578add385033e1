"""The instruction set, threads and OpenMP runtime that calls use on this machine."""

from pathlib import Path
from pkgutil import iter_modules
from typing import TypedDict

from smoothxent._kernel import builds
from smoothxent._kernel.threads import default_num_threads


class Info(TypedDict):
    """The facts that `info` returns."""

    available_isas: tuple[str, ...]
    isa: str
    num_threads: int
    openmp: bool
    openmp_runtime: str
    openmp_loaded_by: str
    wait_policy: str
    dtypes: tuple[str, ...]


def info() -> Info:
    """Return the settings that calls use on this machine, for bug reports and benchmarks.

    Returns
    -------
    dict
        available_isas : the instruction sets that this CPU can run; isa : the instruction set in
        use; num_threads : the default number of threads; openmp : whether the kernel was built with
        OpenMP; openmp_runtime : the file of the OpenMP runtime; openmp_loaded_by : "smoothxent", or
        "another package" that was imported before; wait_policy : how long an idle thread spins
        before it sleeps, or the environment variables by which the user has set this; dtypes : the
        dtypes of logits that the kernel was built for. The three texts about the runtime are empty
        without OpenMP.

    Examples
    --------
    >>> import smoothxent
    >>> smoothxent.info()["isa"] in smoothxent.available_isas()
    True
    """
    start = f"{builds.ISA}_"
    runtime = builds.RUNTIME
    loaded_by = "smoothxent" if runtime.is_ours else "another package"
    names = [module.name for module in iter_modules([str(Path(__file__).parent)])]
    return Info(
        available_isas=builds.available_isas(),
        isa=builds.ISA,
        num_threads=default_num_threads(),
        openmp=builds.kernel("float32").OPENMP,
        openmp_runtime=runtime.path,
        openmp_loaded_by=loaded_by if runtime.path else "",
        wait_policy=runtime.wait_policy,
        dtypes=tuple(sorted(n.removeprefix(start) for n in names if n.startswith(start))),
    )
