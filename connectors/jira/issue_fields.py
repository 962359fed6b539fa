"""The fields of a new issue and the texts of comments: what is told, cut to what Jira holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.jira import adf, wiki
from connectors.jira.marker import COMMON_LABEL, comment_line, description_line, label_of
from connectors.jira.picture import (
    Block,
    Heading,
    Paragraph,
    Piece,
    alert_of,
    facts_of,
    line,
    news_of,
    pointer,
    standing_of,
    summary_of,
)
from connectors.jira.settings import JiraSettings
from connectors.jira.text import as_label, clean_line
from ingestd.core.names import EffectKey
from ingestd.errors import RequestRejected
from ingestd.ports import IncidentView, TicketDraft, TicketNote

SUMMARY_LIMIT = 255
TEXT_LIMIT = 32_767
"""Of a description or comment, in characters."""

_BUDGET = 30_000
"""What we fill of it: Jira counts after it has added markup of its own."""

_OPTIONAL = frozenset({"priority", "labels", "components", "assignee", "description"})


@dataclass(frozen=True, slots=True)
class Markup:
    """How a deployment writes text."""

    render: Callable[[Sequence[Block]], Any]
    size: Callable[[object], int]


ADF = Markup(adf.render, adf.size)
WIKI = Markup(wiki.render, wiki.size)


def project_of(options: Mapping[str, Any], settings: JiraSettings) -> str:
    """The project's key: the rule's, else the connector's."""
    project = _word(options.get("project")) or settings.project
    if not project:
        raise RequestRejected(
            "No Jira project for this ticket.", hint="Set `project` on the connector or in the rule's `ticket:`."
        )
    return project


def fields_of(
    draft: TicketDraft, key: EffectKey, settings: JiraSettings, markup: Markup, left_out: Sequence[str] = ()
) -> dict[str, Any]:
    """The fields of a new issue, without those in ``left_out``, which the description then names."""
    options, incident = draft.options, draft.incident
    is_cloud = markup is ADF
    assignee = _word(options.get("assignee")) or settings.assignee
    components = _words(options.get("components", options.get("component"))) or settings.components
    priority = settings.priority_of(incident.severity)
    marker = label_of(key, settings.installation)
    labels = [as_label(text) for text in (COMMON_LABEL, marker, *settings.labels, *_words(options.get("labels")))]
    extra = options.get("fields")
    fields: dict[str, Any] = {**settings.fields, **(extra if isinstance(extra, Mapping) else {})}
    fields |= {
        "project": _by_id_or(project_of(options, settings), "key"),
        "issuetype": _by_id_or(_word(options.get("type")) or settings.issue_type, "name"),
        "summary": clean_line(incident.title, SUMMARY_LIMIT) or f"Incident {incident.id}",
        "labels": list(dict.fromkeys(label for label in labels if label)),
        "description": description_of(incident, marker, markup, left_out),
    }
    if priority:
        fields["priority"] = {"name": priority}
    if components:
        fields["components"] = [_by_id_or(name, "name") for name in components]
    if assignee:
        fields["assignee"] = {"accountId" if is_cloud else "name": assignee}
    return {name: value for name, value in fields.items() if name not in left_out}


def correctable(errors: Mapping[str, str], fields: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields to leave out so that a refused issue is taken; empty if that would not help.

    Labels or the description must stay: one of them carries the marker.
    """
    refused = set(errors)
    must_stay = refused - (_OPTIONAL | {name for name in fields if name.startswith("customfield_")})
    if must_stay or not refused <= set(fields) or {"labels", "description"} <= refused:
        return ()
    return tuple(sorted(refused))


def description_of(incident: IncidentView, marker: str, markup: Markup, left_out: Sequence[str]) -> Any:  # noqa: ANN401 (ADF or a string)
    """The whole picture of an incident; alerts that do not fit are counted and pointed to."""
    heading = Heading(f"Alerts: {incident.firing_count} firing of {incident.alert_count}")
    head: list[Block] = [*summary_of(incident), facts_of(incident), heading]
    tail: list[Block] = []
    if left_out:
        tail.append(Paragraph((line(f"Jira did not let ingestd set: {', '.join(left_out)}."),)))
    tail.append(Paragraph(((Piece(description_line(marker)),),)))
    shown = _fitting((alert_of(alert) for alert in incident.alerts), markup, _room(markup, head, tail))
    missing = incident.alert_count - len(shown)
    more = pointer(f"… and {missing} more alerts", incident) if missing > 0 else ()
    return markup.render([*head, *(block for group in shown for block in group), *more, *tail])


def comment_of(note: TicketNote, key: EffectKey, markup: Markup) -> Any:  # noqa: ANN401 (ADF or a string)
    """What has happened; the newest lines stay if not all fit, and the marker is always last."""
    head = standing_of(note.incident)
    tail = (Paragraph((line(comment_line(key)),)),)
    newest_first = _fitting((news_of(entry) for entry in reversed(note.lines)), markup, _room(markup, head, tail))
    missing = len(note.lines) - len(newest_first)
    more = pointer(f"{missing} earlier lines left out", note.incident) if missing else ()
    shown = (block for group in reversed(newest_first) for block in group)
    return markup.render([*head, *more, *shown, *tail])


def _room(markup: Markup, head: Sequence[Block], tail: Sequence[Block]) -> int:
    """What is left for the part that can be cut; 1,500 are kept for the pointer to the rest."""
    return _BUDGET - markup.size(markup.render(head)) - markup.size(markup.render(tail)) - 1500


def _fitting(groups: Iterable[Sequence[Block]], markup: Markup, room: int) -> list[Sequence[Block]]:
    """The first groups, as many as fit; the rest is not even made."""
    fitting: list[Sequence[Block]] = []
    for group in groups:
        room -= markup.size(markup.render(group))
        if room < 0:
            break
        fitting.append(group)
    return fitting


def _by_id_or(word: str, name: str) -> dict[str, str]:
    return {"id" if word.isascii() and word.isdigit() else name: word}


def _word(value: object) -> str:
    return clean_line(str(value), 255) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _words(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list | tuple) else (value,)
    return tuple(word for word in map(_word, items) if word)
