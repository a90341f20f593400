"""DAGs run to their end by Airflow's own `dag.test()`, in a process of its own: words in, a line of JSON out for each.

AIRFLOW_HOME and what else Airflow reads come in the environment; a home without a database gets one.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """A line for each DAG named: {"dag", "state", "returned": {task: [what its instances returned]}}."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what Airflow prints is no answer
    make_database()
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    for name in sys.argv[1:]:
        print(json.dumps({"dag": name, **_run(bag.dags[name])}, default=str), file=out, flush=True)


def make_database() -> None:
    """Give the home a database where it has none; `airflow db migrate` takes three times as long."""
    if not (Path(os.environ["AIRFLOW_HOME"]) / "airflow.db").exists():
        from airflow.utils.db import initdb

        initdb()


def _run(dag: Any) -> dict[str, Any]:
    dag.deadline = None  # a run that dag.test() makes cannot end with one
    found = dag.test()
    returned: dict[str, list[Any]] = {}
    for each in sorted(found.get_task_instances(), key=lambda each: (each.task_id, each.map_index)):
        value = each.xcom_pull(task_ids=each.task_id, map_indexes=each.map_index)
        returned.setdefault(each.task_id, []).append(value)
    return {"state": str(found.state), "returned": returned}


if __name__ == "__main__":
    main()
