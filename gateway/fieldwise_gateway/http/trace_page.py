"""A trace as one HTML page: a waterfall that needs no script and asks nobody for anything; knows no route."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from fieldwise.gateway.v1.traces_service_pb2 import Span, Trace

# What was sent is shown as text and nothing else; no script runs, no address is asked, no other page frames this one.
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_LONGEST: Final = 2_000
_COLOURS: Final = 8
_STYLE: Final = """
:root{color-scheme:light dark;--line:#8884;--dim:#777;--bad:#c5221f}
body{font:14px/1.5 system-ui,sans-serif;margin:1.5rem auto;max-width:80rem;padding:0 1rem}
h1{font-size:1.15rem;margin:0 0 .2rem;overflow-wrap:anywhere}
p{margin:.2rem 0;color:var(--dim)}.bad{color:var(--bad)}code{font:12px ui-monospace,monospace;overflow-wrap:anywhere}
.axis,summary{display:grid;grid-template-columns:minmax(14rem,32%) 7.5rem 1fr 5.5rem;gap:.7rem;align-items:center}
.axis{border-bottom:1px solid var(--line);margin-top:1rem;color:var(--dim);font-size:12px;padding:.2rem .3rem}
.axis .scale{display:flex;justify-content:space-between}
details{border-bottom:1px solid var(--line)}details[open]{background:#8881}
summary{cursor:pointer;list-style:none;padding:.15rem .3rem}summary::-webkit-details-marker{display:none}
.name{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.service{color:var(--dim);font-size:12px}
.track{position:relative;height:1rem}.bar{position:absolute;top:.15rem;height:.7rem;min-width:2px;border-radius:2px}
.ms{text-align:right;font-variant-numeric:tabular-nums}
.c0{background:#4285f4}.c1{background:#0f9d58}.c2{background:#f4a300}.c3{background:#a142f4}
.c4{background:#00acc1}.c5{background:#e67c73}.c6{background:#7b8794}.c7{background:#8d6e63}
.error .bar{outline:2px solid var(--bad)}.error .name{color:var(--bad)}
table{border-collapse:collapse;margin:.3rem 0 .7rem 1.5rem;font-size:12px}
td{padding:.1rem .8rem .1rem 0;vertical-align:top;overflow-wrap:anywhere}td:first-child{color:var(--dim)}
"""


def page(trace: Trace) -> str:
    """The whole page."""
    starts = [span.start_time.ToNanoseconds() for span in trace.spans]
    ends = [start + span.duration.ToNanoseconds() for start, span in zip(starts, trace.spans, strict=True)]
    first = min(starts, default=0)
    length = max(1, max(ends, default=1) - first)
    services = list(dict.fromkeys(span.service for span in trace.spans))
    rows = (
        _row(span, (start - first) / length, services.index(span.service) % _COLOURS, length)
        for span, start in zip(trace.spans, starts, strict=True)
    )
    title = escape(trace.name)
    begun = trace.spans[0].start_time.ToJsonString() if trace.spans else ""
    words = f"{len(trace.spans)} spans of {len(services)} services · {length / 1e6:,.2f} ms · {escape(begun)}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{_STYLE}</style><h1>{title}</h1><p>{words} · "
        f'<a href="/{title}?form=otlp" download>OTLP</a></p>{"".join(_remarks(trace))}'
        '<div class="axis"><span>span</span><span>service</span><span class="scale"><span>0</span>'
        f'<span>{length / 2e6:,.2f}</span><span>{length / 1e6:,.2f}</span></span><span class="ms">ms</span></div>'
        f"{''.join(rows)}</html>"
    )


def _remarks(trace: Trace) -> Iterator[str]:
    if trace.missing_services:
        names = escape(", ".join(trace.missing_services))
        yield f'<p class="bad">missing: {names} (called, but sent no span)</p>'
    if trace.orphans:
        yield f'<p class="bad">orphans: {trace.orphans} (their parent is not in the trace)</p>'
    own = trace.name.removeprefix("traces/")
    linked = dict.fromkeys(each for span in trace.spans for each in span.linked_traces if each != own)
    if linked:
        yield f"<p>linked: {' '.join(map(_link, linked))}</p>"


def _link(trace_id: str) -> str:
    name = escape(trace_id)
    return f'<a href="/traces/{name}"><code>{name}</code></a>'


def _row(span: Span, left: float, colour: int, length: int) -> str:
    duration = span.duration.ToNanoseconds()
    width = min(1 - left, duration / length)
    arrow = "→ " if span.kind == "CLIENT" else ""
    name = escape(span.name.rpartition("/")[2])
    full, service = escape(span.name), escape(span.service.removeprefix("fieldwise-"))
    return (
        f'<details class="{"error" if span.status == "ERROR" else ""}"><summary>'
        f'<span class="name" title="{full}" style="padding-left:{span.depth * 0.9:.1f}rem">{arrow}{name}</span>'
        f'<span class="service">{service}</span><span class="track">'
        f'<span class="bar c{colour}" style="left:{left * 100:.3f}%;width:{width * 100:.3f}%"></span></span>'
        f'<span class="ms">{duration / 1e6:,.2f}</span></summary>'
        f"<table>{''.join(_facts(span))}</table></details>"
    )


def _facts(span: Span) -> Iterator[str]:
    told = {"name": span.name, "span": span.span_id, "kind": span.kind}
    if span.status:
        told["status"] = f"{span.status} {span.status_message}".strip()
    for key, value in (told | dict(sorted(span.attributes.items()))).items():
        shown = value if len(value) <= _LONGEST else f"{value[:_LONGEST]}… ({len(value):,} characters)"
        yield f"<tr><td>{escape(key)}</td><td><code>{escape(shown)}</code></td></tr>"
    for linked in span.linked_traces:
        yield f"<tr><td>linked to</td><td>{_link(linked)}</td></tr>"
