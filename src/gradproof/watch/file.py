"""Recorded calls as a file: arrays in NumPy's format, the rest as JSON.

Nothing in it is executed when it is read: no pickle, and a target is only a name until
somebody asks for it to be checked.
"""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gradproof._errors import InputError
from gradproof.watch.calls import Call

VERSION = 1
SUFFIX = ".npz"
CALLS = "calls.json"


class NotPlainError(Exception):
    """A value that a file cannot hold."""


def save(file: Path, calls: Mapping[str, Sequence[Call]]) -> list[str]:
    """Write the calls of targets to a file; the targets that it cannot hold."""
    arrays: list[np.ndarray[Any, Any]] = []
    entries, left_out = [], []
    for name, known in calls.items():
        for call in known:
            count = len(arrays)
            try:
                arguments = [_encoded(one, arrays) for one in call.arguments]
                options = {k: _encoded(v, arrays) for k, v in call.options.items()}
            except NotPlainError:
                del arrays[count:]
                left_out.append(name)
                continue
            entries.append({"target": name, "arguments": arguments, "options": options})
    document = json.dumps({"version": VERSION, "calls": entries})
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(CALLS, document)
        for number, array in enumerate(arrays):
            with archive.open(f"{number}.npy", "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    held = {entry["target"] for entry in entries}
    return [name for name in dict.fromkeys(left_out) if name not in held]


def names(file: Path) -> list[str]:
    """The targets whose calls the file holds.

    Raises:
        InputError: where it is no such file.
    """
    with _opened(file) as archive:
        return list(dict.fromkeys(e["target"] for e in _document(file, archive)))


def load(file: Path, name: str, target: Any) -> list[Call]:
    """The calls of one target.

    Raises:
        InputError: where it is no such file.
    """
    with _opened(file) as archive:
        entries = [e for e in _document(file, archive) if e["target"] == name]
        try:
            return [
                Call(
                    target,
                    tuple(_decoded(one, archive) for one in entry["arguments"]),
                    {k: _decoded(v, archive) for k, v in entry["options"].items()},
                )
                for entry in entries
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{file} is damaged: {error}") from None


def _opened(file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{file} cannot be read: {error}") from None


def _document(file: Path, archive: zipfile.ZipFile) -> list[dict[str, Any]]:
    try:
        document = json.loads(archive.read(CALLS))
        entries: list[dict[str, Any]] = document["calls"]
        for entry in entries:
            if not isinstance(entry["target"], str):
                raise TypeError("a target is a name")
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{file} is no record of calls: {error}; gradproof watch --record makes one"
        ) from None
    if document["version"] != VERSION:
        raise InputError(f"{file} was written by another version of gradproof")
    return entries


def _encoded(value: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if type(value) in (int, float):
        return {"number": repr(value)}
    if type(value) is complex:
        return {"complex": [repr(value.real), repr(value.imag)]}
    if type(value) in (list, tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_encoded(one, arrays) for one in value]}
    if type(value) is dict and all(isinstance(key, str) for key in value):
        return {"dict": {key: _encoded(one, arrays) for key, one in value.items()}}
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        arrays.append(value)
        return {"array": len(arrays) - 1}
    return _encoded_of_torch(value, arrays)


def _encoded_of_torch(value: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Size):
        return {"size": list(value)}
    if torch is not None and isinstance(value, torch.dtype):
        return {"dtype": str(value).removeprefix("torch.")}
    if torch is None or not isinstance(value, torch.Tensor):
        raise NotPlainError(value)
    if value.layout is not torch.strided or value.is_quantized:
        raise NotPlainError(value)
    flat = value.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
    empty = np.zeros(0, np.uint8)  # of no numbers torch gives no other view
    arrays.append(flat.view(torch.uint8).numpy() if flat.numel() else empty)
    return {
        "tensor": len(arrays) - 1,
        "shape": list(value.shape),
        "dtype": str(value.dtype).removeprefix("torch."),
        "requires_grad": value.requires_grad,
    }


def _decoded(value: Any, archive: zipfile.ZipFile) -> Any:
    if not isinstance(value, dict):
        return value
    kind = next(iter(value))
    inside = value[kind]
    if kind == "number":
        return float(inside) if set(inside) & set(".en") else int(inside)
    if kind == "complex":
        return complex(*map(float, inside))
    if kind in ("list", "tuple"):
        items = [_decoded(one, archive) for one in inside]
        return items if kind == "list" else tuple(items)
    if kind == "dict":
        return {key: _decoded(one, archive) for key, one in inside.items()}
    if kind == "array":
        return _array(archive, inside)
    return _decoded_of_torch(kind, value, archive)


def _decoded_of_torch(kind: str, value: dict[str, Any], archive: Any) -> Any:
    import torch

    if kind == "size":
        return torch.Size(value["size"])
    dtype = getattr(torch, value["dtype"])
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"{value['dtype']} is no dtype")
    if kind == "dtype":
        return dtype
    flat = torch.from_numpy(_array(archive, value["tensor"]).copy())
    flat = flat.view(dtype) if flat.numel() else torch.empty(0, dtype=dtype)
    tensor = flat.reshape(value["shape"])
    return tensor.requires_grad_(bool(value["requires_grad"]))


def _array(archive: zipfile.ZipFile, number: Any) -> np.ndarray[Any, Any]:
    with archive.open(f"{int(number)}.npy") as member:
        array: np.ndarray[Any, Any] = np.lib.format.read_array(
            member, allow_pickle=False
        )
    return array
