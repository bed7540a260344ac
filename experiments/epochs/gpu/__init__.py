"""The ladder for a GPU: 0.4, 3, 25 and 85 million parameters, four nested U of 2^22 to 2^28 tokens, up to 32
passes and 2^29 fresh tokens, on lm1b, 30 million English sentences of news (1312.3005).

2.3e18 FLOPs (exact, cooldowns counted): 1.9 hours on an H200 at the 334 TFLOP/s measured at 124 million
parameters and a context of 2,048 (docs/speed.md). `--dry-run` gives times for a CPU core.

lm1b is 1.8 GB to download. TFDS needs TensorFlow to prepare it, but not to read it, so prepare it once, in a
separate environment: pip install tensorflow tensorflow-datasets array_record, then

    tfds build lm1b --file_format=array_record --data_dir=.cache/corpora

2^29 tokens are more than half of its training text by our estimate, 0.9 of about 1e9 word pieces.

Command: quarry sweep epochs/gpu
"""

CORPUS = "tfds:lm1b"
