"""From a named corpus to batches: corpora, tokenizers, the token store, the batch order, the feed."""


class DataError(ValueError):
    """A corpus, tokenizer, store or batch order that cannot be had as asked; the message says why."""
