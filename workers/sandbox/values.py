"""How does a Python value leave the sandbox without anything executable leaving with it?

JSON with the types JSON lacks spelled out as one-key objects. Only exact built-in types pass, so no method of the
untrusted code runs on the judging side and no `__eq__` of its own can claim equality.
"""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 40
MAX_ITEMS = 50_000


class NotPlain(ValueError):
    """A value that is not made of built-in types, or too deep or large."""


def to_plain(value: Any) -> Any:
    """Turn a value into what JSON can carry, or raise `NotPlain`."""
    return _Encoder().encode(value, 0)


def from_plain(plain: Any) -> Any:
    """Turn it back, or raise `NotPlain`."""
    if isinstance(plain, list):
        return [from_plain(item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    if len(plain) != 1:
        raise NotPlain("not an encoded value")
    ((tag, content),) = plain.items()
    try:
        return _DECODERS[tag](content)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise NotPlain(f"not an encoded value: {tag!r}") from exc


class _Encoder:
    def __init__(self) -> None:
        self._items = 0

    def encode(self, value: Any, depth: int) -> Any:
        self._items += 1
        if depth > MAX_DEPTH:
            raise NotPlain(f"nested deeper than {MAX_DEPTH} levels")
        if self._items > MAX_ITEMS:
            raise NotPlain(f"more than {MAX_ITEMS} items")
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            return value if _is_unicode(value) else {"text": value.encode("utf-8", "surrogatepass").hex()}
        if kind is int:
            return value if -(2**53) < value < 2**53 else {"int": hex(value)}
        if kind is float:
            return {"float": value.hex()}
        if kind is list:
            return [self.encode(item, depth + 1) for item in value]
        if kind in (tuple, set, frozenset):
            return {kind.__name__: [self.encode(item, depth + 1) for item in value]}
        if kind is dict:
            return {
                "dict": [[self.encode(key, depth + 1), self.encode(item, depth + 1)] for key, item in value.items()]
            }
        if kind is complex:
            return {"complex": [value.real.hex(), value.imag.hex()]}
        if kind in (bytes, bytearray):
            return {kind.__name__: value.hex()}
        if kind is range:
            return {"range": [value.start, value.stop, value.step]}
        raise NotPlain(f"a value of type {kind.__name__}, which is not a plain built-in value")


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


_DECODERS: dict[str, Any] = {
    "text": lambda content: bytes.fromhex(content).decode("utf-8", "surrogatepass"),
    "int": lambda content: int(content, 16),
    "float": float.fromhex,
    "tuple": lambda content: tuple(from_plain(content)),
    "set": lambda content: set(from_plain(content)),
    "frozenset": lambda content: frozenset(from_plain(content)),
    "dict": lambda content: {from_plain(key): from_plain(item) for key, item in content},
    "complex": lambda content: complex(float.fromhex(content[0]), float.fromhex(content[1])),
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
    "range": lambda content: range(*content),
}
