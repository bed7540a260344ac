"""Synthetic corpora: text from a source whose best possible loss is known.

Read `world` first: what a source must tell. `bayes` is a Markov source with rows from a known prior, and
`markov` the mathematics of such chains; `hierarchy` is a random grammar, `teacher` a trained model.
`options` reads the name of a corpus, `catalog` lists the worlds.
"""
