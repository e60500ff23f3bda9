"""Compare the package's estimates on COCO photographs with simple attacks of ten lines.

An estimate below a simple attack on the same data is a defect. The photographs come from a COCO
mirror. The network is EfficientNet-Lite0, the scheme `msb_xor`, the view `scaled`.

    PYTHONPATH=benchmarks python -m coco_attack coco.npz    # makes the embeddings if missing

`attacks` uses NumPy only, and nothing from the package that it tests.
"""
