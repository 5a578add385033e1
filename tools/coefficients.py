"""Reproduce the polynomials of exp.h, exp_log.h and pairs.h, and the powers of registers.h.

Run with `python tools/coefficients.py`; needs mpmath.
Each function is fitted by Lawson's iteratively reweighted least squares, which converges to the
minimax polynomial of the weighted error, in 60 digits. Coefficients are then rounded one by one,
lowest degree first, and the rest are fitted again, so that later ones make up for the rounding of
earlier ones.
"""

from collections.abc import Callable

import mpmath as mp

mp.mp.dps = 60
Function = Callable[[mp.mpf], mp.mpf]


def rounded(value: mp.mpf, bits: int) -> mp.mpf:
    """The nearest number of `bits` significant bits."""
    with mp.workprec(bits):
        return +value


def chebyshev_nodes(low: mp.mpf, high: mp.mpf, count: int) -> list[mp.mpf]:
    middle, radius = (low + high) / 2, (high - low) / 2
    return [middle + radius * mp.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)]


def fit(target: Function, weight: Function, powers: list[int], nodes: list[mp.mpf]) -> list[mp.mpf]:
    """Coefficients of `powers` that minimise the largest weight * |polynomial - target|."""
    influence = [mp.mpf(1)] * len(nodes)
    solution = mp.matrix(len(powers), 1)
    for _ in range(30):
        rows = mp.matrix(len(nodes), len(powers))
        right = mp.matrix(len(nodes), 1)
        for i, x in enumerate(nodes):
            scale = weight(x) * mp.sqrt(influence[i])
            right[i] = scale * target(x)
            for j, power in enumerate(powers):
                rows[i, j] = scale * x**power
        solution = mp.lu_solve(rows, right)
        errors = []
        for x in nodes:
            value = mp.fsum(solution[j] * x**power for j, power in enumerate(powers))
            errors.append(abs(value - target(x)) * weight(x))
        influence = [w * e for w, e in zip(influence, errors, strict=True)]
        total = mp.fsum(influence)
        influence = [w / total * len(nodes) for w in influence]
    return list(solution)


def rounded_fit(
    target: Function, weight: Function, degree: int, low: mp.mpf, high: mp.mpf, bits: int
) -> tuple[list[mp.mpf], mp.mpf]:
    """Coefficients of `bits` bits, lowest degree first, and their largest weighted error."""
    nodes = chebyshev_nodes(low, high, 6 * (degree + 2))
    fixed: list[mp.mpf] = []
    for power in range(degree + 1):
        done = list(fixed)

        def rest(x: mp.mpf, done: list[mp.mpf] = done) -> mp.mpf:
            return target(x) - mp.fsum(c * x**i for i, c in enumerate(done))

        free = fit(rest, weight, list(range(power, degree + 1)), nodes)
        fixed.append(rounded(free[0], bits))
    worst = max(
        abs(mp.fsum(c * x**i for i, c in enumerate(fixed)) - target(x)) * weight(x)
        for x in chebyshev_nodes(low, high, 2000)
    )
    return fixed, worst


def report(name: str, coefficients: list[mp.mpf], worst: mp.mpf, digits: int) -> None:
    print(f"{name}: largest relative error {mp.nstr(worst, 3)}")
    for power, value in enumerate(coefficients):
        print(f"    x**{power:<2}  {float(value).hex():>24}  {mp.nstr(value, digits)}")


def main() -> None:
    # exp(r) = 1 + r q(r) on the reduced range |r| <= ln(2) / 2, a little wider for r's rounding.
    half = mp.log(2) / 2 * (1 + mp.mpf(2) ** -20)

    def q(r: mp.mpf) -> mp.mpf:
        return mp.expm1(r) / r if r else mp.mpf(1)

    def q_weight(r: mp.mpf) -> mp.mpf:
        return abs(r) / mp.exp(r)

    report("exp, float64", *rounded_fit(q, q_weight, 10, -half, half, 53), digits=18)
    report("exp, for float32", *rounded_fit(q, q_weight, 6, -half, half, 53), digits=18)

    # log((1 + s) / (1 - s)) = 2 s + s z R(z), z = s**2; (1 + s) / (1 - s) in [sqrt(1/2), sqrt(2)].
    top = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * (1 + mp.mpf(2) ** -20)

    def series(z: mp.mpf) -> mp.mpf:
        s = mp.sqrt(z)
        return (2 * mp.atanh(s) - 2 * s) / (s * z) if z > mp.mpf(10) ** -20 else mp.mpf(2) / 3

    for name, degree in (("log, float64", 6), ("log, for float32", 3)):
        fitted = rounded_fit(series, lambda z: z / 2, degree, mp.mpf(0), top, 53)
        report(name, *fitted, digits=18)

    # exp in steps of ln(2) / 8: for each logit, and for pairs, as (exp(r) - 1 - r) / r**2.
    eighth = mp.log(2) / 16 * (1 + mp.mpf(2) ** -18)
    report("exp by steps", *rounded_fit(q, q_weight, 2, -eighth, eighth, 24), digits=10)

    def square(r: mp.mpf) -> mp.mpf:
        return (mp.expm1(r) - r) / r**2 if abs(r) > mp.mpf(10) ** -12 else mp.mpf(1) / 2 + r / 6

    fitted = rounded_fit(square, lambda r: r * r / mp.exp(r), 2, -eighth, eighth, 24)
    report("exp of pairs", *fitted, digits=10)
    fitted = rounded_fit(series, lambda z: z / 2, 2, mp.mpf(0), top, 24)
    report("log of pairs", *fitted, digits=10)
    print("powers of 2**(1/8), and their relative errors:")
    for j in range(8):
        power = rounded(mp.mpf(2) ** (mp.mpf(j) / 8), 24)
        error = rounded((mp.mpf(2) ** (mp.mpf(j) / 8) - power) / power, 24)
        print(f"    {j}  {float(power).hex()}  {float(error).hex()}")


if __name__ == "__main__":
    main()
