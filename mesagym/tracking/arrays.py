"""How named arrays become bytes that any safetensors reader understands, and back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mesagym.tracking.files import DamagedFile

_DTYPES = frozenset({"bool", "float16", "float32", "float64", "complex64"}) | {
    f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)
}


def arrays_to_bytes(arrays: Mapping[str, Any]) -> bytes:
    """Return arrays in the safetensors format; equal arrays give equal bytes.

    Args:
        arrays: name to array, or to what NumPy makes one of (an array of another
            library on the host or a device). Scalars and empty arrays are kept.

    Raises:
        TypeError: a type that the format lacks (strings, objects, bfloat16).
        ValueError: the name ``__metadata__``, which the format keeps for itself.
    """
    from safetensors.numpy import save

    ready = {}
    for name in sorted(arrays):
        if name == "__metadata__":
            raise ValueError("an array cannot be called '__metadata__'")
        array = np.asarray(arrays[name])
        if array.dtype.name not in _DTYPES:
            raise TypeError(
                f"array '{name}' has type {array.dtype}, which cannot be saved. "
                f"Allowed: {', '.join(sorted(_DTYPES))}."
            )
        # safetensors writes the memory as it lies: a transposed view would be
        # saved in the wrong order. np.asarray keeps scalars 0-dimensional.
        ready[name] = np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")
    return save(ready)


def bytes_to_arrays(data: bytes, path: str | Path) -> dict[str, np.ndarray]:
    """Return the arrays of a safetensors file, sorted by name.

    Args:
        data: the file's content.
        path: the file's name, for the error.

    Raises:
        DamagedFile: it is no whole safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(data)
    except (SafetensorError, KeyError, ValueError) as error:
        raise DamagedFile(
            f"'{path}' is torn or altered: it is no safetensors file ({error}). "
            "Copy it again from where it came from."
        ) from error
    return {name: arrays[name] for name in sorted(arrays)}
