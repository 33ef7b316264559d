"""What the shop sells: the words and prices from which products are put together, all made up."""

from __future__ import annotations

from dataclasses import dataclass

BRANDS = (
    "Aldermoor",
    "Brindlewick",
    "Corvane",
    "Dunnholt",
    "Elmsbrook",
    "Fernhythe",
    "Gullmark",
    "Hallowfen",
    "Lundervik",
    "Marlowby",
    "Oxcombe",
    "Tarnbeck",
)
COLOURS = ("amber", "chalk", "cobalt", "forest", "graphite", "moss", "oat", "plum", "rust", "slate")


@dataclass(frozen=True)
class Category:
    """A shelf: its median price, and what stands on it in which styles."""

    name: str
    median_price: float
    styles: tuple[str, ...]
    nouns: tuple[str, ...]


CATEGORIES = (
    Category(
        "shoes",
        79,
        ("trail", "city", "classic", "studio"),
        ("running shoe", "ankle boot", "sneaker", "loafer", "sandal"),
    ),
    Category(
        "lamps",
        64,
        ("brass", "paper", "industrial", "nordic"),
        ("desk lamp", "floor lamp", "pendant", "wall light", "lantern"),
    ),
    Category(
        "tea",
        11,
        ("green", "black", "herbal", "smoked"),
        ("loose tea", "tea bags", "sampler", "tin", "gift box"),
    ),
    Category(
        "tents",
        240,
        ("ultralight", "family", "four-season", "beach"),
        ("dome tent", "tunnel tent", "tarp", "bivouac", "shelter"),
    ),
    Category(
        "kitchen",
        42,
        ("enamel", "cast-iron", "copper", "oak"),
        ("skillet", "saucepan", "chopping board", "kettle", "casserole"),
    ),
    Category(
        "jackets",
        129,
        ("rain", "down", "fleece", "waxed"),
        ("jacket", "parka", "anorak", "gilet", "overshirt"),
    ),
    Category(
        "books",
        18,
        ("illustrated", "pocket", "annotated", "large-print"),
        ("atlas", "cookbook", "field guide", "novel", "diary"),
    ),
    Category(
        "bikes",
        490,
        ("gravel", "folding", "cargo", "touring"),
        ("bicycle", "frame set", "wheel set", "trailer", "kick bike"),
    ),
    Category(
        "garden",
        33,
        ("terracotta", "zinc", "cedar", "willow"),
        ("planter", "watering can", "trowel", "bird house", "bench"),
    ),
    Category(
        "audio",
        115,
        ("wireless", "vintage", "compact", "outdoor"),
        ("speaker", "headphones", "turntable", "radio", "microphone"),
    ),
    Category(
        "toys",
        24,
        ("wooden", "plush", "magnetic", "musical"),
        ("train", "puzzle", "building blocks", "kite", "bear"),
    ),
    Category(
        "bedding",
        58,
        ("linen", "cotton", "wool", "bamboo"),
        ("duvet cover", "pillow", "blanket", "sheet", "quilt"),
    ),
)
