r"""Fine-tuning: how many labelled examples is a larger pretrained model worth?

Claim (Kirstain et al. 2021, 2110.04374): where an answer is chosen among few, some thousand more labelled
examples are worth billions of parameters; both help.
Expected: accuracy grows with both, far from the paper's sizes; the exchange has a wide interval.
Commands, R standing for runs/geometry:
    quarry sweep geometry
    quarry finetune language R/w16 R/w64 --examples 32 512 --draws 2 --rate 0.3 1 3 --validation -o rates.csv
    quarry finetune half-century R/w32 --examples 128 --draws 2 --rate 0.3 1 3 --length 128 --validation \
        -o rates.csv
    quarry finetune language R/w16 R/w32 R/w64 R/w128 --draws 4 -o accuracies.csv
    quarry finetune half-century R/w16 R/w32 R/w64 --draws 3 --length 128 -o accuracies.csv
    quarry finetune author:archive:novels.tar.xz R/w16 R/w32 R/w64 R/w128 --examples 128 512 2048 --draws 3 \
        --length 128 -o accuracies.csv    # likewise decade:archive:novels.tar.xz
    quarry finetune language R/w16 R/w64 --draws 4 --scratch -o accuracies.csv    # and author, half-century
    python -m quarry.analysis.finetuning accuracies.csv -o .

The models are those of `geometry`, pretrained on speeches. `language` is told from text that no model has
seen, so are `author` and `decade`; `half-century` from speeches that were held out. There are no scale
points of its own.
"""
