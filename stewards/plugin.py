"""The stewards' plugin."""

from airflow.plugins_manager import AirflowPlugin


class StewardsPlugin(AirflowPlugin):
    name = "hechuan"
