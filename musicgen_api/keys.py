"""API keys: who may use the service. Knows neither Flask nor the settings.

Only digests are kept, and they are compared in constant time. The log, the queue and the metrics know a key's label.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence

from marshmallow import ValidationError

LEAST_CHARACTERS = 16
_KEY = re.compile(r"[!-+\--~]+")  # visible ASCII without the comma
_LABEL = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)

LabelledKey = tuple[str, str]


class Keys:
    """The keys that are accepted, by their labels. Several keys may have one label, so that a key can be replaced."""

    def __init__(self, keys: Iterable[LabelledKey] = ()) -> None:
        self._digests = [(label, _digest(key)) for label, key in keys]

    def __bool__(self) -> bool:
        """Whether a key is needed."""
        return bool(self._digests)

    @property
    def labels(self) -> frozenset[str]:
        """Whom the keys belong to."""
        return frozenset(label for label, _ in self._digests)

    def label_of(self, presented: str) -> str | None:
        """The label of a key that somebody sent, None if it is wrong. Takes the same time for every key."""
        digest = _digest(presented)
        found = None
        for label, known in self._digests:
            if hmac.compare_digest(known, digest):
                found = label
        return found


def parse_keys(items: Sequence[str]) -> list[LabelledKey]:
    """`label:key`, or a key alone, which gets the label `key-1`, `key-2`, ... by its place in the list.

    Raises:
        marshmallow.ValidationError: an item is not a key, or one key has two labels. The text never holds a key.
    """
    keys: dict[str, str] = {}
    for number, item in enumerate(items, start=1):
        label, separator, key = (part.strip() for part in item.partition(":"))
        if not separator:
            label, key = f"key-{number}", label
        if not _LABEL.fullmatch(label):
            raise ValidationError(f"has a label at place {number} that is not made of letters, digits, '.', '_', '-'.")
        if len(key) < LEAST_CHARACTERS or not _KEY.fullmatch(key):
            what = f"at least {LEAST_CHARACTERS} visible ASCII characters without a comma"
            raise ValidationError(f"has a key at place {number} that is not {what}.")
        if keys.setdefault(key, label) != label:
            raise ValidationError(f"has the key at place {number} twice, with two labels.")
    if not keys:
        raise ValidationError("has no key in it.")
    return [(label, key) for key, label in keys.items()]


def split_list(text: str) -> list[str]:
    """The items between commas."""
    return [item.strip() for item in text.split(",") if item.strip()]


def read_file(path: str) -> list[LabelledKey]:
    """The keys in a file, one a line; empty lines and lines that begin with # do not count.

    Raises:
        marshmallow.ValidationError: the file cannot be read, or a line is not a key.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = [line.strip() for line in file]
    except OSError as error:
        raise ValidationError(f"cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ValidationError("is not a text file.") from None
    return parse_keys([line for line in lines if line and not line.startswith("#")])


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
