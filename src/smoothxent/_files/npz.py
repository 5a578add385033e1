"""Arrays in .npz archives, stored or deflated: streamed, never unpacked as a whole."""

import zlib
from dataclasses import dataclass
from typing import IO, ClassVar, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from smoothxent._files import npy
from smoothxent._files.stored_array import Bytes, Place, StoredArray

MAGIC = b"PK\x03\x04"
SUFFIX = ".npy"  # of a member; its name goes without
# What one byte of an archive can hold; deflated, at two bits for 258 bytes (RFC 1951).
MOST = {ZIP_STORED: 1, ZIP_DEFLATED: 1032}


@dataclass(frozen=True, slots=True)
class NpzMember(StoredArray):
    info: ZipInfo
    offset: int  # of the data in the member

    damage: ClassVar = (BadZipFile, EOFError, zlib.error)

    def open(self) -> Bytes:
        member = _opened(self.place, self.info)
        member.read(self.offset)
        return cast(Bytes, member)


def stored(place: Place) -> StoredArray:
    """Return an array of an archive."""
    try:
        with ZipFile(place.path) as archive:
            infos = {info.filename: info for info in archive.infolist()}
            num_members = len(archive.infolist())
    except Exception as error:  # of any kind: zipfile checks little of what it reads
        raise place.corrupt(error) from error
    if len(infos) < num_members:
        raise place.corrupt("two of its members have the same name")
    names = [name.removesuffix(SUFFIX) for name in infos if name.endswith(SUFFIX)]
    if not names and any(name.endswith(".pkl") for name in infos):
        raise ValueError(
            f"{place} must be an archive of arrays, got one of pickles, which are never loaded; "
            "save the array with np.save"
        )
    place = place.of_member(names)
    info = infos[place.member + SUFFIX]
    _check(place, info)
    with _opened(place, info) as member:
        shape, dtype = npy.header(place, member)
        array = NpzMember(place, shape, dtype, info, member.tell())
    array.check_size(info.file_size - array.offset)
    return array


def _opened(place: Place, info: ZipInfo) -> IO[bytes]:
    try:
        with ZipFile(place.path) as archive:  # which stays open until the member is closed
            return archive.open(info)
    except Exception as error:
        raise place.corrupt(error) from error


def _check(place: Place, info: ZipInfo) -> None:
    """Raise where a member can't hold what the archive claims."""
    if info.compress_type not in MOST:
        raise ValueError(
            f"{place} must be stored or deflated, got compression {info.compress_type}; "
            "save it with np.savez_compressed"
        )
    held = min(info.compress_size, place.path.stat().st_size)
    if info.file_size > held * MOST[info.compress_type]:
        raise place.corrupt(f"its directory claims {info.file_size} bytes in {held}")
