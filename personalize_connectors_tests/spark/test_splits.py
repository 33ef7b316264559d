"""Files in splits; no cluster is needed."""

from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.engine.lines import line_batches, lines_of
from personalize_connectors.spark.root import root_of
from personalize_connectors.spark.splits import blocks_of, count_lines, numbered, splits_of
from personalize_connectors.storage import open_storage

scraps = [b"\n", b"\r\n", b"a", b"long " * 20, b"\xef\xbb\xbf", "é€😀".encode(), b"\xff", b"\xe2\x82"]
contents = st.lists(st.sampled_from(scraps), max_size=20).map(b"".join)


@given(files=st.lists(contents, max_size=3), size=st.integers(1, 60))
def test_splits_of_any_size_hold_the_lines_of_the_whole(tmp_path_factory, files, size):
    """Each line is in one split, with the place that it has in its file; a byte order mark is cut off the file and nothing else."""
    storage = open_storage(str(tmp_path_factory.mktemp("files")))
    for number, content in enumerate(files):
        storage.write(f"{number}.out", content)
    objects = storage.objects("")
    splits = splits_of(objects, size)
    counts = [count_lines(blocks_of(storage, objects[split.file_no], split)) for split in splits]
    found = [
        row
        for split in numbered(splits, counts)
        for batch in lines_of(split.file_no, blocks_of(storage, objects[split.file_no], split), split.line)
        for row in batch.to_pylist()
    ]
    assert found == [
        row for batch in line_batches([[content] for content in files]) for row in batch.to_pylist()
    ]


def test_only_how_a_bucket_is_reached_goes_to_the_workers(s3_bucket, tmp_path):
    """Workers are told the address and the region of S3 and no key, and of a folder its path."""
    url = f"s3://{s3_bucket}/some/where"
    environment = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "https://s3.example.com",
    }
    root = root_of(open_storage(url), environment)
    assert (root.url, dict(root.environment)) == (
        url,
        {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "https://s3.example.com"},
    )
    here = root_of(open_storage(str(tmp_path)), environment)
    assert (here.url, here.environment) == (str(tmp_path), ())
