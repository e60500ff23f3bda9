"""How much of a picture leaks through selective encryption.

The package never imports Snakemake, and importing it imports no torch.
"""

__version__ = "0.1.0"
