"""Child processes of all kinds of pools compute the same bits, and do not hang."""

import pytest

from quick import slow_but_first

# Few classes, and rows of so many that two threads share them: OMP_NUM_THREADS asks for two.
PRELUDE = """
import battery
WORK = [3, 20000]
expected = battery.digests(WORK)
"""
POOL = """
import multiprocessing, sys
with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
    assert pool.map(battery.digests, [WORK] * 4) == [expected] * 4
assert battery.digests(WORK) == expected
print("done")
"""
LOKY = """
from joblib import Parallel, delayed
found = Parallel(n_jobs=2, backend="loky")(delayed(battery.digests)(WORK) for _ in range(4))
assert found == [expected] * 4
assert battery.digests(WORK) == expected
print("done")
"""
LOADER = """
import sys, warnings
warnings.simplefilter("ignore")  # PyTorch's own
import torch

class Digests(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return battery.digests(WORK)

loader = torch.utils.data.DataLoader(
    Digests(), batch_size=None, num_workers=2, multiprocessing_context="fork")
for _ in range(2):  # the second epoch forks again, after parallel use
    assert list(loader) == [expected] * 4
assert battery.digests(WORK) == expected
print("done")
"""


@pytest.mark.fault("process-pools")
@pytest.mark.parametrize("method", slow_but_first(["fork", "spawn", "forkserver"]))
def test_pool_of_processes_computes_the_same_bits(run_child, method):
    source = PRELUDE + POOL
    if method == "fork":  # Python 3.12 warns of forks beside threads; here they have been let go
        source = "import warnings\nwarnings.simplefilter('ignore', DeprecationWarning)\n" + source
    assert run_child(source, method, OMP_NUM_THREADS="2") == "done\n"


@pytest.mark.fault("process-pools")
@pytest.mark.slow
def test_workers_of_joblib_compute_the_same_bits(run_child):
    pytest.importorskip("joblib")
    source = "import warnings\nwarnings.simplefilter('ignore')\n" + PRELUDE + LOKY
    assert run_child(source, OMP_NUM_THREADS="2") == "done\n"


@pytest.mark.fault("process-pools")
def test_workers_of_a_pytorch_data_loader_compute_the_same_bits(run_child):
    pytest.importorskip("torch")
    assert run_child(PRELUDE + LOADER, OMP_NUM_THREADS="2") == "done\n"
