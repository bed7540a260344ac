"""The settings that every interval shares, checked in one place."""

_FEWEST_DRAWS = 100


def check_settings(bootstrap: int, seed: int, level: float, error: type[ValueError]) -> None:
    """Raise `error` for settings that no interval can be made with; 0 draws ask for none."""
    if bootstrap < 0 or 0 < bootstrap < _FEWEST_DRAWS:
        raise error(
            f"bootstrap={bootstrap}: an interval needs at least {_FEWEST_DRAWS} draws (0: no interval)"
        )
    if seed < 0:
        raise error(f"seed={seed}: must not be negative")
    check_level(level, error)


def check_level(level: float, error: type[ValueError]) -> None:
    """Raise `error` unless `level` is the probability of an interval."""
    if not 0.5 <= level < 1:
        raise error(f"level={level}: must be at least 0.5 and below 1")
