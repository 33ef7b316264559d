"""The shop's catalogue: item ids, and products.json as it is on a day.

Item `row` stands in category `row % categories` at rank `row // categories`; rank 0 sells best.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
from numpy.typing import NDArray

from personalize_connectors.demo.size import ShopSize, part
from personalize_connectors.demo.wares import BRANDS, CATEGORIES, COLOURS, Category

Product = dict[str, object]

# Rows low enough to be on many lists, and in the smallest shop too.
_AWKWARD_IDS = {
    3: "sku 0003",
    8: "sku|0008",
    15: "sku.0015",
    22: "größe-0022",
    27: 'sku "0027"',
    34: "茶,0034",
}
_FIRST_NUMBER = 101
_STRIDE = 1009  # prime, so that neighbouring ranks differ in every word
_OPENED = datetime(2024, 6, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Catalogue:
    """All items by row: the id, the number of the style, and the product, or None for one unknown here."""

    ids: list[str]
    styles: NDArray[np.int64]
    products: list[Product | None]


def catalogue(size: ShopSize, day: int) -> Catalogue:
    """Return the items as they are on a day; only the prices of a few slow sellers differ between days."""
    ranks, categories = np.divmod(np.arange(size.items), size.categories)
    kinds = (ranks + categories) * _STRIDE
    ids = _ids(size)
    prices = _prices(size)
    products: list[Product | None] = [
        _product(row, ids[row], int(kinds[row]), prices[row], size) for row in range(size.items)
    ]
    _leave_gaps(products, size)
    if day == 1:
        _reduce_prices(products, part(size.items, 0.003))
    return Catalogue(ids, kinds % len(CATEGORIES[0].styles), products)


def products_json(products: list[Product | None]) -> bytes:
    """Return the item metadata file: one JSON line for each item that has metadata."""
    return b"".join(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in products if item)


def _ids(size: ShopSize) -> list[str]:
    numbers = size.rng("ids").permutation(size.items) + _FIRST_NUMBER
    return [_AWKWARD_IDS.get(row, str(number)) for row, number in enumerate(numbers.tolist())]


def _prices(size: ShopSize) -> list[float]:
    medians = np.array([category.median_price for category in CATEGORIES[: size.categories]])
    spread = size.rng("prices").lognormal(0.0, 0.45, size.items)
    prices = medians[np.arange(size.items) % size.categories] * spread
    return [max(1.0, round(price)) - 0.05 for price in prices.tolist()]


def _product(row: int, item_id: str, kind: int, price: float, size: ShopSize) -> Product:
    category = CATEGORIES[row % size.categories]
    name, brand, style = _words(category, kind)
    created = _OPENED + timedelta(hours=row * 7919 % 20_000)
    return {
        "id": item_id,
        "name": name,
        "brand": brand,
        "price": round(price, 2),
        "category": category.name,
        "style": style,
        "image_url": f"https://images.example.com/{category.name}/{row:05d}.jpg",
        "in_stock": row % 13 != 5,
        "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _words(category: Category, kind: int) -> tuple[str, str, str]:
    """Return name, brand and style; the first 2,400 kinds of a category have different names."""
    rest, style = divmod(kind, len(category.styles))
    rest, noun = divmod(rest, len(category.nouns))
    rest, brand = divmod(rest, len(BRANDS))
    colour = COLOURS[rest % len(COLOURS)]
    name = f"{BRANDS[brand]} {category.styles[style]} {category.nouns[noun]}, {colour}"
    return name, BRANDS[brand], category.styles[style]


def _leave_gaps(products: list[Product | None], size: ShopSize) -> None:
    """Take away the metadata of 1 % of the items, and one field of another 3 %."""
    plain = [row for row in range(size.items) if row not in _AWKWARD_IDS]
    unknown, partial = part(size.items, 0.01), part(size.items, 0.03)
    rows = size.rng("gaps").choice(plain, unknown + partial, replace=False).tolist()
    for turn, row in enumerate(rows[unknown:]):
        _GAPS[turn % len(_GAPS)](products[row] or {})
    for row in rows[:unknown]:
        products[row] = None


def _null(field: str) -> Callable[[Product], None]:
    return lambda product: product.update({field: None})


def _absent(field: str) -> Callable[[Product], None]:
    def drop(product: Product) -> None:
        product.pop(field)

    return drop


_GAPS = (_null("image_url"), _absent("price"), _null("brand"), _absent("category"), _null("price"))


def _reduce_prices(products: list[Product | None], count: int) -> None:
    """Reduce the worst sellers: few lists hold them, so that few users are touched."""
    for product in reversed(products):
        price = product.get("price") if product else None
        if product and isinstance(price, float) and count:
            product["price"] = round(price * 0.9 - 0.01, 2)
            count -= 1
