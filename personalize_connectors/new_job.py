"""A commented starting point for a job."""

from __future__ import annotations

from personalize_connectors import layout
from personalize_connectors.errors import BadJobRun
from personalize_connectors.job_run import Job
from personalize_connectors.storage import Storage

_CONFIG = """\
{{
  "//": "Keys that begin with // are comments. All keys: personalize-connectors schema, or the README.",

  "//batchInferencePath": "A folder or s3:// prefix: one batch output, or its parent. Relative: below the bucket.",
  "batchInferencePath": "personalize/batch_inference/{name}",

  "saveBatchInferenceErrors": true,
  "performDeltaCheck": true,
  "itemsPerUser": 25,
{policy}
  "connectors": {{
    "braze": {{
      "//itemMetadataFields": "Which fields of input/item_metadata are sent, in this order. Without it: all.",
      "itemMetadataFields": ["name", "price"],
      "attributePrefix": "recommendation_",
      "//payload": "objects, ids, flat or arrays",
      "payload": "objects"
    }}
  }}
}}
"""
_POLICY = """\

  "//userItemPolicy": "Several mapped items per user: merge interleaves their lists, first takes the first item's.",
  "userItemPolicy": "merge",
"""
_METADATA = (
    'Put item metadata here: *.json, one JSON object per line, with the key "id" and any other fields.\n'
)
_MAPPING = "Put the user-item mapping here: *.csv with the columns USER_ID and ITEM_ID.\n"


def new_job(bucket: Storage, job: Job) -> list[str]:
    """Write the starting point of a job; gives the paths.

    Raises:
        BadJobRun: the job is there already.
    """
    if bucket.exists(layout.config_file(job)):
        raise BadJobRun(f"{bucket.uri(layout.config_file(job))} is there already; choose another name")
    related = job.job_type == "related_items"
    files = {
        layout.config_file(job): _CONFIG.format(name=job.name, policy=_POLICY if related else ""),
        f"{layout.metadata_folder(job)}/_README.txt": _METADATA,
    }
    if related:
        files[f"{layout.mapping_folder(job)}/_README.txt"] = _MAPPING
    for path, text in files.items():
        bucket.write(path, text.encode())
    return list(files)
