"""The address and key that requests go out with, read again where the destination refuses them."""

from __future__ import annotations

import asyncio

from personalize_connectors.connectors.exchange import Destination
from personalize_connectors.delivery.order import Order


class Renewal:
    """Where requests go now; for one event loop.

    Attributes:
        destination: Address and key.
    """

    def __init__(self, what: Order) -> None:
        self.destination = what.destination
        self._what, self._turn = what, asyncio.Lock()

    async def renewed(self, refused: Destination) -> bool:
        """Whether there is another address or key by now than what was refused; many requests may ask at once."""
        async with self._turn:
            if self.destination == refused and self._what.renew:
                loop = asyncio.get_running_loop()
                self.destination = await loop.run_in_executor(None, self._what.renew)
                if self.destination != refused:
                    self._what.say(
                        f"{self._what.connector.name}: the key was refused; there is another one by now"
                    )
            return self.destination != refused
