"""What Braze would drop with a success answer, or refuse: the rules that `onInvalid` names.

Source: Braze documentation, "Data types", "Nested custom attributes", "Array of objects" and "User track".
"""

from __future__ import annotations

from collections.abc import Mapping

from personalize_connectors.connectors.protocol import FIELD_ACTIONS, RECORD_ACTIONS, Rule

RULES: Mapping[str, Rule] = {
    "text_over_255_characters": Rule("a text over 255 characters", FIELD_ACTIONS),
    "name_not_storable": Rule(
        "a name over 255 characters, with a space, a dot or a dollar sign, or of a field of Braze's own profile",
        FIELD_ACTIONS,
    ),
    "time_not_text": Rule("a $time that is no text", FIELD_ACTIONS),
    "null_inside": Rule("a null inside a nested value", FIELD_ACTIONS),
    "array_over_500_elements": Rule("an array of over 500 elements", FIELD_ACTIONS),
    "value_over_50_levels": Rule("a value nested in over 50 levels", FIELD_ACTIONS),
    "value_over_100_kb": Rule("a nested value over 100 KB", FIELD_ACTIONS),
    "item_id_too_long": Rule(
        "an item id over 255 characters, or with ids over 250 as the catalog writes it, without which the list would shift",
        RECORD_ACTIONS,
    ),
    "id_over_987_bytes": Rule("an external_id over 987 bytes", RECORD_ACTIONS),
    "list_over_100_kb": Rule(
        "a list over 100 KB; name fewer or shorter itemMetadataFields, or lower itemsPerUser", RECORD_ACTIONS
    ),
    "misaligned": Rule(
        "items with equal values or without one, which moves the others to other items, for Braze keeps arrays as sets",
        RECORD_ACTIONS,
    ),
}
