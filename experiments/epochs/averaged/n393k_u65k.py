"""394 thousand parameters on 2^16 unique tokens by five seeds.

Claim: the floor of ensembles of the largest size lies below that of single models.
Expected: the average of K runs falls as L + c / K (Kim et al. 2025).
Command: quarry sweep experiments/epochs/averaged/n393k_u65k.py
"""

from quarry.experiments.epochs import cell
from quarry.experiments.epochs.averaged import PASSES, members
from quarry.experiments.epochs.beyond import measured_once
from quarry.experiments.epochs.cpu import CORPUS

config = measured_once(cell(d_model=128, unique_tokens=2**16, corpus=CORPUS, most=PASSES))
variants = members(config)
