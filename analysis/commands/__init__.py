"""The commands of the analysis, one file each: options, and the printed result.

`quarry/cli.py` names the file of each command. tyro parses its function `command`: the parameters and the
fields of the options are the options of the command line, docstrings are the help. `options.py` has the
groups of options that several commands share, `printing.py` what several print. Read `report.py` first, the
shortest.
"""
