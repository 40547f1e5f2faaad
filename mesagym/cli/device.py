"""Which device JAX computes on, and how it is called."""

from typing import Any

from mesagym.errors import UserError


def use(device: str) -> None:
    """Choose a device before anything is computed.

    Args:
        device: ``auto`` (JAX's own choice), ``cpu``, ``gpu`` or ``tpu``.

    Raises:
        UserError: there is no such device here.
    """
    import jax

    if device == "auto":
        return
    if device == "cpu":
        # Before the first computation, so that an accelerator is not even opened.
        jax.config.update("jax_platforms", "cpu")
    try:
        found = jax.default_backend()
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise UserError(f"device: JAX cannot open a device ({first})") from error
    if found != device:
        raise UserError(
            f"device: there is no {device} here, JAX sees {described(jax.devices())}. "
            "Use device=auto, or install JAX for your accelerator (mesagym[cuda], "
            "mesagym[tpu])"
        )


def described(devices: list[Any]) -> str:
    """Return devices in words: ``2 x NVIDIA H100``."""
    kinds = [str(device.device_kind) for device in devices]
    counts = {kind: kinds.count(kind) for kind in kinds}
    return ", ".join(
        kind if count == 1 else f"{count} x {kind}" for kind, count in counts.items()
    )
