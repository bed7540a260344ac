"""Fine-tuning: how many labelled examples is a larger pretrained model worth?

Claim (Kirstain et al. 2021, 2110.04374): where an answer is chosen among few, some thousand more labelled
examples are worth billions of parameters; both help.
Expected: accuracy grows with both, far from the paper's sizes; the exchange has a wide interval.
Commands:
    quarry sweep geometry
    quarry finetune TASK RUNS --rate 0.3 1 3 --validation -o rates.csv
    quarry finetune TASK RUNS --rate RATE -o accuracies.csv
    python -m quarry.analysis.finetuning accuracies.csv -o FOLDER

The models are those of `geometry`, pretrained on speeches. TASK is `language`, whose text no model has seen,
and `half-century`, of the speeches that were held out.
"""
