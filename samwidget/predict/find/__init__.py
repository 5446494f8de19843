"""*Find*: searches an image for objects like some that are chosen, or for what words and example boxes describe."""

from samwidget.predict.find.generate import find_similar, find_words
from samwidget.predict.find.similar import search_similar
from samwidget.predict.find.text import search_words

__all__ = ["find_similar", "find_words", "search_similar", "search_words"]
