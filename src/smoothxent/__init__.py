"""Label-smoothed softmax cross-entropy for NumPy arrays on the CPU, in one read of the logits."""

from smoothxent._arguments.bits import bits
from smoothxent._calibration.fit_temperature import fit_temperature
from smoothxent._calibration.fit_temperature_file import fit_temperature_file
from smoothxent._calibration.temperature import Temperature
from smoothxent._comparison.compare import compare
from smoothxent._comparison.comparison import Comparison
from smoothxent._evaluation.classes import ClassMetrics
from smoothxent._evaluation.evaluate import evaluate
from smoothxent._evaluation.evaluate_chunks import evaluate_chunks
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.groups import GroupMetrics
from smoothxent._files.compare_files import compare_files
from smoothxent._files.evaluate_file import evaluate_file
from smoothxent._kernel.builds import available_isas
from smoothxent._kernel.info import info
from smoothxent._linear.labelled_head import LinearGradients
from smoothxent._linear.linear_cross_entropy import (
    linear_cross_entropy,
    linear_cross_entropy_and_grad,
    linear_evaluate,
)
from smoothxent._linear.linear_row_statistics import linear_row_statistics
from smoothxent._loss.cross_entropy import cross_entropy, cross_entropy_and_grad
from smoothxent._loss.row_statistics import RowStatistics, row_statistics
from smoothxent._loss.smoothing import smooth_labels
from smoothxent._loss.softmax import log_softmax, log_sum_exp, softmax

__version__ = "1.0.0rc1"

__all__ = [
    "ClassMetrics",
    "Comparison",
    "Evaluation",
    "GroupMetrics",
    "LinearGradients",
    "RowStatistics",
    "Temperature",
    "__version__",
    "available_isas",
    "bits",
    "compare",
    "compare_files",
    "cross_entropy",
    "cross_entropy_and_grad",
    "evaluate",
    "evaluate_chunks",
    "evaluate_file",
    "fit_temperature",
    "fit_temperature_file",
    "info",
    "linear_cross_entropy",
    "linear_cross_entropy_and_grad",
    "linear_evaluate",
    "linear_row_statistics",
    "log_softmax",
    "log_sum_exp",
    "row_statistics",
    "smooth_labels",
    "softmax",
]
