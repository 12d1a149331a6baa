"""The small warehouse of lessons 03 and 04, and the small history of lesson 04: their tables, as SQL."""

from __future__ import annotations

TABLES = """
CREATE TABLE IF NOT EXISTS flights (day TEXT, carrier TEXT, flight INTEGER, origin TEXT, delay INTEGER,
                                    PRIMARY KEY (day, carrier, flight, origin));
CREATE TABLE IF NOT EXISTS receipts (day TEXT PRIMARY KEY, rows INTEGER, source_hash TEXT);
"""
RUNS = "CREATE TABLE runs (id INTEGER PRIMARY KEY, day TEXT, status TEXT, error TEXT)"
