"""`mesagym doctor`: what is installed, what computes, and whether training runs."""

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from mesagym.cli.schema import DoctorConfig
from mesagym.errors import UserError

SHOWN = ("jax", "jaxlib", "flax", "optax", "gymnax", "numpy", "hydra-core", "pyarrow")

# The smallest training that goes through everything: a 5x5 room, one chunk.
TINY = (
    "env.size=5",
    "agent.num_envs=8",
    "agent.rollout_steps=8",
    "agent.minibatches=2",
    "train.chunk=1",
    "train.steps=64",
    "seeds=1",
)


def run(config: DoctorConfig) -> int:
    """Look at everything, print a line each, and say what to mend."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("mesagym", _mesagym),
        ("packages", _packages),
        ("configurations", _configurations),
        ("memory", _memory),
        ("devices", lambda: _devices(config.device)),
        ("matrix peak", lambda: _matrix_peak(config.matrix, config.repeats)),
        ("training step", _training_step),
    ]
    to_mend = []
    for name, check in checks:
        try:
            found = check()
        except UserError as error:
            to_mend.append(str(error))
            found = "does not work, see below"
        # A doctor that dies of the disease tells nobody what it is.
        except Exception as error:
            first = (str(error).strip().splitlines() or [""])[0]
            to_mend.append(f"{name}: {type(error).__name__}: {first}")
            found = "does not work, see below"
        print(f"{name:<15} {found}", flush=True)
    print()
    if not to_mend:
        print("OK: everything works. `mesagym demo` shows what it is for.")
        return 0
    print("To mend:")
    for line in to_mend:
        print(f"  {line}")
    return 1


def _mesagym() -> str:
    import mesagym

    python = sys.version.split()[0]
    where = Path(mesagym.__file__).parent
    return f"{mesagym.__version__} in {where}, Python {python} on {sys.platform}"


def _packages() -> str:
    from mesagym.tracking.facts import package_versions

    versions = package_versions()
    missing = [name for name in SHOWN if name not in versions]
    if missing:
        raise UserError(
            f"packages: {', '.join(missing)} not installed; `pip install -e .` in the "
            "repository, or `pip install mesagym`, brings all of them"
        )
    return ", ".join(f"{name} {versions[name]}" for name in SHOWN)


def _configurations() -> str:
    from mesagym.cli.folders import config_folder

    return str(config_folder())


def _memory() -> str:
    page = os.sysconf("SC_PAGE_SIZE")
    total = page * os.sysconf("SC_PHYS_PAGES") / 2**30
    if "SC_AVPHYS_PAGES" not in os.sysconf_names:
        return f"{total:.1f} GiB"
    free = page * os.sysconf("SC_AVPHYS_PAGES") / 2**30
    return f"{total:.1f} GiB, {free:.1f} GiB of it free"


def _devices(wanted: str) -> str:
    import jax

    from mesagym.cli import device
    from mesagym.tracking.facts import environment_facts

    device.use(wanted)
    text = f"{device.described(jax.devices())} ({jax.default_backend()})"
    stats = jax.devices()[0].memory_stats()
    if stats and "bytes_limit" in stats:
        text += f", {stats['bytes_limit'] / 2**30:.1f} GiB for JAX"
    return f"{text}; {environment_facts()['cpu_count']} CPU cores"


def _matrix_peak(side: int, repeats: int) -> str:
    gflops = [2 * side**3 / seconds / 1e9 for seconds in _products(side, repeats)]
    return (
        f"{statistics.median(gflops):,.0f} GFLOP/s in float32 (median of {repeats} "
        f"products of {side}x{side}, {min(gflops):,.0f} to {max(gflops):,.0f})"
    )


def _products(side: int, repeats: int) -> list[float]:
    """Return the seconds that each of some matrix products took."""
    import jax
    import jax.numpy as jnp

    # Full float32 everywhere: accelerators would round to fewer bits.
    product = jax.jit(lambda a, b: jnp.matmul(a, b, precision="highest"))
    left, right = jax.random.normal(jax.random.key(0), (2, side, side))
    product(left, right).block_until_ready()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        product(left, right).block_until_ready()
        seconds.append(time.perf_counter() - began)
    return seconds


def _training_step() -> str:
    import numpy as np

    from mesagym.cli.build import plan
    from mesagym.cli.compose import composer
    from mesagym.training.loop import Hooks, train

    with composer("train") as composed_by:
        config = composed_by.settled(composed_by.compose(list(TINY)))
    planned = plan(config)
    began = time.perf_counter()
    silent = Hooks(log=lambda rows: None, save=lambda *_: None, say=lambda line: None)
    trained = train(planned.program, planned.cells, silent)
    seconds = time.perf_counter() - began
    if not np.all(trained.alive):
        raise UserError("training step: the loss is not finite on this device")
    return f"runs, compiled and done in {seconds:.1f} s"
