"""The label-smoothed cross-entropy of each row of logits, in plain Cython.

Label smoothing eps mixes the target of a row, 1 at its label y, with the uniform distribution over its C classes
(Szegedy et al. 2016, arXiv:1512.00567, section 7). With log p_k = x_k - log sum_j exp(x_j) the loss, in nats, is

    L = (1 - eps) (-log p_y) + eps/C sum_k (-log p_k)

A confident row has a loss far below 1, whose digits are lost where log sum_j exp(x_j) is computed before x_y is
subtracted. So the label's term stays out of the sum of exp. With m the largest logit of the other classes,
d = m - x_y and S = sum over k != y of exp(x_k - m):

    rest     = log1p(S - 1 + exp(-d))  if d > 0, else  log1p(S exp(d))
    nll      = -log p_y                               = max(d, 0) + rest
    nll_of_m = -log p of a class whose logit is m     = nll - d = max(-d, 0) + rest
    L        = (1 - eps) nll + eps/C (nll + (C - 1) nll_of_m - sum over k != y of (x_k - m))

S includes the 1 of m itself, so S - 1 >= 0, and no term of L is negative: nothing cancels. A class that is masked with
-inf adds nothing to S; with eps > 0 it makes the loss inf.

The kernel (kernel.pxi) computes the same. It adds: registers of many lanes, with an exp of their own; one read of each
row instead of two; one long row over many threads; sums whose error does not grow with C; float16, bfloat16, strides,
weights, priors, probability labels, gradients, metrics; checks of shapes and labels; Ctrl-C and fork. The loss of a row
with a logit of +inf is nan in the kernel; here it may be any number.
"""

from cython cimport floating
from cython.parallel cimport prange
from libc.math cimport INFINITY, exp, fmax, log1p
from libc.stdint cimport int64_t


def cross_entropy(
    const floating[:, ::1] logits,  # IN, (N, C)
    const int64_t[::1] labels,  # IN, (N,), each in [0, C)
    double label_smoothing,  # IN, in [0, 1]
    double[::1] out,  # OUT, (N,)
    int num_threads,
):
    """Write the loss of each row into out."""
    cdef Py_ssize_t n
    for n in prange(logits.shape[0], nogil=True, schedule="static", num_threads=num_threads):
        out[n] = loss_of_row(&logits[n, 0], logits.shape[1], labels[n], label_smoothing)


cdef double loss_of_row(const floating *x, Py_ssize_t num_classes, Py_ssize_t label, double eps) noexcept nogil:
    cdef double m = -INFINITY, sum_exp = 0.0, sum_gaps = 0.0, label_logit = x[label], d, rest, nll, nll_of_m, loss
    cdef Py_ssize_t k
    for k in range(num_classes):
        if k != label and x[k] > m:
            m = x[k]
    if m == -INFINITY:  # no other class, or all of them masked
        m = label_logit
    for k in range(num_classes):
        if k != label:
            sum_exp += exp(x[k] - m)
            sum_gaps += x[k] - m
    d = m - label_logit
    rest = log1p(sum_exp - 1 + exp(-d) if d > 0 else sum_exp * exp(d))
    nll = fmax(d, 0) + rest
    nll_of_m = fmax(-d, 0) + rest
    loss = (1 - eps + eps / num_classes) * nll
    if eps > 0:  # else 0 * inf where a class is masked
        loss += eps / num_classes * ((num_classes - 1) * nll_of_m - sum_gaps)
    return loss
