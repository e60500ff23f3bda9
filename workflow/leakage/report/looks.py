"""How the report shows a verdict: a symbol and a word, so that colour is never needed."""

from leakage.analysis.verdicts import LEAK, NO_EVIDENCE, TOO_FEW_PERMUTATIONS, TOO_FEW_PICTURES

SYMBOLS = {LEAK: "●", NO_EVIDENCE: "○", TOO_FEW_PICTURES: "?", TOO_FEW_PERMUTATIONS: "?"}
# Classes of the style sheet.
CLASSES = {LEAK: "leak", NO_EVIDENCE: "none", TOO_FEW_PICTURES: "few", TOO_FEW_PERMUTATIONS: "few"}
WORDS = {
    LEAK: "leak",
    NO_EVIDENCE: "nothing found",
    TOO_FEW_PICTURES: "too few pictures",
    TOO_FEW_PERMUTATIONS: "too few permutations",
}
