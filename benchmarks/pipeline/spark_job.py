"""The same job in plain PySpark, as the original connectors' Glue script does it; needs the extra `benchmark`.

    python -m benchmarks.pipeline.spark_job INPUT METADATA OUTPUT [STATE]

Read the lines as JSON, explode with positions, join the metadata, collect over a window by position, keep each user's longest
list, and write JSON; where there is a state (decorated records of an earlier run), first subtract it. What only costs the original
time is left out: it counts its frames for its log, and passes each record through Python to add the job's name.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as column

_FIELDS = ("name", "price", "brand", "category", "url", "image")
_LINES = "input STRUCT<userId: STRING>, output STRUCT<recommendedItems: ARRAY<STRING>, scores: ARRAY<DOUBLE>>, error STRING"
_METADATA = "id STRING, name STRING, price DOUBLE, brand STRING, category STRING, url STRING, image STRING"
_DECORATED = ("queryUserId", "recommendations")


def decorated(lines: DataFrame, metadata: DataFrame) -> DataFrame:
    """A row for each user, with the items' fields in order."""
    rank = Window.partitionBy("queryUserId").orderBy("pos")
    item: list[Column] = [
        *(column.col(f"meta.{field}") for field in _FIELDS),
        column.col("recItemId").alias("itemId"),
    ]
    return (
        lines.where("error IS NULL")
        .select(
            column.col("input.userId").alias("queryUserId"),
            column.posexplode_outer("output.recommendedItems"),
        )
        .withColumnRenamed("col", "recItemId")
        .join(metadata.alias("meta"), column.col("recItemId") == column.col("id"), "left_outer")
        .withColumn("recItem", column.when(column.col("recItemId").isNotNull(), column.struct(*item)))
        .withColumn("recommendations", column.collect_list("recItem").over(rank))
        .groupBy("queryUserId")
        .agg(column.max("recommendations").alias("recommendations"))
    )


def run(spark: SparkSession, source: str, metadata: str, output: str, state: str | None) -> None:
    """The job, from files to files."""
    lines = spark.read.schema(_LINES).json(source)
    records = decorated(lines, spark.read.schema(_METADATA).json(metadata)).select(*_DECORATED)
    if state:
        records = records.subtract(spark.read.schema(records.schema).json(state).select(*_DECORATED))
    about = column.struct(
        column.lit("daily").alias("name"), column.lit("2026-11-01T03:00:00+00:00").alias("runDateTime")
    )
    record = column.to_json(column.struct(*_DECORATED, about.alias("jobInfo")))
    records.select(record.alias("value")).write.text(output)


def main() -> None:
    """Prints seconds without those of Spark's start, and those, as JSON."""
    source, metadata, output, *state = sys.argv[1:]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        builder: Any = SparkSession.builder
        settings = {
            "spark.driver.memory": "4g",
            "spark.driver.extraJavaOptions": f"-Djava.io.tmpdir={scratch}",  # where it is removed, also when it is killed
            "spark.local.dir": scratch,
            "spark.sql.session.timeZone": "UTC",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.log.level": "ERROR",
        }
        spark = builder.master("local[2]").config(map=settings).getOrCreate()
        ready = time.perf_counter()
        run(spark, source, metadata, output, *state or [None])
        done = time.perf_counter()
        spark.stop()
    print(json.dumps({"seconds": done - ready, "start_seconds": ready - started}))


if __name__ == "__main__":
    main()
