"""Cards: which fields of an item are its name, price and picture."""

import pytest

from personalize_connectors.report.cards import item_card


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"itemId": "1"}, ("", "", "", "")),
        ({"itemId": "1", "name": "Lamp", "price": 39.9}, ("Lamp", "39.90", "", "")),
        ({"itemId": "1", "brand_name": "Acme", "Title": "Lamp"}, ("Lamp", "", "", "")),
        (
            {"itemId": "1", "PRODUCT_NAME": "Lamp", "sale_price": 1234, "currency": "EUR"},
            ("Lamp", "1,234.00 EUR", "", ""),
        ),
        ({"itemId": "1", "name": None, "price": None}, ("", "", "", "")),
        ({"itemId": "1", "name": ["a", "b"], "price": {"a": 1}}, ("", "", "", "")),
        ({"itemId": "1", "price": "from 9 €"}, ("", "from 9 €", "", "")),
        (
            {"itemId": "1", "image_url": "https://a.example/1.jpg"},
            ("", "", "https://a.example/1.jpg", "a.example"),
        ),
        (
            {"itemId": "1", "url": "https://a.example/1", "img": "http://b.example/2"},
            ("", "", "http://b.example/2", "b.example"),
        ),
        (
            {"itemId": "1", "link": "https://a.example/1.webp?x"},
            ("", "", "https://a.example/1.webp?x", "a.example"),
        ),
        ({"itemId": "1", "image": "javascript:alert(1)"}, ("", "", "", "not a web address")),
        ({"itemId": "1", "image": "https://user:pw@a.example/x.png"}, ("", "", "", "not a web address")),
        ({"itemId": "1", "image": "https:///user:pw@a.example/x.png"}, ("", "", "", "not a web address")),
        ({"itemId": "1", "image": "https://us\ner:pw@a.example/x.png"}, ("", "", "", "not a web address")),
        (
            {"itemId": "1", "image": "https://a.example/@/x.png"},
            ("", "", "https://a.example/@/x.png", "a.example"),
        ),
        ({"itemId": "1", "image": "data:image/png;base64,AAAA"}, ("", "", "", "not a web address")),
        ({"itemId": "1", "image": "https://[::1/x"}, ("", "", "https://[::1/x", "not a web address")),
        ({"itemId": "1", "image": "//a.example/x.png"}, ("", "", "", "")),
    ],
)
def test_fields_are_told_by_their_names(item, expected):
    """Name, price with its currency, picture and its host; what has none of them is left empty."""
    card = item_card(item)
    assert (card.name, card.price, card.picture, card.host) == expected


def test_other_fields_stand_in_small():
    """All other fields are text, long ones are cut, and of many only the first are shown."""
    item = {
        "itemId": "i",
        "stock": True,
        "tags": ["a", "b"],
        "text": "x" * 200,
        **{f"f{n}": n for n in range(9)},
    }
    card = item_card(item)
    assert card.others[:3] == [("stock", "yes"), ("tags", "a, b"), ("text", "x" * 79 + "…")]
    assert (len(card.others), card.hidden) == (8, 4)
