"""The asset graph as Dagster sees it."""

import importlib

import dagster as dg
import pytest

from personalize_connectors import definitions
from personalize_connectors.assets.batch_inference_raw import batch_inference_raw_asset
from personalize_connectors.assets.connector_state import connector_state_asset
from personalize_connectors.assets.decorated_recommendations import decorated_recommendations_asset
from personalize_connectors.assets.inference_errors import inference_errors_asset
from personalize_connectors.assets.sync import sync_asset
from personalize_connectors.assets.user_recommendations import user_recommendations_asset
from personalize_connectors.connectors.registry import connectors
from personalize_connectors.installation import Installation
from personalize_connectors.io_manager import LayoutIOManager
from personalize_connectors.partitions import partitions

OWNER = "team:personalize-connectors"
FACTORIES = [
    batch_inference_raw_asset,
    inference_errors_asset,
    user_recommendations_asset,
    decorated_recommendations_asset,
    lambda form: sync_asset(connectors()["braze_catalog"], form, []),
    lambda form: sync_asset(connectors()["braze"], form, ["braze_catalog"]),
    connector_state_asset,
]
PARQUET = {"duckdb", "parquet"}
# Asset: what it depends on, kinds, and the first words of its description.
GRAPH = {
    "batch_inference_raw": (set(), {"s3", *PARQUET}, "Every line of every .out file"),
    "inference_errors": ({"batch_inference_raw"}, PARQUET, "One row for each line that carries no"),
    "user_recommendations": ({"batch_inference_raw"}, PARQUET, "One row per user:"),
    "decorated_recommendations": (
        {"user_recommendations"},
        {"duckdb", "json"},
        "Per connector one row for each",
    ),
    "braze_catalog_sync": (
        {"decorated_recommendations"},
        {"braze_catalog"},
        "Receipts of the delivery to braze_catalog:",
    ),
    "braze_sync": (
        {"decorated_recommendations", "braze_catalog_sync"},
        {"braze"},
        "Receipts of the delivery to braze:",
    ),
    "connector_state": ({"braze_catalog_sync", "braze_sync"}, PARQUET, "Per connector one row for each user"),
}
# Check: whether it stops what comes after.
CHECKS = {
    ("batch_inference_raw", "config_can_be_used"): False,
    ("inference_errors", "metadata_and_mapping_are_clean"): False,
    ("decorated_recommendations", "metadata_fields_arrive"): False,
    ("user_recommendations", "error_share"): True,
    ("user_recommendations", "users_against_previous_run"): True,
    ("decorated_recommendations", "items_without_metadata"): False,
    ("decorated_recommendations", "values_can_be_delivered"): True,
    ("decorated_recommendations", "within_max_users_and_data_points"): True,
    ("decorated_recommendations", "missing_users_are_removed"): False,
    ("braze_catalog_sync", "no_rejected_records"): False,
    ("braze_sync", "no_rejected_records"): False,
    ("connector_state", "every_accepted_user_is_in_the_state"): False,
}
RECEIPTS = [
    "user_id",
    "fingerprint",
    "status",
    "text",
    "request",
    "attempt",
    "answered_at",
    "delivery",
    "points",
    "sent_again",
]
COLUMNS = {
    "batch_inference_raw": [
        "file",
        "line",
        "query",
        "recommended",
        "scores",
        "extra",
        "reason",
        "message",
        "text",
    ],
    "inference_errors": ["input", "file", "line", "reason", "message", "text"],
    "user_recommendations": ["user_id", "items", "scores", "queries"],
    "decorated_recommendations": [
        "user_id",
        "fingerprint",
        "points",
        "change",
        "items",
        "queries",
        "refused",
    ],
    "braze_catalog_sync": RECEIPTS,
    "braze_sync": RECEIPTS,
    "connector_state": ["user_id", "fingerprint", "accepted_at"],
}


@pytest.fixture(scope="module")
def specs():
    """The spec of every asset by name."""
    return {spec.key.to_user_string(): spec for spec in definitions.defs.resolve_all_asset_specs()}


def test_loads():
    """Dagster can load everything, and resolve every job and dependency."""
    dg.Definitions.validate_loadable(definitions.defs)


def test_reads_as_the_picture_in_the_design(specs):
    """The assets are those of the picture, each with its arrows, kinds and description."""
    graph = {
        name: ({dep.asset_key.to_user_string() for dep in s.deps}, set(s.kinds)) for name, s in specs.items()
    }
    assert graph == {name: (deps, kinds) for name, (deps, kinds, _) in GRAPH.items()}
    for name, (_, _, description) in GRAPH.items():
        assert specs[name].description.startswith(description)


def test_every_asset_has_a_group_and_an_owner(specs):
    """All assets stand in one group and have one owner."""
    assert {name: (spec.group_name, list(spec.owners)) for name, spec in specs.items()} == dict.fromkeys(
        GRAPH, ("recommendations", [OWNER])
    )


def test_every_column_is_described(specs):
    """Each asset shows its columns, and says of each what it is."""
    schemas = {name: spec.metadata["dagster/column_schema"].columns for name, spec in specs.items()}
    assert {name: [column.name for column in columns] for name, columns in schemas.items()} == COLUMNS
    assert [column for columns in schemas.values() for column in columns if not column.description] == []


def test_the_checks_that_stop_a_delivery():
    """Error share, user drop, the budget and rules that stop hold back what comes after; the other checks tell."""
    defs = definitions.defs
    checks = [spec for asset in [*defs.assets, *defs.asset_checks] for spec in asset.check_specs]
    assert {(spec.asset_key.to_user_string(), spec.name): spec.blocking for spec in checks} == CHECKS
    assert [spec.name for spec in checks if not spec.description] == []


def test_one_job_runs_all_assets():
    """The one job materializes every asset, in one process; the check of all configs is the sensor's and no part of it."""
    assert [job.name for job in definitions.defs.jobs] == ["deliver_recommendations", "housekeeping"]
    assert definitions.defs.executor.name == "in_process"
    resolved = definitions.defs.resolve_job_def("deliver_recommendations")
    assert {key.to_user_string() for key in resolved.asset_layer.executable_asset_keys} == set(GRAPH)
    assert {node.name for node in resolved.nodes} == set(GRAPH)


@pytest.mark.parametrize("form", ["grid", "list"])
def test_all_assets_have_the_partitions_of_the_installation(form):
    """In both forms the same graph loads, and all its assets share one partitions definition."""
    installation = Installation()
    manager = LayoutIOManager(installation=installation)
    defs = dg.Definitions(
        assets=[factory(partitions(form)) for factory in FACTORIES],
        resources={"installation": installation, "io_manager": manager},
    )
    dg.Definitions.validate_loadable(defs)
    found = {spec.key.to_user_string(): spec.partitions_def for spec in defs.resolve_all_asset_specs()}
    assert found == dict.fromkeys(GRAPH, partitions(form))


@pytest.mark.parametrize(("variable", "form"), [("", "grid"), ("grid", "grid"), ("list", "list")])
def test_the_environment_chooses_the_partitions(monkeypatch, variable, form):
    """CONNECTORS_PARTITIONS says which form Dagster loads."""
    with monkeypatch.context() as environment:
        environment.setenv("CONNECTORS_PARTITIONS", variable)
        loaded = importlib.reload(definitions).defs
        assert {spec.partitions_def for spec in loaded.resolve_all_asset_specs()} == {partitions(form)}
    importlib.reload(definitions)
