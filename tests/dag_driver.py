"""Runs DAGs with Airflow's own machinery, in a process of its own: a line of JSON in, a line of JSON out.

In: {"dag", "conf"}. Out: {"state", "tasks": {"<task>[<map index>]": {"state", "returned"}}, "error"}.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any

from demo.dagrun import make_database


def main() -> None:
    """Until the input ends."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what Airflow prints is no answer
    make_database()
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = run(bag, asked["dag"], asked.get("conf") or {})
        except Exception as error:
            answer = {"state": "error", "tasks": {}, "error": "".join(traceback.format_exception(error))}
        answer["import_errors"] = bag.import_errors
        print(json.dumps(answer, default=str), file=out, flush=True)


def run(bag: Any, dag_id: str, conf: dict[str, Any]) -> dict[str, Any]:
    """One run of one DAG, as `airflow dags test` does it."""
    dag = bag.dags[dag_id]
    dag.deadline = None  # a run that dag.test() makes cannot end with one
    found = dag.test(run_conf=conf)
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        rows = session.scalars(select(XComModel).where(XComModel.run_id == found.run_id)).all()
        returned = {
            f"{row.task_id}[{row.map_index}]": json.loads(row.value)
            if isinstance(row.value, str)
            else row.value
            for row in rows
            if row.key == "return_value"
        }
    tasks = {
        f"{each.task_id}[{each.map_index}]": {
            "state": str(each.state),
            "returned": returned.get(f"{each.task_id}[{each.map_index}]"),
        }
        for each in found.get_task_instances()
    }
    return {"state": str(found.state), "tasks": tasks, "error": ""}


if __name__ == "__main__":
    main()
