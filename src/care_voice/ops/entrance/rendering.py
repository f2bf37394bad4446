"""The configuration of HAProxy, from the settings. No I/O here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from care_voice.ops.entrance import pages
from care_voice.ops.entrance.resending import NOT_AGAIN, awaited_whole, resending_rules
from care_voice.ops.entrance.settings import EntranceSettings, SlotName
from care_voice.ops.entrance.words import address, milliseconds, quoted

PAIR, SINGLE, DOOR = "pair", "single", "door"
"""Two slots that take work; one that does; none that is known to."""

_ONCE = "once"

BUFFER_BYTES = 1 << 20
"""What is kept of a request to send it again. HAProxy keeps as much of each that is under way."""

_CHECKED = "check inter 500 fall 2 rise 2 observe layer4 error-limit 2 on-error mark-down"
_OTHERS = 100
"""Connections that are none of clients': metrics, commands. A client's may go through HAProxy twice."""

_KNOCK_MS = 250
"""How often a slot that accepts no connection is tried again while a request waits."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are: the slots as HOST:PORT, and the paths of what HAProxy makes."""

    slots: Mapping[SlotName, str]
    admin_socket: str
    door_socket: str
    once_socket: str
    servers_state: str

    @classmethod
    def within(cls, sockets: Path, servers_state: Path, slots: Mapping[SlotName, str]) -> Self:
        """With the sockets in one directory, under the names that they have."""
        admin, door, once = (str(sockets / f"{name}.sock") for name in ("admin", DOOR, _ONCE))
        return cls(slots, admin, door, once, str(servers_state))


def rendered(settings: EntranceSettings, layout: Layout) -> str:
    """The whole file. The same settings give the same text."""
    sections = [
        ("global", _global(settings, layout)),
        *([("resolvers names", ["parse-resolv-conf", "hold valid 2s"])] if _has_names(layout) else []),
        ("defaults", _defaults(settings)),
        ("frontend entrance", _frontend(settings)),
        *([("frontend without-tls", _redirect(settings))] if settings.certificate and settings.http_port else []),
        *([("frontend metrics", _metrics(settings))] if settings.metrics_port else []),
        *_tables(),
        (f"backend {_ONCE}", _once(layout)),
        (f"frontend sent-{_ONCE}", _sent_once(settings, layout)),
        (f"backend {PAIR}", _pair(layout)),
        (f"backend {SINGLE}", _single(layout)),
        (f"listen {DOOR}", _door(settings, layout)),
    ]
    return "\n".join(f"{head}\n" + "".join(f"    {line}\n" for line in lines) for head, lines in sections)


def _global(settings: EntranceSettings, layout: Layout) -> list[str]:
    return [
        f"maxconn {2 * settings.max_connections + _OTHERS}",
        f"nbthread {settings.threads}",
        f"tune.bufsize {BUFFER_BYTES}",
        f"tune.h2.initial-window-size {BUFFER_BYTES}",
        f"stats socket {quoted(layout.admin_socket)} mode 600 level admin expose-fd listeners",
        f"server-state-file {quoted(layout.servers_state)}",
        f"hard-stop-after {milliseconds(settings.hard_stop_s)}",
        "# Else a second one could listen on the same port unnoticed, and each would get some of the connections.",
        "noreuseport",
        "log stderr format raw local0",
        "ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets",
    ]


def _defaults(settings: EntranceSettings) -> list[str]:
    return [
        "mode http",
        "log global",
        "option dontlognull",
        "option dontlog-normal",
        f"log-format '{_LOG_LINE}'",
        "# A client that goes away gives up its work, be it waiting or under way.",
        "option abortonclose",
        "option redispatch 1",
        "option idle-close-on-response",
        "option http-no-delay",
        "# A slot that ends closes its idle connections, perhaps just when a request is sent on one.",
        "option http-server-close",
        "retries 3",
        "load-server-state-from-file global",
        f"timeout http-request {milliseconds(settings.head_s)}",
        f"timeout connect {milliseconds(settings.connect_s)}",
        f"timeout client {milliseconds(settings.idle_s)}",
        f"timeout server {milliseconds(settings.answer_s)}",
        f"timeout tunnel {milliseconds(settings.tunnel_s)}",
        f"timeout http-keep-alive {milliseconds(settings.idle_s)}",
        *map(pages.http_error, pages.GENERATED),
    ]


_LOG_LINE = (
    '{"event":"entrance","time":"%[date,utime(%Y-%m-%dT%H:%M:%SZ)]","request_id":"%[var(txn.id)]","method":"%HM",'
    '"path":"%[var(txn.path),json(utf8s)]","status":%ST,"backend":"%b","slot":"%s","ended":"%ts","retries":"%rc",'
    '"milliseconds":%Ta}'
)
"""Of requests that failed or were sent again only, and without what stands behind the path, which may be private."""


def _frontend(settings: EntranceSettings) -> list[str]:
    return [
        _bind(settings),
        f"maxconn {settings.max_connections}",
        *_connections(settings),
        *_identity(settings),
        *_limits(settings),
        *_hidden(),
        *resending_rules(settings.body_s, BUFFER_BYTES),
        f"use_backend {_ONCE} if {NOT_AGAIN}",
        *_TO_SLOTS,
    ]


_TO_SLOTS = (f"use_backend {PAIR} if {{ nbsrv({PAIR}) gt 1 }}", f"default_backend {SINGLE}")


def _once(layout: Layout) -> list[str]:
    return ["retry-on none", f"server {_ONCE} unix@{layout.once_socket}"]


def _sent_once(settings: EntranceSettings, layout: Layout) -> list[str]:
    """Where a slot breaks off, HAProxy closes a connection of the client that had carried a request before, without a
    word, and a browser then sends anything again by itself. Here each request has a connection to itself, so that it is
    answered with 502; and its body is there before a slot gets it, since HAProxy says nothing either when a slot breaks
    off in the middle of a body."""
    return [
        f"bind unix@{layout.once_socket} mode 600",
        *_KNOWN,
        "http-request disable-l7-retry",
        awaited_whole(settings.body_s, BUFFER_BYTES),
        *_TO_SLOTS,
    ]


_KNOWN = (
    "http-request set-var(txn.path) path",
    f"http-request set-var({pages.REQUEST_ID}) req.hdr(x-request-id)",
)
"""Of a request that comes from the frontend, for the log and for pages."""


def _bind(settings: EntranceSettings) -> str:
    tls = f" ssl crt {quoted(settings.certificate)} alpn h2,http/1.1" if settings.certificate else ""
    return f"bind {address(settings.host, settings.port)}{tls}"


def _connections(settings: EntranceSettings) -> Iterator[str]:
    """What is refused before a byte is read. Proxies that are trusted have a connection for each of their clients."""
    if settings.trusted_proxies:
        yield f"acl proxied src {' '.join(settings.trusted_proxies)}"
    if settings.max_connections_per_address:
        unless = " unless proxied" if settings.trusted_proxies else ""
        yield f"tcp-request connection track-sc0 src table connections{unless}"
        over = 2 * settings.max_connections_per_address
        yield f"tcp-request connection reject if {{ sc0_conn_cur(connections) gt {over} }}"


def _identity(settings: EntranceSettings) -> Iterator[str]:
    """Whose request it is, and what the service is told of it: nothing that a client could have made up."""
    yield "http-request set-var(txn.path) path"
    yield f"http-request set-var({pages.REQUEST_ID}) req.hdr(x-request-id) if {{ req.hdr(x-request-id) -m reg {_ID} }}"
    yield f"http-request set-var({pages.REQUEST_ID}) uuid() unless {{ var({pages.REQUEST_ID}) -m found }}"
    yield f"http-request set-header X-Request-ID %[var({pages.REQUEST_ID})]"
    kept = " unless proxied { req.hdr(x-forwarded-proto) -m found }" if settings.trusted_proxies else ""
    yield f"http-request set-header X-Forwarded-Proto {'https' if settings.certificate else 'http'}{kept}"
    if settings.trusted_proxies:
        yield "http-request set-src hdr_ip(x-forwarded-for,-1) if proxied { req.hdr(x-forwarded-for) -m found }"
    yield "http-request set-header X-Forwarded-For %[src]"
    for name in ("Forwarded", "X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix"):
        yield f"http-request del-header {name}"


def _limits(settings: EntranceSettings) -> Iterator[str]:
    """What is answered at the entrance."""
    for part in ("req.hdrs,length", "url,length"):
        yield from _refused(pages.HEAD_TOO_LARGE, f"{{ {part} gt {settings.max_header_bytes} }}")
    if most := settings.max_connections_per_address:
        yield from _refused(pages.TOO_MANY_CONNECTIONS, f"{{ sc0_conn_cur(connections) gt {most} }}")
    if most := settings.max_requests_per_address:
        yield "http-request track-sc1 src table requests"
        yield from _refused(pages.TOO_MANY_REQUESTS, f"{{ sc1_http_req_rate(requests) gt {most} }}")


_ID = "^[A-Za-z0-9._-]{1,128}$"


def _refused(page: pages.Page, condition: str) -> Iterator[str]:
    """Without a line in the log, which whoever sends thousands could fill the disk with."""
    yield f"http-request set-log-level silent if {condition}"
    yield pages.returned(page, condition)


def _hidden() -> Iterator[str]:
    """What a slot tells those who run it. It decodes the path once, and so does this."""
    yield "acl inner path,url_dec -m beg /metrics /health/"
    yield "acl probe path -m str /health/live /health/ready /health/startup"
    yield from _refused(pages.HIDDEN, "inner !probe")


def _redirect(settings: EntranceSettings) -> list[str]:
    port = "" if settings.port == _HTTPS_PORT else f":{settings.port}"
    return [
        f"bind {address(settings.host, settings.http_port)}",
        f"http-request redirect code 308 location https://%[req.hdr(host),regsub(:[0-9]+$,)]{port}%[capture.req.uri]",
    ]


_HTTPS_PORT = 443


def _metrics(settings: EntranceSettings) -> list[str]:
    return [
        f"bind {address(settings.metrics_host, settings.metrics_port)}",
        "http-request use-service prometheus-exporter if { path /metrics }",
        "http-request return status 404",
    ]


def _pair(layout: Layout) -> list[str]:
    """What one slot cannot do the other one is asked for, so that a new release that fails costs nobody anything."""
    return [
        "balance roundrobin",
        "retry-on conn-failure empty-response 500 502 503",
        "option httpchk",
        "http-check send meth GET uri /health/ready ver HTTP/1.1 hdr Host localhost",
        "http-check expect status 200",
        *(f"server {name} {where} weight 128 {_CHECKED}{_by_name(layout)}" for name, where in layout.slots.items()),
        _to_the_door(layout),
    ]


def _single(layout: Layout) -> list[str]:
    """An answer of the only slot is passed on, whatever it is: to ask the same one again would but add to its load."""
    return [
        "balance roundrobin",
        "retry-on conn-failure empty-response",
        *(f"server {name} {where} track {PAIR}/{name}{_by_name(layout)}" for name, where in layout.slots.items()),
        _to_the_door(layout),
    ]


def _to_the_door(layout: Layout) -> str:
    return f"server {DOOR} unix@{layout.door_socket} backup"


def _door(settings: EntranceSettings, layout: Layout) -> list[str]:
    """Requests wait here for a slot that is not ready or not there. One that is there answers for itself, since most of
    the service works while its engine does not. `leastconn`, since round robin does not wait between two tries."""
    return [
        f"bind unix@{layout.door_socket} mode 600",
        *_KNOWN,
        "balance leastconn",
        f"timeout connect {_KNOCK_MS}",
        f"retries {round(settings.wait_s * 1000 / _KNOCK_MS)}",
        "retry-on conn-failure",
        *(f"server {name} {where}{_by_name(layout)}" for name, where in layout.slots.items()),
    ]


def _tables() -> Iterator[tuple[str, list[str]]]:
    """Of IPv6, in which an IPv4 address has a place too."""
    yield "backend connections", ["stick-table type ipv6 size 100k expire 10m store conn_cur"]
    yield "backend requests", ["stick-table type ipv6 size 100k expire 1m store http_req_rate(10s)"]


def _by_name(layout: Layout) -> str:
    """A slot that is known by name, as in Compose, is looked up again and again and may come later than HAProxy."""
    return " resolvers names resolve-prefer ipv4 init-addr last,libc,none" if _has_names(layout) else ""


def _has_names(layout: Layout) -> bool:
    return any(not _is_address(where.rpartition(":")[0]) for where in layout.slots.values())


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
