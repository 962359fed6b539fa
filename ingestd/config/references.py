"""Names in the configuration that must mean something: people in policies, connectors of channels, files that must be there.

Works on the tree, not on the validated model, so that it finds its problems also in a file that has others.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from ingestd.config.channel_references import check_countries
from ingestd.config.mail_references import check_recipients
from ingestd.config.mailbox_references import check_mailboxes
from ingestd.config.problems import did_you_mean, nearest
from ingestd.config.quantities import parse_listen
from ingestd.config.schedule_references import check_schedules
from ingestd.config.validation import locate
from ingestd.config.yaml_tree import Document, Mapping, Node, Scalar, Sequence, Span
from ingestd.core.names import Channel
from ingestd.core.ruleset import DEFAULT_TEAM
from ingestd.core.target import ASSIGNEE, PERSON_PREFIX, schedule_of, team_of

_ADDRESS_KEYS = {Channel.EMAIL: "email", Channel.SMS: "phone", Channel.CHAT: "chat"}


def names(root: Node | None, section: str) -> frozenset[str]:
    """The names that a section of the file defines."""
    found = root.get(section) if isinstance(root, Mapping) else None
    return frozenset(found.entries) if isinstance(found, Mapping) else frozenset()


def check_references(document: Document, folder: Path) -> None:
    """Add a problem for every name that stands for nothing, and for every file that is not there."""
    root = document.root
    if not isinstance(root, Mapping):
        return
    connectors = names(root, "connectors")
    _check_policies(document, root)
    drills = root.get("drills")
    for drill in drills.items if isinstance(drills, Sequence) else ():
        policy = drill.get("policy") if isinstance(drill, Mapping) else None
        if isinstance(policy, Scalar) and isinstance(policy.value, str):
            _check_known(document, policy, "policy", policy.value, names(root, "policies"))
    _check_teams(document, root, connectors)
    _check_reports(document, root, connectors)
    channels = root.get("channels")
    for channel in Channel:
        routes = channels.get(channel) if isinstance(channels, Mapping) else None
        _check_route(document, routes, connectors)
        for route in routes.items if isinstance(routes, Sequence) else ():
            _check_route(document, route, connectors)
            _check_name(document, route, "to", "connector", connectors)
    _check_people(document, root)
    check_countries(document, root)
    check_schedules(document, root, names(root, "people"))
    check_mailboxes(document, root, folder)
    for place in (("server", "tls"), ("mail", "listener", "tls")):
        _check_tls(document, _at(root, *place), folder)
    _check_default_team(document, root)
    check_recipients(document, root)


def _check_route(document: Document, node: Node | None, connectors: frozenset[str]) -> None:
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value not in connectors:
        text = f'connector "{node.value[:60]}" is not defined'
        document.report(node.span, "unknown-connector", text, hint=did_you_mean(node.value, connectors))


def _check_reports(document: Document, root: Mapping, connectors: frozenset[str]) -> None:
    """Who answers reports, and in whose system the tickets are by which things are reported."""
    for _, source in _entries(root, "sources"):
        email = source.get("email") if isinstance(source, Mapping) else None
        tickets = source.get("tickets") if isinstance(source, Mapping) else None
        for section in (email, tickets):
            reports = section.get("reports") if isinstance(section, Mapping) else None
            _check_name(document, reports, "answer", "connector", connectors)
        _check_name(document, tickets, "connector", "connector", connectors)


def _check_teams(document: Document, root: Mapping, connectors: frozenset[str]) -> None:
    for _, team in _entries(root, "teams"):
        _check_name(document, team, "policy", "policy", names(root, "policies"))
        found = {key: team.get(key) if isinstance(team, Mapping) else None for key in ("ticket", "assign", "members")}
        _check_name(document, found["ticket"], "to", "connector", connectors)
        _check_name(document, found["assign"], "schedule", "schedule", names(root, "schedules"))
        members = found["members"]
        for member in members.items if isinstance(members, Sequence) else ():
            if isinstance(member, Scalar) and isinstance(member.value, str):
                _check_known(document, member, "person", member.value, names(root, "people"))


def _check_policies(document: Document, root: Mapping) -> None:
    for _, policy in _entries(root, "policies"):
        steps = policy.get("steps") if isinstance(policy, Mapping) else None
        resort = policy.get("last_resort") if isinstance(policy, Mapping) else None
        for step in (*(steps.items if isinstance(steps, Sequence) else ()), resort):
            page = step.get("page") if isinstance(step, Mapping) else None
            for word in page.items if isinstance(page, Sequence) else ():
                _check_target(document, word, root)


def _check_target(document: Document, node: Node, root: Mapping) -> None:
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or node.value == ASSIGNEE:
        return
    schedules, people, teams = (names(root, section) for section in ("schedules", "people", "teams"))
    schedule, team, name = schedule_of(node.value), team_of(node.value), node.value.removeprefix(PERSON_PREFIX)
    if schedule is not None:
        _check_known(document, node, "schedule", schedule, schedules)
    elif team is not None:
        _check_known(document, node, "team", team, teams)
        members = _at(root, "teams", team, "members")
        if team in teams and not (isinstance(members, Sequence) and members.items):
            text = f'team "{team[:60]}" has no members: this pages nobody'
            document.report(node.span, "no-members", text, hint=f"add  members: [...]  to the team {team[:60]}")
    elif name not in people and ":" not in name:  # the model says what it thinks of another prefix
        kinds = {"schedule": schedules, "team": teams}
        other = next((f"write  {kind}:{name}" for kind, known in kinds.items() if name in known), None)
        hint = other or did_you_mean(name, {*people, ASSIGNEE} if nearest(name, {ASSIGNEE}) else people)
        document.report(node.span, "unknown-person", f'person "{name[:60]}" is not defined', hint=hint)


def _check_known(document: Document, node: Scalar, what: str, name: str, known: frozenset[str]) -> None:
    if name not in known:
        text = f'{what} "{name[:60]}" is not defined'
        document.report(node.span, f"unknown-{what}", text, hint=did_you_mean(name, known))


def _check_people(document: Document, root: Node | None) -> None:
    channels = names(root, "channels")
    paged = {channel: key for channel, key in _ADDRESS_KEYS.items() if channel.value in channels}
    for name, person in _entries(root, "people"):
        if not isinstance(person, Mapping):
            continue
        key_span = locate(root, ("people", name), at_key=True)
        if not any(key in person.entries for key in paged.values()):
            wanted = " or ".join(paged.values()) or "a channel that a connector serves"
            document.report(key_span, "no-contact", f'"{name}" cannot be paged', hint=f"needs {wanted}")
        for item in _notify_items(person.get("notify")):
            _check_notify(document, name, person, item, channels)


def _notify_items(notify: Node | None) -> Iterator[Node]:
    """Every channel that a person's profiles name."""
    profiles = [notify, *(notify.get(key) for key in ("urgent", "normal"))] if isinstance(notify, Mapping) else [notify]
    for profile in profiles:
        for item in profile.items if isinstance(profile, Sequence) else ():
            by = item.get("by") if isinstance(item, Mapping) else None
            yield from by.items if isinstance(by, Sequence) else (item,)


def _check_notify(document: Document, name: str, person: Mapping, item: Node, channels: frozenset[str]) -> None:
    if not isinstance(item, Scalar) or item.value not in {channel.value for channel in Channel}:
        return  # the model says what is wrong with it
    channel = Channel(item.value)
    key = _ADDRESS_KEYS[channel]
    if key not in person.entries:
        document.report(item.span, "no-contact", f'"{name}" has no {key} for {channel}', hint=f"add  {key}: ...")
    if channel.value not in channels:
        hint = f"add  {channel}: CONNECTOR  under channels"
        document.report(item.span, "unknown-channel", f"no connector serves {channel}", hint=hint)


def _check_tls(document: Document, tls: Node | None, folder: Path) -> None:
    for key in ("cert_file", "key_file"):
        node = tls.get(key) if isinstance(tls, Mapping) else None
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            continue
        try:
            with (folder / node.value).open("rb") as stream:
                is_pem = b"-----BEGIN" in stream.read(65_536)
        except (OSError, ValueError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "not a path"
            document.report(
                node.span, "missing-file", f'cannot read "{node.value}": {reason}', hint=f"looked in {folder}"
            )
            continue
        if not is_pem:
            document.report(node.span, "value", f'"{node.value}" is not a PEM file', hint="it has no -----BEGIN line")


def _check_default_team(document: Document, root: Node | None) -> None:
    if not isinstance(root, Mapping) or "teams" not in root.entries:
        return  # the model says that the key is missing
    span = root.entries["teams"].key_span
    if DEFAULT_TEAM not in names(root, "teams"):
        text = f'there is no team "{DEFAULT_TEAM}": what no rule matches goes to it'
        document.report(span, "unknown-team", text, hint=f"add  {DEFAULT_TEAM}: {{policy: ..., ticket: {{to: ...}}}}")
        return
    for key, lack in (("policy", "pages nobody"), ("ticket", "opens no ticket")):
        team = locate(root, ("teams", DEFAULT_TEAM), at_key=True)
        node = _at(root, "teams", DEFAULT_TEAM, key)
        if node is None or (isinstance(node, Scalar) and node.value in {"none", None}):
            text = f"an alert that no rule matches {lack}: the team {DEFAULT_TEAM} has no {key}"
            document.lint(team, f"default-{key}", text, hint=f"add  {key}")


def lint_openness(document: Document) -> None:
    """Add a warning for what is harmless on loopback and not elsewhere, and for an API that nobody can use."""
    root = document.root
    listen = _at(root, "server", "listen")
    try:
        is_local = listen is None or (isinstance(listen, Scalar) and parse_listen(listen.value).is_loopback)
    except ValueError:
        return
    open_api = _at(root, "api", "loopback_without_token")
    tokens = _at(root, "api", "tokens")
    if not (isinstance(tokens, Sequence) and tokens.items) and not (
        isinstance(open_api, Scalar) and open_api.value is True
    ):
        text = "nobody can use the API or the CLI: there is no token"
        document.lint(_key(root, "api"), "api-closed", text, hint="add api.tokens, or  loopback_without_token: true")
    if isinstance(open_api, Scalar) and open_api.value is True and _is_called_from_elsewhere(root):
        text = (
            "behind a proxy on this machine everybody may be an admin: people call server.external_url from elsewhere"
        )
        hint = "let the proxy add X-Forwarded-For (nginx does not by itself), or use api.tokens"
        document.lint(open_api.span, "api-open", text, hint=hint)
    if is_local:
        return
    for name, source in _entries(root, "sources"):
        auth = source.get("auth") if isinstance(source, Mapping) else None
        if isinstance(auth, Scalar) and auth.value == "none":
            text = f'anybody who reaches this machine can send alerts to "{name}"'
            document.lint(auth.span, "auth-none", text, hint="use bearer, basic, header or grafana_hmac")
    if _at(root, "server", "external_url") is None:
        text = "pages carry no link to acknowledge: server.external_url is not set"
        document.lint(_key(root, "server"), "external-url", text, hint="set it to the address that people reach")


def _is_called_from_elsewhere(root: Node | None) -> bool:
    node = _at(root, "server", "external_url")
    try:
        host = urlsplit(str(node.value)).hostname if isinstance(node, Scalar) else None
    except ValueError:
        return False  # the model says what is wrong with it
    if not host or host == "localhost":
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True


def _key(root: Node | None, section: str) -> Span | None:
    return locate(root, (section,), at_key=True) if isinstance(root, Mapping) and section in root.entries else None


def _at(node: Node | None, *keys: str) -> Node | None:
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def _entries(root: Node | None, section: str) -> Iterator[tuple[str, Node]]:
    found = _at(root, section)
    for name, entry in found.entries.items() if isinstance(found, Mapping) else ():
        yield name, entry.node


def _check_name(document: Document, holder: Node | None, key: str, what: str, known: frozenset[str]) -> None:
    node = holder.get(key) if isinstance(holder, Mapping) else None
    if node is not None and not (isinstance(node, Scalar) and node.value == "none" and key != "to"):
        _check_word(document, node, what, known)


def _check_word(document: Document, node: Node, what: str, known: frozenset[str]) -> None:
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value not in known:
        text = f'{what} "{node.value[:60]}" is not defined'
        document.report(node.span, f"unknown-{what}", text, hint=did_you_mean(node.value, known))
