"""What a card shows of an item: which fields are its name, price and picture is told by how they are called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_NAMES = ("name", "title", "productname", "itemname", "displayname", "label", "headline")
_PRICES = ("price", "saleprice", "currentprice", "listprice", "amount", "cost")
_PICTURES = ("image", "picture", "photo", "thumbnail", "img")
_LONGEST_NAME, _LONGEST_VALUE, _MOST_FIELDS = 140, 80, 8


@dataclass(frozen=True)
class ItemCard:
    """An item, as a person sees it.

    Attributes:
        item_id: Its id.
        name: Its name; empty where it has none.
        price: Its price as text; empty where it has none.
        picture: The http(s) address of its picture; empty where it has none.
        host: What a placeholder says instead of the picture.
        others: Its other fields, name and value as text.
        hidden: How many further fields it has.
    """

    item_id: str
    name: str
    price: str
    picture: str
    host: str
    others: list[tuple[str, str]]
    hidden: int


def item_card(item: Mapping[str, Any]) -> ItemCard:
    """Choose the fields of an item's card."""
    fields = {key: value for key, value in item.items() if key != "itemId" and value is not None}
    name, price = _find(fields, _NAMES, "name"), _find(fields, _PRICES, "price")
    picture = _picture(fields)
    currency = next((key for key in fields if _plain(key) in ("currency", "currencycode")), None)
    shown = {name, price, picture, currency if price else None}
    others = [(_cut(key, 40), _text(value)) for key, value in fields.items() if key not in shown]
    address = fields[picture] if picture else ""
    return ItemCard(
        item_id=_cut(str(item.get("itemId", "")), _LONGEST_VALUE),
        name=_cut(str(fields[name]), _LONGEST_NAME) if name else "",
        price=_price(fields[price], fields.get(currency or "")) if price else "",
        picture=address if _web(address) else "",
        host=_host(address),
        others=others[:_MOST_FIELDS],
        hidden=max(0, len(others) - _MOST_FIELDS),
    )


def _plain(key: str) -> str:
    return re.sub(r"[^a-z]", "", key.lower())


def _find(fields: Mapping[str, Any], names: tuple[str, ...], part: str) -> str | None:
    """The field called as one of the names, in their order; else one with the word in its name. Lists are neither."""
    plain = {_plain(key): key for key in reversed(list(fields)) if isinstance(fields[key], str | int | float)}
    exact = (plain[name] for name in names if name in plain)
    return next(exact, next((key for word, key in reversed(list(plain.items())) if part in word), None))


def _picture(fields: Mapping[str, Any]) -> str | None:
    texts = [
        key
        for key, value in fields.items()
        if isinstance(value, str) and re.match(r"\s*[a-z]+:", value, re.IGNORECASE)
    ]
    called = [key for key in texts if any(word in _plain(key) for word in _PICTURES)]
    ending = [
        key for key in texts if re.search(r"\.(jpe?g|png|gif|webp|avif)($|\?)", fields[key], re.IGNORECASE)
    ]
    return next(iter([*called, *ending]), None)


def _web(address: str) -> bool:
    """Whether it is an address of the web, without a user and password, which no report is to send."""
    return re.match(r"https?://[^\s/?#@\\]+([/?#]|$)", address, re.IGNORECASE) is not None


def _host(address: str) -> str:
    if not _web(address):
        return "not a web address" if address else ""
    try:
        return _cut(urlsplit(address).hostname or "", 60)
    except ValueError:
        return "not a web address"


def _price(value: Any, currency: Any) -> str:
    text = f"{value:,.2f}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
    return _cut(f"{text} {currency}" if currency else text, 40)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _cut(", ".join(map(str, value)) if isinstance(value, list) else str(value), _LONGEST_VALUE)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
