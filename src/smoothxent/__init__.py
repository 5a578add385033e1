"""Label-smoothed softmax cross-entropy of NumPy arrays on the CPU, in one read of the logits."""

from smoothxent._compare import compare
from smoothxent._compare_files import compare_files
from smoothxent._comparison import Comparison
from smoothxent._dispatch import available_isas
from smoothxent._evaluate import evaluate
from smoothxent._evaluate_file import evaluate_file
from smoothxent._evaluation import Evaluation
from smoothxent._info import info
from smoothxent._labelled_head import LinearGradients
from smoothxent._linear import (
    linear_cross_entropy,
    linear_cross_entropy_and_grad,
    linear_evaluate,
)
from smoothxent._loss import cross_entropy, cross_entropy_and_grad
from smoothxent._smoothing import smooth_labels
from smoothxent._softmax import log_softmax, log_sum_exp, softmax
from smoothxent._statistics import RowStatistics, row_statistics

__version__ = "0.1.0"

__all__ = [
    "Comparison",
    "Evaluation",
    "LinearGradients",
    "RowStatistics",
    "__version__",
    "available_isas",
    "compare",
    "compare_files",
    "cross_entropy",
    "cross_entropy_and_grad",
    "evaluate",
    "evaluate_file",
    "info",
    "linear_cross_entropy",
    "linear_cross_entropy_and_grad",
    "linear_evaluate",
    "log_softmax",
    "log_sum_exp",
    "row_statistics",
    "smooth_labels",
    "softmax",
]
