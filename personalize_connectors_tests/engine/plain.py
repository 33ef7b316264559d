"""A payload as tests render items with: the document itself, without findings."""

from personalize_connectors.engine.item_documents import dump


def plain(fields):
    """The document, and no findings."""
    return dump(fields), []
