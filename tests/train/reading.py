"""`quarry` that records what the training loop reads: for each step the position and tokens of each row.

The variable READ names a folder; each process appends a line per step to its own file there.
"""

import json
import os
from pathlib import Path

from quarry import cli
from quarry.train.data import feed

folder = Path(os.environ["READ"])
folder.mkdir(parents=True, exist_ok=True)
gather, batch_positions = feed._gather, feed.batch_positions
positions: list = []


def note_positions(*arguments):
    step_positions = batch_positions(*arguments)
    positions[:] = step_positions.tolist()
    return step_positions


def note_tokens(tokens, ids, context):
    batch = gather(tokens, ids, context)
    if positions:
        rows = [
            [position, bytes(row.astype("uint8")).hex()]
            for position, row in zip(positions, batch[0].reshape(-1, context), strict=True)
        ]
        with (folder / f"{os.getpid()}.jsonl").open("a") as file:
            file.write(json.dumps({"rows": rows}) + "\n")
        positions.clear()
    return batch


feed.batch_positions, feed._gather = note_positions, note_tokens
feed.BLOCK_TOKENS = 0  # each step is read by itself
if __name__ == "__main__":
    cli.main()
