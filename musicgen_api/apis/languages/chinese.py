"""The service's sentences in Chinese."""

from typing import Final

CHINESE: Final = {
    "Must be an integer.": "必须是整数。",
}
