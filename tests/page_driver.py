"""Asks Airflow's own API server application, in this process, as somebody logged in or as nobody.

A line of JSON in, [{"path", "role", "form", "language"}, ...]; one out, [{"status", "text", "headers"}, ...].
`role` null: nobody; `form` not null: a POST from the page itself, or from elsewhere where it has "_origin".
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from demo.dagrun import make_database


def main() -> None:
    """Until the input ends."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what Airflow prints is no answer
    make_database()
    from airflow.api_fastapi.app import create_app
    from fastapi.testclient import TestClient

    with TestClient(
        create_app(apps="core"), base_url="http://localhost:8080", follow_redirects=False
    ) as client:
        for line in sys.stdin:
            answers = [ask(client, question) for question in json.loads(line)]
            print(json.dumps(answers, ensure_ascii=False), file=out, flush=True)


def ask(client: Any, question: dict[str, Any]) -> dict[str, Any]:
    """One call."""
    headers = {"accept-language": question.get("language") or "zh-CN"}
    if question.get("role"):
        headers["cookie"] = f"_token={token(question['role'])}"
    form = question.get("form")
    if form is None:
        found = client.get(question["path"], headers=headers)
    else:
        headers["origin"] = form.pop("_origin", "http://localhost:8080")
        found = client.post(question["path"], headers=headers, data=form)
    return {"status": found.status_code, "text": found.text, "headers": dict(found.headers)}


def token(role: str) -> str:
    """What Airflow's login gives a user of that role."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    user = SimpleAuthManagerUser(username=role, role=role, teams=[])
    return str(get_auth_manager().generate_jwt(user))


if __name__ == "__main__":
    main()
