"""The service's sentences in French."""

from typing import Final

FRENCH: Final = {
    "Must be an integer.": "Doit être un entier.",
}
