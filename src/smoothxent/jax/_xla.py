"""Python functions as foreign calls of XLA, with arrays over XLA's own memory.

A function under JAX's `pure_callback` gets copies, and its results are copied too. A foreign call
gets the buffers themselves. XLA describes them in the structs of xla/ffi/api/c_api.h (which jaxlib
installs, see `jax.ffi.include_dir()`). New versions only add fields at the ends of these structs.
This module declares the first fields, as far as it reads them, with the names of c_api.h.
"""

import ctypes
import math
from collections.abc import Callable
from ctypes import POINTER, Structure, c_char, c_char_p, c_int, c_int64, c_size_t, c_void_p
from typing import Any, TypeAlias

import jax
import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Arrays: TypeAlias = list[NDArray[Any]]
Compute: TypeAlias = Callable[[Arrays, Arrays, str], None]

# XLA_FFI_DataType
DTYPES = {
    **{2 + n: np.dtype(f"i{2**n}") for n in range(4)},
    **{6 + n: np.dtype(f"u{2**n}") for n in range(4)},
    **{9 + n: np.dtype(f"f{2**n}") for n in (1, 2, 3)},
    16: np.dtype(ml_dtypes.bfloat16),
}
API_VERSION = 0, 1  # XLA_FFI_API_MAJOR, XLA_FFI_API_MINOR
EXECUTE = 3  # XLA_FFI_ExecutionStage
CANCELLED, INVALID_ARGUMENT, RESOURCE_EXHAUSTED = 1, 3, 8  # XLA_FFI_Error_Code


def _struct(first: dict[str, Any], **others: Any) -> Any:
    """Return the type of a struct that has the first fields, then the others."""
    return type("Struct", (Structure,), {"_fields_": [*first.items(), *others.items()]})


_SIZE = {"struct_size": c_size_t}
_START = _SIZE | {"extension_start": c_void_p}  # the first fields of most structs

_Version = _struct(_START, major_version=c_int, minor_version=c_int)
_Metadata = _struct(_SIZE, api_version=_Version)
_MetadataExtension = _struct(_SIZE, type=c_int, next=c_void_p, metadata=POINTER(_Metadata))
_Api = _struct(_START, api_version=_Version, internal_api=c_void_p, error_create=c_void_p)
_Error = _struct(_START, message=c_char_p, errc=c_int)
_Buffer = _struct(_START, dtype=c_int, data=c_void_p, rank=c_int64, dims=POINTER(c_int64))
_BUFFERS = POINTER(POINTER(_Buffer))
_Buffers = _struct(_START, size=c_int64, types=c_void_p, buffers=_BUFFERS)
_Text = _struct({}, ptr=c_void_p, len=c_size_t)
_TEXTS = POINTER(POINTER(_Text))
_Attributes = _struct(_START, size=c_int64, types=c_void_p, names=c_void_p, texts=_TEXTS)
_CallFrame = _struct(
    _START,
    api=POINTER(_Api),
    ctx=c_void_p,
    stage=c_int,
    args=_Buffers,
    rets=_Buffers,
    attrs=_Attributes,
)


def registered(name: str, compute: Compute) -> Any:
    """Register `compute(arguments, results, text)` as XLA's foreign function on the CPU.

    It works as long as the returned handler exists. `compute` writes into the results. The text is
    the only attribute of the call. XLA reports the exceptions of `compute` as errors.
    """

    def call(pointer: Any) -> int | None:
        frame: Any = pointer.contents
        if frame.extension_start:  # XLA asks for the version of the interface
            extension = ctypes.cast(frame.extension_start, POINTER(_MetadataExtension)).contents
            version = extension.metadata.contents.api_version
            version.major_version, version.minor_version = API_VERSION
        elif frame.stage == EXECUTE:
            try:
                attribute = frame.attrs.texts[0].contents
                text = ctypes.string_at(attribute.ptr, attribute.len).decode()
                compute(_arrays(frame.args), _arrays(frame.rets), text)
            except BaseException as error:
                return _reported(error, frame.api.contents)
        return None

    handler = ctypes.CFUNCTYPE(c_void_p, POINTER(_CallFrame))(call)
    capsule = jax.ffi.pycapsule(ctypes.cast(handler, c_void_p).value)
    jax.ffi.register_ffi_target(name, capsule, platform="cpu")
    return handler


def _arrays(buffers: Any) -> Arrays:
    return [_array(buffers.buffers[i].contents) for i in range(buffers.size)]


def _array(buffer: Any) -> NDArray[Any]:
    """Return an array over the memory of a buffer."""
    shape, dtype = tuple(buffer.dims[: buffer.rank]), DTYPES[buffer.dtype]
    size = math.prod(shape) * dtype.itemsize
    if not size:  # its pointer may be null
        return np.empty(shape, dtype)
    return np.ndarray(shape, dtype, (c_char * size).from_address(buffer.data))


def _reported(error: BaseException, api: Any) -> int | None:
    """Return an XLA error with the text of this exception."""
    codes = {KeyboardInterrupt: CANCELLED, MemoryError: RESOURCE_EXHAUSTED}
    text = str(error) or type(error).__name__
    code = codes.get(type(error), INVALID_ARGUMENT)
    arguments = _Error(ctypes.sizeof(_Error), None, text.encode(), code)
    create = ctypes.CFUNCTYPE(c_void_p, POINTER(_Error))(api.error_create)
    made: int | None = create(ctypes.byref(arguments))
    return made
