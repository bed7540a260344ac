"""Geometry on one GPU: the ladder of language models, 0.4 to 85 million parameters, on novels.

All is our choice. The students need no GPU size: they are a module of the small study.

Command: quarry sweep geometry/gpu --workdir runs/geometry, where the folder `novels` is; then quarry points,
quarry activations and quarry dimension as for the small study
"""

from quarry.experiments._scales import at_gpu as recipe

__all__ = ["recipe"]
