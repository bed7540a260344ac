"""The commands of training, one file each: options, and what is done with them.

`quarry/cli.py` names the file of each command. tyro parses its function `command`: the parameters are the
options, the docstring is the help, the returned value is the exit code. `train` and `compile` have
`make_command` instead: the defaults of their options are the fields of the scale point on the command line.
Read `points.py` first, the shortest.
"""
