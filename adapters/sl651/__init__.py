"""SL 651-2014: transmission of hydrological data, as telemetry stations of the water side use it."""
