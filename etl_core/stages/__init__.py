"""What is done to the data: extract, transform, load; and verify. Nothing here knows of runs or schedules."""
