"""A backup as one file: a compressed tar, in front a manifest with the hash of every file."""

import gzip
import io
import json
import os
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from sentari.operations.standstill import OperationError

FORMAT = 1
MANIFEST = "manifest.json"
DATABASE, SECRET_KEY, SERVER_TLS = "sentari.db", "secret_key", "tls/server.pem"
# What an archive may hold, and how large each may be; a database as large as its volume.
_LARGEST: dict[str, int | None] = {DATABASE: None, SECRET_KEY: 64 * 1024, SERVER_TLS: 256 * 1024}
_LARGEST_MANIFEST = 64 * 1024
_CHUNK = 1024 * 1024
# Packed with little effort: more would take minutes, and save a tenth.
_EFFORT = 1
_DAMAGED = (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error)


@dataclass(frozen=True)
class Stamp:
    """A file as the manifest knows it."""

    size: int
    digest: str


@dataclass(frozen=True)
class Manifest:
    """What a backup is of. `key_hint` tells secret keys apart and says nothing about them."""

    version: str
    schema: str
    made_at: str
    key_hint: str
    files: Mapping[str, Stamp]

    def to_json(self) -> bytes:
        """Return it as it stands in the archive."""
        files = {n: {"bytes": s.size, "sha256": s.digest} for n, s in self.files.items()}
        document = vars(self) | {"format": FORMAT, "files": files}
        return json.dumps(document, indent=2, sort_keys=True).encode() + b"\n"

    @classmethod
    def parse(cls, raw: bytes) -> "Manifest":
        """Read it, or raise OperationError."""
        try:
            document = json.loads(raw)
            if document["format"] != FORMAT:
                raise OperationError(
                    f"the backup has format {document['format']!r}, and this version reads "
                    f"{FORMAT}: restore it with the version that made it"
                )
            files = {_known(n): _stamp(n, f) for n, f in document["files"].items()}
            texts = {n: _text(document[n]) for n in ("version", "schema", "made_at", "key_hint")}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise OperationError(_NO_BACKUP) from error
        if DATABASE not in files:
            raise OperationError(_NO_BACKUP)
        return cls(**texts, files=files)


_NO_BACKUP = "the file is no backup that `flask --app app backup` made, or it is damaged"


def _known(name: str) -> str:
    if name not in _LARGEST:
        raise ValueError(name)
    return name


def _stamp(name: str, found: Any) -> Stamp:
    size, digest = found["bytes"], _text(found["sha256"])
    most = _LARGEST[name]
    if type(size) is not int or size < 0 or (most is not None and size > most):
        raise ValueError(name)
    return Stamp(size, digest)


def _text(value: object) -> str:
    # It is shown in terminals.
    if not isinstance(value, str) or len(value) > 100 or not (value + "x").isprintable():
        raise ValueError("not a text")
    return value


def stamp_of(path: Path) -> Stamp:
    """Read a file and return what the manifest says of it."""
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
        return Stamp(file.tell(), digest.hexdigest())


def write_archive(
    output: IO[bytes], manifest: Manifest, files: Mapping[str, Path], at: datetime
) -> None:
    """Write the manifest and the files behind it."""
    with (
        gzip.GzipFile("", "wb", _EFFORT, output, int(at.timestamp())) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        raw = manifest.to_json()
        archive.addfile(_member(MANIFEST, len(raw), at), io.BytesIO(raw))
        for name, path in files.items():
            with path.open("rb") as file:
                archive.addfile(_member(name, manifest.files[name].size, at), file)


def _member(name: str, size: int, at: datetime) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(at.timestamp())
    return member


class Archive:
    """An archive that is read from its begin to its end: the manifest first, then its files."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        """Read the manifest, or raise OperationError."""
        self._archive = archive
        first = archive.next()
        if first is None or first.name != MANIFEST or not first.isfile():
            raise OperationError(_NO_BACKUP)
        self.manifest = Manifest.parse(self._open(first).read(_LARGEST_MANIFEST))

    def extract(self, folder: Path) -> dict[str, Path]:
        """Write every file into `folder` and return their paths; OperationError for a damage."""
        found: dict[str, Path] = {}
        while (member := self._archive.next()) is not None:
            stamp = self.manifest.files.get(member.name)
            if stamp is None or not member.isfile() or member.name in found:
                raise OperationError(f"the backup has a file that it should not: {member.name!r}")
            path = folder / Path(member.name).name
            self._write(member, path, stamp)
            found[member.name] = path
        missing = self.manifest.files.keys() - found.keys()
        if missing:
            raise OperationError(f"the backup is damaged: {', '.join(sorted(missing))} is missing")
        return found

    def _write(self, member: tarfile.TarInfo, path: Path, stamp: Stamp) -> None:
        path.touch(0o600, exist_ok=False)
        digest, left = sha256(), stamp.size
        source = self._open(member)
        with path.open("wb") as file:
            while chunk := source.read(min(_CHUNK, left + 1)):
                left -= len(chunk)
                if left < 0:
                    break
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if left or digest.hexdigest() != stamp.digest:
            raise OperationError(f"the backup is damaged: {member.name} is not what was backed up")

    def _open(self, member: tarfile.TarInfo) -> IO[bytes]:
        file = self._archive.extractfile(member)
        if file is None:
            raise OperationError(_NO_BACKUP)
        return file


@contextmanager
def read_archive(file: IO[bytes]) -> Iterator[Archive]:
    """Open an archive; OperationError for what is none, and for one that is cut or damaged."""
    try:
        with tarfile.open(fileobj=file, mode="r|gz") as archive:
            yield Archive(archive)
    except _DAMAGED as error:
        raise OperationError(_NO_BACKUP) from error
