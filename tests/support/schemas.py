"""The schema of a database as text, so that two can be compared."""

from __future__ import annotations

import re

from care_voice.store.database import Connection, Database

_SQLITE = """
SELECT type || ' ' || name AS head, sql AS body FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
"""
_POSTGRESQL = """
SELECT 'column ' || table_name || '.' || column_name AS head,
    ordinal_position || ' ' || data_type || CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END
    || COALESCE(' DEFAULT ' || column_default, '') || COALESCE(' AS ' || generation_expression, '')
    || COALESCE(' COLLATE ' || collation_name, '') AS body
FROM information_schema.columns WHERE table_schema = current_schema()
UNION ALL
SELECT 'constraint ' || k.conrelid::regclass || '.' || k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint k
WHERE k.connamespace = current_schema()::regnamespace AND k.contype <> 'n'
UNION ALL
SELECT 'index ' || indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
UNION ALL
SELECT 'trigger ' || t.tgname, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace
UNION ALL
SELECT 'function ' || p.proname, pg_get_functiondef(p.oid) FROM pg_proc p
WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind = 'f'
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
UNION ALL
SELECT 'extension ' || extname, '' FROM pg_extension
"""


def schema_of(database: Database) -> str:
    """Every table, column, index, constraint, trigger and function, in the order of their names."""

    def read(connection: Connection) -> list[dict[str, str]]:
        return connection.fetch(_SQLITE if connection.dialect == "sqlite" else _POSTGRESQL, {})

    lines = [f"{row['head']}: {_on_one_line(row['body'])}".rstrip(": ") for row in database.read(read)]
    return "\n".join(sorted(lines)) + "\n"


def _on_one_line(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"--.*$", "", text, flags=re.MULTILINE)).strip()
