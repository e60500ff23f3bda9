"""Analysis: verdicts and planning, computed from tables. Nothing here draws figures."""
