"""The held-out protocol: folds, inputs, training, evaluation, intervals, permutation tests."""
