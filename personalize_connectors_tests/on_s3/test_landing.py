"""A batch output that lands in S3 is delivered with nobody doing anything: the benchmark, on fewer users."""

import pytest

from benchmarks.landing import measure

pytestmark = pytest.mark.on_s3


def test_what_lands_is_delivered(monkeypatch):
    """The sensor sees it, the daemon runs it, Braze has everybody, and every asset is done, in this order."""
    for name in ("DAGSTER_HOME", "CONNECTORS_SENSOR_SECONDS"):
        monkeypatch.setenv(name, "")
    found = list(measure(2_000).steps)
    assert found.index("the sensor requested the run") < found.index("its process began")
    assert [name for name in found if name.endswith("was done")] == [
        "batch_inference_raw was done",
        "inference_errors was done",
        "user_recommendations was done",
        "decorated_recommendations was done",
        "braze_catalog_sync was done",
        "braze_sync was done",
        "connector_state was done",
    ]
