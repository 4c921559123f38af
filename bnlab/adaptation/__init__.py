"""Batch norm on data of another kind than it was trained on.

- `frozen`: layers whose statistics nothing moves;
- `recalibrate`: statistics measured again;
- `ema`: averaged weights, and whose statistics go with them;
- `drift`: how far a batch is from the running statistics, and from where on to raise an alarm;
- `borrow`: statistics of the batch for one answer, and back;
- `guard`: when to borrow them, decided batch by batch;
- `shifts`: the digits, seen through another camera.
"""
