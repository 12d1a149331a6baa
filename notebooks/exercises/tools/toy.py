"""As SQL: the small warehouse of lessons 03 and 04, lesson 04's small history, what lesson 06's server keeps."""

from __future__ import annotations

TABLES = """
CREATE TABLE IF NOT EXISTS flights (day TEXT, carrier TEXT, flight INTEGER, origin TEXT, delay INTEGER,
                                    PRIMARY KEY (day, carrier, flight, origin));
CREATE TABLE IF NOT EXISTS receipts (day TEXT PRIMARY KEY, rows INTEGER, source_hash TEXT);
"""
RUNS = "CREATE TABLE runs (id INTEGER PRIMARY KEY, day TEXT, status TEXT, error TEXT)"
WEATHER = """
CREATE TABLE weather (origin TEXT NOT NULL, hour TEXT NOT NULL, temperature REAL);
CREATE TABLE requests (request_id TEXT PRIMARY KEY);
"""
