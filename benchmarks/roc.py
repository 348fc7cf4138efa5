"""The area under the ROC curve of a score."""

import numpy as np
from scipy import stats

from evae_tf.array_types import FloatArray


def roc_area(positive: FloatArray, negative: FloatArray) -> float:
    """Share of pairs where the positive has the larger value; ties count half.

    NaN if there is no positive or no negative.
    """
    pairs = np.size(positive) * np.size(negative)
    return float(stats.mannwhitneyu(positive, negative).statistic) / pairs if pairs else np.nan
