"""The profiles of machine mail: those that come with ingestd, in the order in which they are asked, and those of a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from ingestd.config.mail_profile_model import LABELS_WORD, MailProfileSection
from ingestd.config.problems import ConfigProblems, did_you_mean
from ingestd.config.validation import Place, locate, validate
from ingestd.config.yaml_tree import Document, Scalar, Sequence, read_document
from ingestd.config.yaml_tree import Mapping as YamlMapping
from ingestd.core.mail.profile import GIVEN_FIELDS, SECTION, TEXTS, Choice, Finding, MailProfile, Split
from ingestd.core.mail.profile_words import is_text, template_fields
from ingestd.core.matchers import capture_names

SECTION_NAME: Final = "mail_profiles"
"""The key under which profiles stand, in the configuration as in the files of the built-in ones."""

BUILT_IN: Final = (
    "alertmanager",
    "grafana",
    "nagios",
    "icinga",
    "zabbix",
    "cloudwatch",
    "azure-monitor",
    "proxmox",
    "smartd",
    "cron",
    "generic",
)
"""The built-in profiles in the order in which they are asked: the one that knows its mail best first."""

FOLDER: Final = Path(__file__).parent / "profiles"
"""Where the built-in profiles lie, one file each, in the language of the configuration."""


@lru_cache(maxsize=1)
def built_in() -> Mapping[str, MailProfile]:
    """The built-in profiles by name, in their order. Raises ``ConfigProblems`` only if this installation is broken."""
    found: dict[str, MailProfile] = {}
    for name in BUILT_IN:
        document, _ = read_document(FOLDER / f"{name}.yaml")
        node = document.root.get(SECTION_NAME) if isinstance(document.root, YamlMapping) else None
        own = node.get(name) if isinstance(node, YamlMapping) else None
        section = validate(document, own, MailProfileSection, place=(SECTION_NAME, name))
        if section is not None:
            found[name] = section.as_profile(name)
            check_fields(document, found[name])
        if document.problems:
            raise ConfigProblems(document.problems)
    return found


def chosen(names: tuple[str, ...] | None, own: Mapping[str, MailProfileSection]) -> tuple[MailProfile, ...]:
    """The profiles that a source asks, in order. Without ``names`` the configuration's own ones, then the built-in ones.

    One of the configuration takes the place of a built-in one with its name.
    """
    known = {**built_in(), **{name: section.as_profile(name) for name, section in own.items()}}
    return tuple(
        known[name] for name in (names if names is not None else dict.fromkeys((*own, *BUILT_IN))) if name in known
    )


def check_mail_profiles(document: Document) -> None:
    """Add a problem for every profile that a source names and nobody defines, and every field that nothing finds.

    A profile that is wrong in form has been reported, and is passed over.
    """
    root = document.root
    own = root.get(SECTION_NAME) if isinstance(root, YamlMapping) else None
    own_names = tuple(own.entries) if isinstance(own, YamlMapping) else ()
    sources = root.get("sources") if isinstance(root, YamlMapping) else None
    for name in sources.entries if isinstance(sources, YamlMapping) else ():
        _check_names(document, ("sources", name, "email", "profiles"), (*own_names, *BUILT_IN))
    for name in own_names:
        quiet = Document(document.file, document.lines)
        section = validate(quiet, own.get(name) if isinstance(own, YamlMapping) else None, MailProfileSection)
        if section is not None:
            check_fields(document, section.as_profile(name))


def _check_names(document: Document, place: Place, known: tuple[str, ...]) -> None:
    node = document.root
    for part in place:
        node = node.get(str(part)) if isinstance(node, YamlMapping) else None
    for item in node.items if isinstance(node, Sequence) else ():
        if isinstance(item, Scalar) and isinstance(item.value, str) and item.value not in known:
            hint = did_you_mean(item.value, known) or f"define it under  {SECTION_NAME}"
            text = f'mail profile "{item.value[:60]}" is not defined'
            document.report(item.span, "unknown-mail-profile", text, hint=hint)


def check_fields(document: Document, profile: MailProfile) -> None:
    """Add a problem for every field that a profile uses and nothing in it finds."""
    checker = _FieldCheck(document, profile)
    checker.findings(profile.extract, ("extract",), ())
    if profile.split is not None:
        checker.split(profile.split)
    if profile.status.field:
        checker.use(profile.status.field, ("status", "from"))
    if profile.severity.field:
        checker.use(profile.severity.field, ("severity", "from"))
    for number, name in ((number, name) for number, names in enumerate(profile.identity) for name in names):
        checker.use(name, ("identity", number))
    if profile.is_identity_of_labels and not (profile.pairs or (profile.split is not None and profile.split.pairs)):
        checker.fault_at(("identity",), "the word labels means those that pairs find, and there are no pairs")
    if profile.starts_at is not None:
        checker.use(profile.starts_at.field, ("starts_at", "from"))
    checker.choice(profile.alertname, ("alertname",))
    for key, choices in (("labels", profile.labels), ("annotations", profile.annotations)):
        for label, choice in choices.items():
            checker.choice(choice, (key, label))


class _FieldCheck:
    """Knows which fields a profile finds, and reports those that it does not."""

    def __init__(self, document: Document, profile: MailProfile) -> None:
        self._document = document
        self._place: Place = (SECTION_NAME, profile.name)
        self._known = set(GIVEN_FIELDS)

    def add(self, names: tuple[str, ...]) -> None:
        """These are found."""
        self._known |= set(names)

    def findings(self, findings: tuple[Finding, ...], place: Place, more: tuple[str, ...]) -> None:
        """What each looks through must be there by then."""
        for number, finding in enumerate(findings):
            where = (*place, number, "from")
            if not is_text(finding.source) and finding.source not in {*self._known, *more}:
                known = {*TEXTS, "header.NAME", *self._known, *more}
                self.fault_at(
                    where, f'there is no text or field "{finding.source[:60]}"', did_you_mean(finding.source, known)
                )
            for name in finding.names:
                if name in (*GIVEN_FIELDS, LABELS_WORD):
                    self.fault_at((*place, number, "regex"), f'"{name}" is a name of its own: call the group otherwise')
            self.add(finding.names)

    def split(self, split: Split) -> None:
        """What the places of a split and its expressions find."""
        self.add(capture_names(split.at))
        self.add(capture_names(split.heading) if split.heading is not None else ())
        self.findings(split.extract, ("split", "extract"), (SECTION,))

    def use(self, name: str, place: Place) -> None:
        """A field is wanted here."""
        if name not in self._known:
            hint = did_you_mean(name, self._known)
            self.fault_at(place, f'nothing finds the field "{name[:60]}"', hint or "name a group of extract like it")

    def choice(self, choice: Choice, place: Place) -> None:
        """The fields of these templates are wanted here."""
        for name in (name for template in choice for name in template_fields(template)):
            self.use(name, place)

    def fault_at(self, place: Place, text: str, hint: str = "") -> None:
        """Add a problem at a place of this profile."""
        self._document.report(locate(self._document.root, (*self._place, *place)), "unknown-field", text, hint=hint)
