"""How work that takes long says where it is, to whoever shows it or to nobody."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """Told at the beginning of each part of a phase: ``testing``, 3 of 10.

    Called by the code that does the work, which does not know where it goes.
    """

    def __call__(
        self, phase: str, number: int = 1, total: int = 1, what: str = "", /
    ) -> None:
        """Take note of a part that begins now.

        Args:
            phase: what is being done, such as ``testing``.
            number: which part of it, from 1.
            total: how many parts it has; 1 where it has none.
            what: the part itself, such as ``clean, trained``.
        """


def silent(phase: str, number: int = 1, total: int = 1, what: str = "") -> None:
    """Tell nobody."""
