"""Whatever happens on the way, one clean run leaves every profile as the last output says, and then nothing is planned."""

from __future__ import annotations

import json
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path

import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from personalize_connectors import layout
from personalize_connectors.allowance import NOTHING
from personalize_connectors.assets.decoration import (
    ASSET,
    LISTS,
    PRESENT,
    decorate,
    items_frame,
)
from personalize_connectors.assets.record_lines import with_record_lines
from personalize_connectors.assets.removal import NAMELESS_LINES
from personalize_connectors.connectors.registry import connectors
from personalize_connectors.delivery.dispatch import Dispatch, Watch, dispatch
from personalize_connectors.delivery.order import Pace
from personalize_connectors.delivery.state import accepted_state, find_accepted, snapshot
from personalize_connectors.engine.frame import Frame
from personalize_connectors.engine.recommendations import SCHEMA as USERS
from personalize_connectors.engine.session import open_session
from personalize_connectors.errors import DeliveryRefused, DestinationUnavailable
from personalize_connectors.folders import write_frames
from personalize_connectors.job_config import parse_config
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.delivery.mortal import FAULTS, Braze, Died, Disk, Life
from personalize_connectors_tests.delivery.receipt_rows import read
from personalize_connectors_tests.engine.plain import items as items_of

JOB = Job("user_personalization", "daily")
ENVIRONMENT = {"BRAZE_REST_ENDPOINT_URL": "http://127.0.0.1", "BRAZE_API_KEY": "key"}
ATTRIBUTE = "recommendation_items"
NAMES = pa.schema([("user_id", pa.string())])

USER = st.sampled_from("uvwxyz")
LISTS_OF_USERS = st.dictionaries(USER, st.sampled_from(["a", "b", "ab", "ba"]), min_size=1)
BLOCK = st.fixed_dictionaries(
    {"payload": st.sampled_from(["objects", "ids"]), "missingUsers": st.sampled_from(["keep", "unset"])},
    optional={"otherAttributes": st.sampled_from([{"source": "x"}, {"source": "y"}])},
)
# What a run finds changed. Of some users the output has only an error.
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "lists": LISTS_OF_USERS,
        "errors": st.sets(USER, max_size=2),
        "price": st.integers(1, 2),
        "block": BLOCK,
        "refused": st.sets(USER, max_size=2),
    },
)


class Deliveries(RuleBasedStateMachine):
    """Runs in which things go wrong, and a model of what the profiles should hold."""

    def __init__(self, session):
        super().__init__()
        self.session = session
        self.folder = Path(tempfile.mkdtemp())
        self.bucket = open_storage(str(self.folder))
        self.braze = Braze()
        self.day = datetime(2026, 1, 1, tzinfo=UTC)
        self.stands_for = {}

    @initialize(lists=LISTS_OF_USERS, block=BLOCK)
    def begin(self, lists, block):
        """The first output."""
        self.lists, self.errors, self.price, self.block = lists, set(), 1, block

    @rule(
        changes=CHANGES,
        new=st.booleans(),
        faults=st.lists(st.sampled_from(FAULTS), max_size=5),
        patient=st.booleans(),
        at_a_time=st.integers(1, 2),
    )
    def deliver(self, changes, new, faults, patient, at_a_time):
        """A run of a new partition or of the last one, in which requests can fail, and the run with them."""
        self._change(**changes)
        self._deliver(Life(), new=new, faults=faults, patient=patient, at_a_time=at_a_time)
        self._check_the_state()

    @rule(
        changes=CHANGES,
        new=st.booleans(),
        faults=st.lists(st.sampled_from(FAULTS), max_size=3),
        left=st.integers(0, 40),
        journal=st.sampled_from(["kept", "torn", "lost", "restarted"]),
        cut=st.integers(0, 400),
    )
    def deliver_and_die(self, changes, new, faults, left, journal, cut):
        """A run that is killed at any moment, perhaps with its machine."""
        self._change(**changes)
        self._deliver(Life(left), new=new, faults=faults)
        self._spoil(journal, cut)
        self._check_the_state()

    def teardown(self):
        """A clean run, and the same run again."""
        try:
            if hasattr(self, "lists"):
                self._deliver(Life())
                self._check_the_state()
                self._check_the_profiles()
                self._check_the_receipts()
                sent = self.braze.requests
                assert (self._deliver(Life(), new=False), self.braze.requests) == (0, sent)
        finally:
            shutil.rmtree(self.folder)

    def _check_the_state(self):
        """Whom the state knows with a fingerprint has that on the profile, and whoever has anything is in the state."""
        profiles, state = self.braze.profiles(), self._state()
        for user, digest in state.items():
            if digest is not None:
                assert self.stands_for[user, digest].items() <= profiles[user].items()
        assert {user for user, found in profiles.items() if ATTRIBUTE in found} <= state.keys()

    def _check_the_profiles(self):
        """The profiles are as the output says, and who is gone is kept or unset; who is rejected now is left as he was."""
        profiles, state = self.braze.profiles(), self._state()
        for user in self.lists.keys() - self.braze.refused:
            assert self._wanted(user).items() <= profiles[user].items()
        if self.block["missingUsers"] == "unset":
            gone = profiles.keys() - self.lists.keys() - self.braze.refused - self.errors
            assert not {user for user in gone if user in state or ATTRIBUTE in profiles[user]}

    def _check_the_receipts(self):
        """Nobody was sent again what was accepted last."""
        receipts = [row for row in read(self.bucket, self._receipts()) if row["status"] != "rejected"]
        by_user = sorted(receipts, key=itemgetter("user_id", "answered_at"))
        for _, rows in groupby(by_user, itemgetter("user_id")):
            for one, other in pairwise((row["status"], row["fingerprint"]) for row in rows):
                assert one != other or one[0] == "unknown"

    def _change(self, refused=None, **changes):
        for name, value in changes.items():
            setattr(self, name, value)
        self.errors = self.errors - self.lists.keys()
        self.braze.refused = self.braze.refused if refused is None else refused

    def _wanted(self, user):
        """What the output says of a user."""
        documents = [{"price": self.price, "itemId": item} for item in self.lists[user]]
        items = documents if self.block["payload"] == "objects" else list(self.lists[user])
        return {ATTRIBUTE: items, **self.block.get("otherAttributes", {})}

    def _receipts(self):
        return layout.delivered(JOB, "braze", "receipts")

    def _state(self):
        found = accepted_state(self.session, self.bucket, find_accepted(self.bucket, JOB, "braze"))
        return {user: digest for user, digest, _ in found.fetchall()}

    def _deliver(self, life, *, new=True, faults=(), patient=True, at_a_time=1):
        """Do what a run does, in the order of the assets; gives how many records were to be sent."""
        self.day += timedelta(days=new)
        run, planned = JobRun(JOB, self.day), []
        disk = Disk(self.bucket.url, self.bucket.store, self.bucket.local, life)
        self.braze.meet(life, faults)
        config = self._config(at_a_time)
        try:
            with open_session(1 << 28) as session:
                session.execute("SET threads = 1")
                what = Dispatch(
                    bucket=disk,
                    run=run,
                    connector=connectors()["braze"],
                    settings=config.connectors["braze"],
                    decorated=self._decorated(session, disk, run, config),
                    documents=items_frame("braze"),
                    longest=config.top.itemsPerUser,
                    delta=True,
                    pace=Pace(first_wait=0, budget=60 if patient else 0, last_answers=0),
                    connect=self.braze.connect,
                )
                watch = Watch(lambda _: None, lambda _, total: planned.append(total))
                dispatch(session, what, ENVIRONMENT, watch)
                accepted = find_accepted(disk, JOB, "braze")
                write_frames(disk, [snapshot(session, disk, run, "braze", accepted)])
        except (Died, DeliveryRefused, DestinationUnavailable):
            self.bucket.clear(layout.lease(JOB, "braze"))  # its holder, this very process, lives on
        return max(planned, default=0)

    def _config(self, at_a_time):
        block = {
            **self.block,
            "concurrentRequests": at_a_time,
            "recordsPerRequest": 2,
            "maxRemovalShare": 1.0,
        }
        content = {"batchInferencePath": "batch", "connectors": {"braze": block}}
        return parse_config(json.dumps(content).encode(), "config.json", JOB)

    def _decorated(self, session, disk, run, config):
        rows = [{"user_id": user, "items": list(items)} for user, items in self.lists.items()]
        lists, present = pa.Table.from_pylist(rows, USERS), pa.table([sorted(self.errors)], schema=NAMES)
        folder = layout.stage(run, "user_recommendations")
        frames = [
            Frame(USERS, iter(lists.to_batches()), folder, name=LISTS, manifest={NAMELESS_LINES: 0}),
            Frame(NAMES, iter(present.to_batches()), folder, name=PRESENT),
        ]
        users = write_frames(self.bucket, frames)[folder]
        names = sorted(set("".join(self.lists.values())))
        items = items_of({item: json.dumps({"price": self.price}) for item in names})
        found = decorate(session, disk, run, config, users, items, NOTHING)["braze"]
        decorated = write_frames(disk, [with_record_lines(run, found), found.items])[layout.stage(run, ASSET)]
        for row in decorated.scan("braze").to_table().to_pylist():
            if row["change"] != "removed":
                self.stands_for[row["user_id"], row["fingerprint"]] = self._wanted(row["user_id"])
        return decorated

    def _spoil(self, journal, cut):
        """What the death of a process, or of its machine, can do to its journal."""
        for path in self.folder.rglob("*.journal"):
            content = path.read_bytes()
            if journal == "lost":
                path.unlink()
            elif journal == "torn":
                path.write_bytes(content + b'{"request":"')
            elif journal == "restarted":
                path.write_bytes(content.replace(b'{"boot":"', b'{"boot":"another ')[:cut])


def test_one_clean_run_leaves_everything_as_it_should_be(session):
    """After any outputs, configs, rejections, faults and kills one clean run makes all right, and then there is nothing to send."""
    run_state_machine_as_test(
        lambda: Deliveries(session),
        settings=settings(max_examples=25, stateful_step_count=8, deadline=None),
    )
