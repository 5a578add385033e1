"""Arrays in .npz archives, stored or deflated, which are streamed and never fully unpacked."""

import zlib
from dataclasses import dataclass
from typing import IO, ClassVar, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from smoothxent._files.readers import npy
from smoothxent._files.stored_array import Bytes, Location, StoredArray

MAGIC = b"PK\x03\x04"
SUFFIX = ".npy"  # of a member; users name it without the suffix
# The most bytes that one byte of an archive can hold: deflate takes two bits for 258 (RFC 1951).
MOST = {ZIP_STORED: 1, ZIP_DEFLATED: 1032}


@dataclass(frozen=True, slots=True)
class NpzMember(StoredArray):
    info: ZipInfo
    offset: int  # of the data in the member

    read_errors: ClassVar = (BadZipFile, EOFError, zlib.error)

    def open(self) -> Bytes:
        member = _opened(self.location, self.info)
        member.read(self.offset)
        return cast(Bytes, member)


def stored(location: Location) -> StoredArray:
    """Return an array of an archive."""
    # Of any type: zipfile checks little of what it reads.
    with location.corrupt_on(Exception), ZipFile(location.path) as archive:
        infos = {info.filename: info for info in archive.infolist()}
        num_members = len(archive.infolist())
    if len(infos) < num_members:
        raise location.corrupt("two of its members have the same name")
    names = [name.removesuffix(SUFFIX) for name in infos if name.endswith(SUFFIX)]
    if not names and any(name.endswith(".pkl") for name in infos):
        raise ValueError(
            f"{location} must be an archive of arrays, got one of pickles, which are never loaded; "
            "save the array with np.save"
        )
    location = location.of_member(names)
    info = infos[location.member + SUFFIX]
    _check(location, info)
    with _opened(location, info) as member:
        shape, dtype = npy.header(location, member)
        array = NpzMember(location, shape, dtype, info, member.tell())
    array.check_size(info.file_size - array.offset)
    return array


def _opened(location: Location, info: ZipInfo) -> IO[bytes]:
    # The file stays open until the member is closed.
    with location.corrupt_on(Exception), ZipFile(location.path) as archive:
        return archive.open(info)


def _check(location: Location, info: ZipInfo) -> None:
    """Raise if a member is too small for the size that the archive declares."""
    if info.compress_type not in MOST:
        raise ValueError(
            f"{location} must be stored or deflated, got compression {info.compress_type}; "
            "save it with np.savez_compressed"
        )
    size = min(info.compress_size, location.path.stat().st_size)
    if info.file_size > size * MOST[info.compress_type]:
        raise location.corrupt(f"its directory claims {info.file_size} bytes in {size}")
