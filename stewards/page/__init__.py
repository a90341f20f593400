"""The stewards' page inside Airflow's navigation: what is late, what is wrong, what to do next."""
