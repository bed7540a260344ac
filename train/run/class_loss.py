"""The loss by class of token (`quarry.train.data.token_classes`)."""

import math

import numpy as np

from quarry.train.data.token_classes import CLASSES


def class_sums(losses_BxT: np.ndarray, bits_BxT: np.ndarray) -> np.ndarray:
    """The summed loss of the tokens of each class in each sequence, nats, float64 [sequences, classes]."""
    members_BxTxC = (bits_BxT[..., None] >> np.arange(len(CLASSES), dtype=np.uint16)) & 1
    return np.matmul(losses_BxT[:, None].astype(np.float64), members_BxTxC.astype(np.float64))[:, 0]


def class_fields(sums: np.ndarray, bits: np.ndarray) -> dict[str, float | int | None]:
    """`loss_of_CLASS`, `loss_sem_of_CLASS` and `tokens_of_CLASS`; no tokens have no loss.

    `sums` are the `class_sums` of all its sequences, `bits` [sequences, context] the classes of their tokens.
    The error is that of a ratio of sums over sequences.
    """
    fields: dict[str, float | int | None] = {}
    for bit, name in enumerate(CLASSES):
        counts = ((bits >> bit) & 1).sum(1)
        total = int(counts.sum())
        loss = float(sums[:, bit].sum()) / total if total else None
        fields |= {f"loss_of_{name}": loss, f"loss_sem_of_{name}": None, f"tokens_of_{name}": total}
        if loss is not None and len(sums) > 1:
            left = sums[:, bit] - loss * counts
            fields[f"loss_sem_of_{name}"] = math.sqrt(len(sums) / (len(sums) - 1) * (left**2).sum()) / total
    return fields
