"""The steps at the scale of Kaplan and Chinchilla; the other runs are those of chinchilla_isoflop/paper.

Command: quarry sweep porian/paper
"""
