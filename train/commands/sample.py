"""`quarry sample`: text of a trained model."""

from typing import Annotated

from tyro.conf import Positional, arg

from quarry.console import make_console
from quarry.errors import DONE
from quarry.train.commands.common import Cache, RunPath, cache_or_default, read_model
from quarry.train.hosts.platform import prepare


def command(
    run: RunPath,
    prompt: Annotated[Positional[str], arg(help="What the text begins with.")] = "",
    tokens: int = 200,
    temperature: float = 1.0,
    seed: int = 0,
    cache: Cache = None,
) -> int:
    """Print text that the model of a run writes after a prompt.

    Args:
        tokens: The most tokens to write; a document of the model's may end before.
        temperature: Logits are divided by it; 0 takes the most probable token each time.
        seed: Another seed, another text.
    """
    folder = cache_or_default(cache)
    prepare(folder)
    from quarry.train.inspect.sampling import sample

    text = sample(read_model(run, folder), prompt, tokens, temperature, seed)
    make_console().print(prompt + text, highlight=False, soft_wrap=True)
    return DONE
