"""The profiles of a workspace, and what they have cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from personalize_connectors.emulators.braze.attribute_types import AttributeRules
from personalize_connectors.emulators.braze.profiles import Profile, attribute_name, write_attributes
from personalize_connectors.emulators.braze.settings import BrazeEmulatorSettings
from personalize_connectors.emulators.braze.validation import ProfileKey

Taken = tuple[str, ProfileKey, Mapping[str, object]]
"""The array an accepted object came in, the profile it is about, and the object."""


class ProfileStore:
    """Profiles by identifier, with the data-point meter."""

    def __init__(self, settings: BrazeEmulatorSettings) -> None:
        rules = AttributeRules(
            settings.blocked_attributes, settings.forced_types, learns=settings.fix_first_type
        )
        self._rules = rules if rules.any else None
        self._profiles: dict[ProfileKey, Profile] = {}
        self._objects: dict[ProfileKey, int] = {}
        self.data_points = 0

    def __len__(self) -> int:
        return len(self._profiles)

    def write(self, objects: Iterable[Taken]) -> None:
        """Apply the objects of a request, in their order.

        An unknown user is created unless ``_update_existing_only``, which is the default for an alias
        (documented, 1.4). One that is dropped for it counts as processed and costs nothing (assumed).
        An event or a purchase costs one data point (documented, 2.2).
        """
        counted = self._objects
        for array, key, item in objects:
            counted[key] = counted.get(key, 0) + 1
            profile = self._profiles.get(key)
            if profile is None:
                if item.get("_update_existing_only", key[0] == "user_alias"):
                    continue
                profile = self._profiles[key] = {}
            self.data_points += write_attributes(profile, item, self._rules) if array == "attributes" else 1

    def get(self, key: ProfileKey) -> Profile | None:
        """The custom attributes of one user."""
        return self._profiles.get(key)

    def values(self, key: ProfileKey, names: Iterable[str]) -> Profile:
        """What the profile has now of these attributes."""
        profile = self._profiles.get(key, {})
        kept = [name for given in names if (name := attribute_name(given))]
        return {name: profile[name] for name in kept if name in profile}

    def profiles(self) -> list[tuple[str, object]]:
        """The external ids with their custom attributes; users known by other identifiers are left out."""
        return [(key, profile) for key, profile in self._profiles.items() if isinstance(key, str)]

    def objects(self) -> list[tuple[str, object]]:
        """The external ids with the number of objects that were applied to each: sent twice is applied twice."""
        return [(key, count) for key, count in self._objects.items() if isinstance(key, str)]
