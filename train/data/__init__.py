"""From a named corpus to batches: corpora, tokenizers, the token store, the batch order, the feed.

Start with `order.py` (which tokens a step reads) and `store.py` (where they lie).
"""
