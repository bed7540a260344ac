"""Annotations are checked in every test, whatever was called before it."""

import jax.numpy as jnp
import pytest
from jaxtyping import TypeCheckError

from quarry.model.norms import normalise
from tests.strict import CHECKED_CALLS


@pytest.mark.parametrize("test", ["first", "second"])
def test_the_first_calls_of_a_function_in_a_test_are_checked(test):
    rows, scale = jnp.ones((3, 4)), jnp.ones(4)
    for _ in range(CHECKED_CALLS - 1):
        normalise(rows, scale, False)
    with pytest.raises(TypeCheckError, match="normalise"):
        normalise(rows, scale[:, None], False)
