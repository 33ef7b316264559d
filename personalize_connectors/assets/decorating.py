"""A connector as a job configures it, and what it delivers of an item."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from personalize_connectors.connectors.protocol import Connector, Fields
from personalize_connectors.connectors.registry import connectors
from personalize_connectors.connectors.settings import ConnectorSettings
from personalize_connectors.engine.item_documents import Selection
from personalize_connectors.job_config import JobConfig


@dataclass(frozen=True)
class Decorating:
    """A connector as a job configures it."""

    config: JobConfig
    name: str

    @cached_property
    def connector(self) -> Connector:
        """The connector."""
        return connectors()[self.name]

    @cached_property
    def settings(self) -> ConnectorSettings:
        """Its block of config.json."""
        return self.config.connectors[self.name]

    @property
    def selection(self) -> Selection:
        """Which metadata it sends."""
        fields = self.settings.itemMetadataFields
        return Selection(tuple(fields) if fields is not None else None)

    @property
    def longest(self) -> int:
        """The longest list a user gets."""
        return self.config.top.itemsPerUser

    def payload(self, fields: Fields) -> tuple[bytes, list[tuple[str, str]]]:
        """What is delivered of an item, and the rules that its fields break."""
        text, findings = self.connector.payload(self.settings, fields)
        return text, [(finding.rule, finding.field) for finding in findings] if findings else []
