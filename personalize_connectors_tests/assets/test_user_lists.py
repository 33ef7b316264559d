"""The lists of the users: those written in the same pass as the lines, and those made of the written lines."""

from dataclasses import replace

import pytest

from personalize_connectors import layout
from personalize_connectors.assets.decoration import LISTS
from personalize_connectors.assets.user_lists import user_lists
from personalize_connectors.engine.session import open_session
from personalize_connectors.folders import open_folder, write_frames
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.jobs import read_config
from personalize_connectors_tests.assets.runs import DAYS, launch

JOB = Job("user_personalization", "daily")
RUN = JobRun(JOB, DAYS[0])
ERROR = '{"input":{"userId":"nobody"},"error":"no items"}'
NAMELESS = '{"input":{},"output":{"recommendedItems":["a"]}}'
AGAIN = '{"input":{"userId":"u"},"output":{"recommendedItems":["c","é"],"scores":[0.5,0.25]}}'
LISTS_OF = {"u": ["a", "b", "c"], "v": ["é"], 'w"': ["a", "a"]}


def lists_in(folder):
    """The rows of some lists."""
    return sorted(folder.scan(LISTS).to_table().to_pylist(), key=lambda row: row["user_id"])


def files_of(folder):
    """The names of the files with lists."""
    return [file["name"] for file in folder.manifest["files"] if file["frame"] == LISTS]


def made_anew(world, raw):
    """The lists as they are made of the written lines."""
    alone = replace(raw, manifest={**raw.manifest, "beside": []})
    with open_session(1 << 30) as session:
        found = user_lists(session, world.bucket, RUN, read_config(world.bucket, JOB), alone)
        frames = [replace(frame, folder="anew") for frame in found.frames]
        return write_frames(world.bucket, frames)["anew"]


@pytest.mark.parametrize(
    ("more", "taken_over"),
    [
        ((), True),
        ((ERROR, NAMELESS, "{"), True),
        ((AGAIN,), False),
    ],
)
def test_lists_of_the_same_pass_are_those_of_the_stage(world, more, taken_over):
    """They are taken over as they are, unless a query stands in several lines; either way they are the same rows."""
    world.configure(JOB, itemsPerUser=2, maxErrorShare=1)
    world.answer(JOB, 0, LISTS_OF, *more)
    assert world.run(JOB, 0).success
    raw = open_folder(world.bucket, layout.stage(RUN, "batch_inference_raw"))
    users = open_folder(world.bucket, layout.stage(RUN, "user_recommendations"))
    assert (files_of(users) == [file["name"] for _, file in raw.beside]) == taken_over
    anew = made_anew(world, raw)
    assert lists_in(users) == lists_in(anew)
    assert [users.rows_of(name) for name in (LISTS, "present")] == [
        anew.rows_of(name) for name in (LISTS, "present")
    ]


@pytest.mark.parametrize("lost", [False, True])
def test_lists_are_made_anew_where_those_of_the_pass_are_not_wanted(world, lost):
    """Where the longest list changed since, or a file is gone, the stage makes its lists of the written lines."""
    world.configure(JOB, itemsPerUser=2)
    world.answer(JOB, 0, LISTS_OF)
    assert world.run(JOB, 0).success
    assert launch(world.instance, RUN.key, only="batch_inference_raw").success
    raw = open_folder(world.bucket, layout.stage(RUN, "batch_inference_raw"))
    ((folder, file),) = raw.beside
    if lost:
        world.bucket.remove(f"{folder}/{file['name']}")
    else:
        world.configure(JOB, itemsPerUser=1)
    assert launch(world.instance, RUN.key, only="user_recommendations").success
    users = open_folder(world.bucket, layout.stage(RUN, "user_recommendations"))
    assert file["name"] not in files_of(users)
    assert lists_in(users) == lists_in(made_anew(world, raw))
    longest = 2 if lost else 1
    assert [row["items"] for row in lists_in(users)] == [
        LISTS_OF[user][:longest] for user in sorted(LISTS_OF)
    ]


def test_a_stage_that_runs_again_keeps_the_files_that_it_took_over(world):
    """The lists are the same after the stage ran by itself a second time, and nothing else is left in its folder."""
    world.configure(JOB)
    world.answer(JOB, 0, LISTS_OF)
    assert world.run(JOB, 0).success
    users = open_folder(world.bucket, layout.stage(RUN, "user_recommendations"))
    assert launch(world.instance, RUN.key, only="user_recommendations").success
    again = open_folder(world.bucket, layout.stage(RUN, "user_recommendations"))
    assert (files_of(again), lists_in(again)) == (files_of(users), lists_in(users))
    names = {file["name"] for file in again.manifest["files"]} | {"_SUCCESS"}
    assert {found.name for found in world.bucket.objects(again.path)} == names
