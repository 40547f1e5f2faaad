"""Jobs in threads, as many as there are cores, and none begun after a failure."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Result = TypeVar("Result")

MOST = 4
"""Jobs at once, if there are as many cores: each holds lessons or tables."""


def together(
    jobs: Sequence[Callable[[threading.Event], Result]], say: Callable[[str], None]
) -> list[Result]:
    """Carry out jobs in threads, begun in their order, and return what they return.

    What the first of them raises, or an interrupt, is raised as soon as those that are
    under way have come to a place where they can stop.

    Args:
        jobs: each gets an event and ends soon after it is set, what it finished kept.
        say: told that jobs are stopping.
    """
    stopped = threading.Event()
    with ThreadPoolExecutor(min(MOST, os.cpu_count() or 1)) as pool:
        futures: list[Future[Result]] = []
        try:
            futures += [pool.submit(job, stopped) for job in jobs]
            done = wait(futures, return_when=FIRST_EXCEPTION).done
            for future in futures:
                if future in done:
                    future.result()
            return [future.result() for future in futures]
        except BaseException:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            if not all(future.done() for future in futures):
                say("stopping; what is under way is finished first, and kept")
            raise
