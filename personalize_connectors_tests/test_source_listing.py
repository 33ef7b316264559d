"""How the newest batch outputs are listed, in a folder and on S3."""

import pytest

from personalize_connectors.errors import BadInput
from personalize_connectors.sources import Place, newest_sources, sources_from
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.outputs import NOVEMBER, folder, put_output

PARENT = "batch/daily"


def test_neighbours_are_not_mixed_up(anywhere):
    """Folders whose names begin alike, and folders in folders, do not lend each other their files."""
    place = Place(anywhere, "in")
    for name in ("x_2026_11_01", "x_2026_11_01-old", "x_2026_11_02", "x_2026_11_03"):
        put_output(anywhere, f"in/{name}")
    put_output(anywhere, "in/x_2026_11_03/deeper")
    put_output(anywhere, "in/x_2026_11_04/deeper")
    folders = ["in/x_2026_11_01", "in/x_2026_11_02", "in/x_2026_11_03"]
    assert [source.folder for source in newest_sources(place, 9) if "old" not in source.folder] == folders
    assert [source.folder for source in sources_from(place, "in/x_2026_11_02", 99)] == folders[1:]
    assert [len(source.files) for source in sources_from(place, "in/x_2026_11_03", 99)] == [1]


def test_does_not_list_without_end(anywhere):
    """Folders with more objects than a look may list are told with what to do."""
    for at in NOVEMBER[:3]:
        put_output(anywhere, folder(at), "", file="_CHECK")
        put_output(anywhere, folder(at))
    with pytest.raises(BadInput) as refused:
        newest_sources(Place(anywhere, PARENT), 3, most=5)
    assert str(refused.value) == (
        f"{anywhere.uri(PARENT)}: more than 5 objects in the folders from {folder(NOVEMBER[0])} on: "
        "name each batch output's folder with its time, and move what is no batch output elsewhere"
    )


def test_takes_only_as_many_as_are_asked_for(anywhere):
    """The newest so many, those from a time on and so many more, or none that are younger than another."""
    for at in NOVEMBER[:20]:
        put_output(anywhere, folder(at))
    place = Place(anywhere, PARENT)
    found = [
        newest_sources(place, 2),
        newest_sources(place, 2, since=NOVEMBER[16]),
        newest_sources(place, 2, until=NOVEMBER[4]),
        newest_sources(place, 0, since=NOVEMBER[1], until=NOVEMBER[4]),
        sources_from(place, folder(NOVEMBER[17]), 99),
    ]
    days = [[source.at.day for source in one] for one in found]
    assert days == [[19, 20], [15, 16, 17, 18, 19, 20], [4, 5], [2, 3, 4, 5], [18, 19, 20]]


def test_a_marked_folder_is_no_output(s3, s3_bucket):
    """The empty object that marks a folder, named as an output, is left out in every way of listing, so the version is one."""
    bucket = open_storage(f"s3://{s3_bucket}")
    for at in NOVEMBER[:2]:
        put_output(bucket, folder(at))
        put_output(bucket, folder(at), "", file="empty.out")
        s3.put_object(Bucket=s3_bucket, Key=f"{folder(at)}/dir.out/", Body=b"")
    place = Place(bucket, PARENT)
    listed = [newest_sources(place, 2)[-1], newest_sources(place, 1)[-1]]
    listed.append(sources_from(place, folder(NOVEMBER[0]), 99)[-1])
    listed.append(newest_sources(Place(bucket, folder(NOVEMBER[1])), 1)[-1])
    assert [[file.name for file in source.files] for source in listed] == [
        ["empty.out", "users.json.out"]
    ] * 4
    assert len({source.version for source in listed}) == 1
