"""What must hold, after every run and in the end; each raises a Violation."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from benchmarks.soak.ledger import Entry, Ledger, Violation
from benchmarks.soak.shop import JOB, Attributes, Shop
from personalize_connectors.delivery.state import accepted_state, find_accepted
from personalize_connectors.engine.delta import REMOVED

Profiles = dict[str, Attributes]
State = dict[str, bytes | None]


def read_state(session: duckdb.DuckDBPyConnection, ledger: Ledger) -> State:
    """User to the fingerprint that the state knows, as the next run would read it."""
    found = accepted_state(session, ledger.bucket, find_accepted(ledger.bucket, JOB, "braze"))
    return {user: digest for user, digest, _ in found.fetchall()}


def check_state(number: int, state: State, profiles: Profiles, ledger: Ledger) -> None:
    """Nothing is in the state that was not accepted: the profiles hold what the fingerprints stand for."""
    for user, digest in state.items():
        if digest is None:
            continue
        wanted = ledger.stands_for.get((user, digest))
        if wanted is None:
            raise Violation(
                number, f"{user}: the state has the fingerprint {digest.hex()}, which no run planned"
            )
        if not wanted.items() <= profiles.get(user, {}).items():
            raise Violation(
                number, f"{user}: the state stands for {wanted}, the profile holds {profiles.get(user)}"
            )


def check_profiles(number: int, shop: Shop, profiles: Profiles, state: State) -> None:
    """Every user's profile is what the output says; who is gone is as missingUsers says."""
    for user in shop.lists:
        if not shop.wanted(user).items() <= profiles.get(user, {}).items():
            raise Violation(
                number, f"{user}: the input says {shop.wanted(user)}, the profile holds {profiles.get(user)}"
            )
    attribute = shop.config.attribute
    for user in profiles.keys() - shop.lists.keys() - shop.errors:
        lingers = attribute in shop.lingering.get(user, ())
        if shop.config.missing == "unset" and (
            user in state or (attribute in profiles[user] and not lingers)
        ):
            raise Violation(number, f"{user} left and should be unset; the profile holds {profiles[user]}")


def check_folded(number: int, state: State, ledger: Ledger) -> None:
    """The state is what all receipts say together: every accepted user is in it, and nobody else."""
    told = {
        user: row["fingerprint"] if row["status"] == "accepted" else None
        for user, row in ledger.last_words().items()
        if not (row["status"] == "accepted" and row["fingerprint"] == REMOVED)
    }
    for user in told.keys() | state.keys():
        if told.get(user, REMOVED) != state.get(user, REMOVED):
            raise Violation(
                number, f"{user}: by the receipts {told.get(user)!r}, in the state {state.get(user)!r}"
            )


def check_sent(ledger: Ledger) -> None:
    """What was applied was planned and has its receipt, and what was sent twice is owned up to."""
    before: dict[str, tuple[bytes, Entry]] = {}
    for entry in ledger.entries:
        for user in entry.receipts.keys() | entry.applied.keys():
            _check_receipts(entry, user)
        for user in entry.applied:
            digest = entry.planned[user]
            if user in before and before[user][0] == digest:
                _check_again(ledger, user, before[user][1], entry)
            before[user] = digest, entry
        _check_report(entry)
        _check_in_flight(entry)


def sent_more_than_once(ledger: Ledger) -> int:
    """Records that were applied more than once before the user was sent anything else."""
    count = 0
    before: dict[str, tuple[bytes, bool]] = {}
    for entry in ledger.entries:
        for user, times in entry.applied.items():
            digest = entry.planned[user]
            again = user in before and before[user][0] == digest
            counted = again and before[user][1]
            count += (again or times > 1) and not counted
            before[user] = digest, again or times > 1
    return count


def owned_up_to(ledger: Ledger) -> Iterator[int]:
    """For each run the records that its receipts say may have been sent more than once, or are to be sent again."""
    for entry in ledger.entries:
        yield sum(entry.owned(user) for user in list(entry.receipts))


def _check_receipts(entry: Entry, user: str) -> None:
    rows, count = entry.receipts[user], entry.applied.get(user, 0)
    if count and user not in entry.planned:
        raise Violation(entry.number, f"{user} was sent {count} times, and was not to be sent")
    told = {row["status"] for row in rows if row["fingerprint"] == entry.planned.get(user)}
    if count and not told & {"accepted", "unknown"}:
        raise Violation(entry.number, f"{user} was sent {count} times; the receipts say {rows}")
    if "accepted" in told and not count:
        raise Violation(entry.number, f"{user} was accepted, says a receipt, and nothing was applied: {rows}")
    if count > 1 and not entry.owned(user):
        raise Violation(entry.number, f"{user} was sent {count} times, and no receipt says so: {rows}")


def _check_again(ledger: Ledger, user: str, earlier: Entry, entry: Entry) -> None:
    """What was sent before is sent again only where nobody knows what the profile holds."""
    since = ledger.entries[earlier.number - 1 : entry.number - 1]
    if not any(run.uncertain(user) for run in since):
        raise Violation(entry.number, f"{user} was sent again what run {earlier.number} had accepted")


def _check_report(entry: Entry) -> None:
    """A run that ended well reports every record that it sent more than once."""
    sent, reported = sum(count > 1 for count in entry.applied.values()), entry.end.numbers
    if reported and sent > reported["records_perhaps_billed_twice"]:
        raise Violation(entry.number, f"{sent} records were sent more than once; the run reports {reported}")


def _check_in_flight(entry: Entry) -> None:
    found, most = entry.in_flight_at_the_kill(), entry.config.concurrent * entry.config.records
    if found > most:
        raise Violation(entry.number, f"{found} records were in flight at the kill, more than {most}")
