"""What a person did that cannot be done, said in one line that tells how to mend it."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Input that cannot be used.

    The message is a single line that names what is wrong, where, and how to mend
    it. The command line prints it as it is and exits with code 2; it never shows
    a traceback for it.
    """


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return a hint that closes an error about an unknown name.

    Args:
        name: what was given.
        allowed: the names that would have been accepted, in the order to show.

    Returns:
        ``" Did you mean 'x'? Allowed: a, b, x."``, without the question where
        nothing comes near.
    """
    allowed = list(allowed)
    close = difflib.get_close_matches(name, allowed, n=1, cutoff=0.5)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    return f"{hint} Allowed: {', '.join(allowed)}."
