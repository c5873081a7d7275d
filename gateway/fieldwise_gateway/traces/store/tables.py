"""Tables of the trace store; knows no query."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

_position = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

export_table = sa.Table(
    "exports",
    metadata,
    sa.Column("position", _position, primary_key=True, comment="order of arrival"),
    sa.Column(
        "body", sa.LargeBinary, nullable=False, comment="ExportTraceServiceRequest with unsettled spans"
    ),
)

part_table = sa.Table(
    "parts",
    metadata,
    sa.Column("position", _position, primary_key=True, comment="order of settling"),
    sa.Column("trace_id", sa.LargeBinary(16), nullable=False),
    sa.Column("fingerprint", sa.LargeBinary(8), nullable=False, comment="of the ids of its spans"),
    sa.Column("spans", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False, comment="opentelemetry.proto.trace.v1.TracesData"),
    sa.Index("parts_by_trace", "trace_id", "fingerprint", unique=True),
)

trace_table = sa.Table(
    "traces",
    metadata,
    sa.Column("trace_id", sa.LargeBinary(16), primary_key=True),
    sa.Column("root", sa.Text, nullable=False),
    sa.Column("root_service", sa.Text, nullable=False),
    sa.Column("is_root", sa.Boolean, nullable=False),
    sa.Column("root_start_ns", sa.BigInteger, nullable=False),
    sa.Column("start_ns", sa.BigInteger, nullable=False),
    sa.Column("end_ns", sa.BigInteger, nullable=False),
    sa.Column("error", sa.Boolean, nullable=False),
    sa.Column("degraded", sa.Boolean, nullable=False),
    sa.Column("spans", sa.Integer, nullable=False),
    sa.Column("kept_because", sa.Text, nullable=False),
    sa.Column("terms", sa.LargeBinary, nullable=False, comment="four bytes each: what it is searched by"),
    sa.Index("traces_by_start", "start_ns", "trace_id"),
)
for _flag in (trace_table.c.error, trace_table.c.degraded):
    sa.Index(
        f"traces_with_{_flag.name}",
        trace_table.c.start_ns,
        trace_table.c.trace_id,
        sqlite_where=_flag.is_(sa.true()),
        postgresql_where=_flag.is_(sa.true()),
    )

name_table = sa.Table(
    "decisions",
    metadata,
    # Plans, price sets, operations and pseudonyms stand here too: the table is named after those that came first.
    sa.Column("decision", sa.Text, primary_key=True, comment="what was made in it, such as decisions/{uuid}"),
    sa.Column("trace_id", sa.LargeBinary(16), primary_key=True),
    sa.Index("decisions_by_trace", "trace_id"),
)
