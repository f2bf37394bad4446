"""Tables as the database itself describes them: whatever migrations add is backed up without being named anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from care_voice.store.database import Connection, Row
from care_voice.store.migrate import known_migrations

PAGE_ROWS = 1000
_NAME = re.compile(r"[a-z_][a-z0-9_]*\Z")
_CREATED = re.compile(r"^\s*CREATE (?:VIRTUAL )?TABLE (?:IF NOT EXISTS )?(\w+)", re.MULTILINE)
_RECORDS = frozenset({"migrations", "breaking_migrations"})
_LEFT_OUT = _RECORDS | {"nodes", "doomed_objects", "installation"}
"""What is true of one installation, or of one moment."""
_DERIVED = "search_"
"""Tables that are made of others begin so, and are made again."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is kept: its columns in order, and those of its primary key."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


def kept_tables(connection: Connection) -> list[Table]:
    """Every table with rows of its own; one that others refer to stands before them."""
    names = {name for name in _own_tables(connection) if name not in _LEFT_OUT and not name.startswith(_DERIVED)}
    order = TopologicalSorter(
        {name: sorted(names & set(_names(connection, "parent_tables", name)) - {name}) for name in sorted(names)}
    )
    return [_table(connection, name) for name in order.static_order()]


def pages(connection: Connection, table: Table) -> Iterator[list[Row]]:
    """All rows in the order of the key, some at a time."""
    columns, key = ", ".join(table.columns), ", ".join(table.key)
    after = f" WHERE ({key}) > ({', '.join(f':after_{name}' for name in table.key)})"
    end = f" ORDER BY {key} LIMIT {PAGE_ROWS}"
    start = f"SELECT {columns} FROM {table.name}"  # noqa: S608 - identifiers of our own schema
    rows = connection.fetch(bound(connection, start + end), {})
    while rows:
        yield rows
        last = {f"after_{name}": rows[-1][name] for name in table.key}
        rows = connection.fetch(bound(connection, start + after + end), last)


def insert(connection: Connection, table: Table, rows: Iterable[Mapping[str, object]]) -> None:
    """Add rows that have a value for each column."""
    columns, values = ", ".join(table.columns), ", ".join(f":{name}" for name in table.columns)
    text = f"INSERT INTO {table.name} ({columns}) VALUES ({values})"  # noqa: S608 - see above
    connection.execute_many(bound(connection, text), list(rows))


def exists(connection: Connection, name: str) -> bool:
    """Whether there is a table of this name."""
    return any(row["name"] == name for row in connection.all("table_names"))


def drop_all(connection: Connection) -> None:
    """Remove every table that migrations have made, with what is in it, and the record of them."""
    for name in _own_tables(connection):
        if connection.dialect == "postgresql":
            connection.script(f"DROP TABLE {name} CASCADE")
    if connection.dialect == "sqlite":
        _drop_all_of_sqlite(connection)


def _drop_all_of_sqlite(connection: Connection) -> None:
    """Children first: the rows of a table that is dropped are deleted, and what refers to them is looked for."""
    own = set(_own_tables(connection))
    order = TopologicalSorter({name: sorted(own & set(_names(connection, "parent_tables", name))) for name in own})
    virtual = [row["name"] for row in connection.all("full_text_tables")]
    for name in [*virtual, *reversed(list(order.static_order()))]:
        connection.script(f"DROP TABLE {name}")


def _own_tables(connection: Connection) -> list[str]:
    """Those that migrations have made, and theirs: a database may hold what is none of our business."""
    text = "\n".join(migration.text for migration in known_migrations())
    own = {*_RECORDS, *_CREATED.findall(text)}
    return [row["name"] for row in connection.all("table_names") if row["name"] in own]


def _table(connection: Connection, name: str) -> Table:
    columns, key = _names(connection, "column_names", name), _names(connection, "key_columns", name)
    assert key, f"{name} has no primary key, so that it cannot be read in pages"
    assert all(_NAME.match(each) for each in (name, *columns))
    return Table(name, tuple(columns), tuple(key))


def _names(connection: Connection, statement: str, table: str) -> Sequence[str]:
    return [row["name"] for row in connection.all(statement, name=table)]


def bound(connection: Connection, text: str) -> str:
    """Parameters as the driver writes them; the text holds identifiers of our own schema and nothing else."""
    return re.sub(r":(\w+)", r"%(\1)s", text) if connection.dialect == "postgresql" else text
