"""Which engine an installation asks for."""

import pytest

from personalize_connectors.cluster import Cluster, read_cluster
from personalize_connectors.errors import BadSettings

SPARK = {"CONNECTORS_ENGINE": "spark"}
REMOTE = {**SPARK, "SPARK_REMOTE": "sc://spark.example.com:15002"}


@pytest.mark.parametrize(
    ("environment", "cluster"),
    [
        ({}, None),
        ({"CONNECTORS_ENGINE": "", "SPARK_REMOTE": "sc://host"}, None),
        ({"CONNECTORS_ENGINE": "local", "SPARK_MASTER": "yarn"}, None),
        (REMOTE, Cluster("sc://spark.example.com:15002", 2**28)),
        ({**REMOTE, "CONNECTORS_SPARK_DOCUMENTS": "1GiB"}, Cluster("sc://spark.example.com:15002", 2**30)),
        ({**SPARK, "SPARK_REMOTE": "", "SPARK_MASTER": "spark://h:7077"}, Cluster("spark://h:7077", 2**28)),
        ({**SPARK, "SPARK_MASTER": "local[2]"}, Cluster("local[2]", 2**28)),
        ({**SPARK, "SPARK_MASTER": "k8s://https://h:443"}, Cluster("k8s://https://h:443", 2**28)),
    ],
)
def test_takes_what_is_set(environment, cluster):
    """Stages are worked out here unless the engine is Spark; then on the cluster that is named."""
    assert read_cluster(environment) == cluster


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        (
            {"CONNECTORS_ENGINE": "Spark"},
            "CONNECTORS_ENGINE is 'Spark'; it can be local, spark, glue, emr or emr-serverless",
        ),
        (
            SPARK,
            (
                "CONNECTORS_ENGINE is spark, and neither of SPARK_REMOTE and SPARK_MASTER is set; set one: SPARK_REMOTE to a Spark "
                "Connect server, as sc://host:15002, or SPARK_MASTER to a master, as spark://host:7077"
            ),
        ),
        (
            {**REMOTE, "SPARK_MASTER": "yarn"},
            (
                "CONNECTORS_ENGINE is spark, and both of SPARK_REMOTE and SPARK_MASTER are set; set one: SPARK_REMOTE to a Spark "
                "Connect server, as sc://host:15002, or SPARK_MASTER to a master, as spark://host:7077"
            ),
        ),
        (
            {**SPARK, "SPARK_REMOTE": "https://me:key@host/;token=secret"},
            "SPARK_REMOTE is 'host/'; write sc://host:port",
        ),
        (
            {**SPARK, "SPARK_MASTER": "host:7077"},
            "SPARK_MASTER is 'host:7077'; write spark://host:port, yarn, k8s://https://host:port or local[2]",
        ),
        (
            {**REMOTE, "CONNECTORS_SPARK_DOCUMENTS": "many"},
            "CONNECTORS_SPARK_DOCUMENTS is 'many'; write a size, for example 256MiB",
        ),
    ],
)
def test_refuses_what_cannot_be_meant(environment, text):
    """What is wrong is told with the value and what would be right, without what can be a secret."""
    with pytest.raises(BadSettings) as refused:
        read_cluster(environment)
    assert str(refused.value) == text


def test_a_token_is_not_shown():
    """What stands behind the port of a Spark Connect server is in no text."""
    cluster = read_cluster({**SPARK, "SPARK_REMOTE": "sc://host:443/;token=secret"})
    assert (cluster.name, "secret" in repr(cluster)) == ("sc://host:443/", False)
