"""The search of the study `tuned`: interior optima, each trial measured once, no trial off the grid."""

from quarry.experiments.epochs.tuned import (
    BATCHES,
    CELLS,
    DECAYS,
    FEWEST_STEPS,
    RATES,
    UNIQUE,
    Cell,
    Trial,
    find_best,
    trial_config,
    trial_name,
)


def test_the_search_finds_the_least_loss_and_measures_a_trial_once():
    cell, lowest, seen = CELLS[-1], Trial(batch=0, rate=4, decay=3), []

    def loss(trial):
        seen.append(trial)
        return sum(abs(getattr(trial, name) - getattr(lowest, name)) for name in ("batch", "rate", "decay"))

    assert find_best(cell, loss) == lowest
    assert len(set(seen)) == len(seen)
    assert all(trial.fits(cell) for trial in seen)
    assert len(seen) < len(BATCHES) * len(RATES) * len(DECAYS) / 2


def test_trials_have_enough_steps_and_their_names_say_what_differs():
    short = Cell("n6k", "u16k", 1)
    assert not Trial(batch=2, rate=2, decay=0).fits(short)
    trial = Trial(batch=1, rate=3, decay=1)
    assert trial.fits(short)
    config = trial_config(short, trial)
    assert trial_name(short, trial) == "n6k_u16k-p1-b256-r0.2-wd0.4"
    assert config.steps(UNIQUE["u16k"]) == FEWEST_STEPS
    assert (config.optimizer.learning_rate, config.optimizer.weight_decay) == (0.2 / 16, 0.4)
