"""Arrays that come back from a file as they were."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from mesagym.tracking import DamagedFile
from mesagym.tracking.arrays import arrays_to_bytes, bytes_to_arrays

_INTEGERS = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
_ARRAYS = st_numpy.arrays(
    dtype=st.sampled_from(
        ["bool", "float16", "float32", "float64", "complex64", *_INTEGERS]
    ),
    shape=st_numpy.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)
_NAMES = st.text(max_size=8).filter(lambda name: name != "__metadata__")


@given(arrays=st.dictionaries(_NAMES, _ARRAYS, max_size=5))
def test_arrays_come_back_bit_for_bit(arrays: dict[str, np.ndarray]):
    back = bytes_to_arrays(arrays_to_bytes(arrays), "file")
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        assert back[name].shape == array.shape
        assert back[name].tobytes() == array.tobytes()


@settings(max_examples=30)
@given(arrays=st.dictionaries(_NAMES, _ARRAYS, max_size=5))
def test_equal_arrays_in_another_order_give_equal_bytes(arrays: dict[str, np.ndarray]):
    other = {name: arrays[name].copy() for name in reversed(arrays)}
    assert arrays_to_bytes(arrays) == arrays_to_bytes(other)


@pytest.mark.parametrize(
    "view",
    [
        np.arange(6).reshape(2, 3).T,
        np.arange(10)[::3],
        np.arange(6).reshape(2, 3)[:, ::-1],
        np.broadcast_to(np.float32(2), (3, 2)),
        np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
        np.arange(4, dtype=">i4"),
    ],
)
def test_a_view_is_saved_as_the_array_it_shows(view: np.ndarray):
    back = bytes_to_arrays(arrays_to_bytes({"view": view}), "file")["view"]
    np.testing.assert_array_equal(back, view)


def test_arrays_that_come_back_can_be_written_to():
    back = bytes_to_arrays(arrays_to_bytes({"a": np.zeros(2)}), "file")["a"]
    back += 1
    assert back.tolist() == [1, 1]


@pytest.mark.parametrize("array", [np.array(["text"]), np.array([None]), np.array(1j)])
def test_a_type_that_cannot_be_saved_is_named(array: np.ndarray):
    with pytest.raises(TypeError, match="array 'odd' has type"):
        arrays_to_bytes({"odd": array})


def test_the_reserved_name_is_refused():
    with pytest.raises(ValueError, match="__metadata__"):
        arrays_to_bytes({"__metadata__": np.zeros(1)})


@pytest.mark.parametrize("length", [0, 4, 20, 100])
def test_a_truncated_file_is_named_in_the_error(length: int):
    data = arrays_to_bytes({"a": np.zeros(100)})
    with pytest.raises(DamagedFile, match=r"policy/seed-0\.safetensors"):
        bytes_to_arrays(data[:length], Path("policy/seed-0.safetensors"))
