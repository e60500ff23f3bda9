"""Compare our estimates on COCO photographs with attacks that anyone can write in ten lines.

An estimate below a simple attack on the same data is a defect. The photographs are those of a COCO
mirror, the network is EfficientNet-Lite0, the scheme `msb_xor`, the view `scaled`.

    PYTHONPATH=benchmarks python -m coco_attack coco.npz    # makes the embeddings if missing

`attacks` is written with NumPy alone: nothing of it comes from the package that it tests.
"""
