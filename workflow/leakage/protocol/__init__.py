"""The held-out protocol of the estimators that score pairs with a critic.

`cross_fitting` (settings and flow), `folds` and `problem` (the pairs and their folds),
`preprocessing` and `byte_features`, `bases` (critics without gradient training) and `selection`
(the choice among them), `networks`, `losses`, `training` and `neural_critics` (trained critics),
`bounds` (InfoNCE, Donsker-Varadhan, NWJ, SMILE), `evaluation` (test folds), `inference` (intervals
and nulls), `permutation` (orders of the pictures), `permutation_test` (the exact test) and
`multiple_testing`.
"""
