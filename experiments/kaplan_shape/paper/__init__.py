"""Shape at the paper's sizes (Kaplan 2020, figure 5): 25, 50 and 274 million parameters, and 1.5 billion.

N of each panel (feed-forward ratio 50 million, aspect ratio 50 and 274 million and 1.5 billion, heads 25
million) is our reading of the figure; (6, 4288) and (48, 1600) are in its caption, all other shapes are our
choice, with N within 5% of the panel's. One and two layers are figure 6's.

Command: quarry sweep kaplan_shape/paper --workdir runs/kaplan_shape; what it costs is in docs/results.md.
"""

from quarry.experiments._scales import at_paper, paper_model
from quarry.experiments.kaplan_shape import fed_forward

N = 12 * 8 * 720**2
BASE = paper_model(8, 720, head_dim=60)
ASPECTS = {
    f"l{layers}": paper_model(layers, d_model, head_dim=dim)
    for layers, d_model, dim in (
        *((1, 2040, 60), (2, 1440, 60), (4, 1020, 60)),
        *((16, 512, 64), (32, 360, 60), (64, 256, 64)),
    )
}
"""Of 50 million parameters, by their layers."""
LARGER = {
    f"l{layers}": paper_model(layers, d_model)
    for layers, d_model in ((6, 1920), (12, 1408), (24, 960), (48, 704))
}
"""Of 274 million."""
LARGEST = {f"l{layers}": paper_model(layers, d_model) for layers, d_model in ((48, 1600), (6, 4288))}
"""Of 1.5 billion."""
FEED_FORWARD = {
    f"f{ratio}": paper_model(8, d_model, head_dim=d_model // 12, d_ff=fed_forward(N, 8, d_model))
    for ratio, d_model in ((1, 1020), (2, 876), (8, 552), (16, 420))
}
"""Of 50 million, by the ratio of d_ff to d_model, about."""
HEADS = {f"h{heads}": paper_model(8, 512, head_dim=512 // heads) for heads in (8, 1, 2, 4, 16, 32, 64)}
"""Of 25 million."""

point = at_paper
