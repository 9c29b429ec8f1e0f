"""The configuration tables as assets that people fill: streams, repositories, mappings, calendars."""

import dagster as dg

from core.tables import metadata

configuration = [
    dg.AssetSpec([table.schema, table.name], description="Configuration, kept by administrators.", kinds={"postgres"})
    for table in metadata.sorted_tables
    if table.schema == "config"
]
