"""What stewards run in Airflow: a provider for the hub, and the checks that its DAGs call."""
