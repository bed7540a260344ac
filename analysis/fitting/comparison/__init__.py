"""Which law the points support, judged by what a fit predicts of the points left out of it.

- `held_out.py`: fits without some rows, their errors, and the gap between two laws with its bootstrap.
- `ranking.py`: any laws on the same points, ranked by their error on the runs of largest compute.
- `shared_points.py`: which points all laws of a ranking can use, and which runs it holds out.
- `cross_validation.py`: one law, each value of a column left out in turn.
- `repeated_data.py`: the laws of repeated data, asked for the largest N, U and k. `questions.py` says what
  each is asked, `recipes.py` which recipe's points count.
"""
