"""Distances of the vectors in the tests of `src/metrics/drawing.rs`, by numpy and scipy.

    python reports/tests/golden/drawing.py

prints the rows, the Fréchet distance (covariances by numpy.cov, the root by scipy.linalg.sqrtm) and the kernel distance. Needs numpy and
scipy.
"""

import numpy as np
from scipy import linalg


def main():
    random = np.random.default_rng(3)
    drawn = np.round(random.normal(size=(5, 3)), 2)
    real = np.round(random.normal(size=(5, 3)) * [1, 2, 0.5] + [0.3, 0, -0.2], 2)
    drawn, real = (rows.astype(np.float32).astype(float) for rows in (drawn, real))
    one, other = np.cov(drawn, rowvar=False), np.cov(real, rowvar=False)
    apart = ((drawn.mean(0) - real.mean(0)) ** 2).sum()
    frechet = apart + np.trace(one + other - 2 * linalg.sqrtm(one @ other).real)
    kernel = lambda x, y: (x @ y.T / x.shape[1] + 1) ** 3
    within = lambda x: (kernel(x, x).sum() - np.trace(kernel(x, x))) / (len(x) * (len(x) - 1))
    print(np.round(drawn, 2).tolist(), np.round(real, 2).tolist(), sep="\n")
    print(float(frechet), float(within(drawn) + within(real) - 2 * kernel(drawn, real).mean()), sep="\n")


main()
