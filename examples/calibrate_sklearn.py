"""Calibrate a classifier of scikit-learn in two ways: `python examples/calibrate_sklearn.py`.

Naive Bayes is overconfident on images, whose pixels are far from independent. A fitted temperature
corrects it with one number. scikit-learn's isotonic regression fits a curve for each class; it can
give a class the probability 0, and then a row of this class has an infinite loss.
"""

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB

from smoothxent import evaluate, fit_temperature


def main():
    images, digits = load_digits(return_X_y=True)
    train_images, rest_images, train_digits, rest_digits = train_test_split(
        images, digits, train_size=600, random_state=0
    )
    held_out_images, test_images, held_out_digits, test_digits = train_test_split(
        rest_images, rest_digits, train_size=400, random_state=0
    )
    classifier = GaussianNB(var_smoothing=1e-2).fit(train_images, train_digits)

    # Any scores that a softmax turns into the probabilities are logits.
    logits = classifier.predict_joint_log_proba(held_out_images)
    fitted = fit_temperature(logits, held_out_digits)
    print(fitted)

    isotonic = CalibratedClassifierCV(FrozenEstimator(classifier), method="isotonic")
    isotonic.fit(held_out_images, held_out_digits)
    with np.errstate(divide="ignore"):  # isotonic regression has probabilities of 0
        isotonic_logits = np.log(isotonic.predict_proba(test_images))

    logits = classifier.predict_joint_log_proba(test_images)
    evaluations = {
        "as trained": evaluate(logits, test_digits),
        f"temperature {fitted.value:.1f}": evaluate(logits, test_digits, temperature=fitted.value),
        "isotonic regression": evaluate(isotonic_logits, test_digits),
    }
    print("\ntest digits             nll  accuracy  confidence  calibration error")
    for name, each in evaluations.items():
        numbers = each.nll, each.accuracy, each.confidence, each.calibration_error
        print(f"{name:<20} {numbers[0]:6.3f}  {numbers[1]:8.3f}", end="")
        print(f"  {numbers[2]:10.3f}  {numbers[3]:17.3f}")


if __name__ == "__main__":
    main()
