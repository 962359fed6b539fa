"""What every code of a problem means: the one place that ``ingestd rules explain-code`` reads. A test holds it to the codes in use."""

from __future__ import annotations

from typing import Final

from ingestd.config.code import Code
from ingestd.config.intake_codes import INTAKE_CODES

CODES: Final[dict[str, Code]] = {
    # ------------------------------------------------------------------ the file itself
    "yaml": Code(
        "The file is not valid YAML. Nothing after this place was read.",
        "Look at the line and the one above it: indentation, a quote or bracket that is not closed, a colon inside a plain text.",
        "title: Disk: full",
        "title: 'Disk: full'",
    ),
    "encoding": Code(
        "The file is not UTF-8, or holds a character that YAML does not allow.",
        "Save the file as UTF-8, and take out control characters.",
    ),
    "missing-file": Code(
        "A file or folder that is named here cannot be read. A relative path begins at the folder of the file that names it.",
        "Correct the path, or the permissions: the daemon reads it as its own user.",
    ),
    "too-large": Code(
        "The file, or the number of files, is beyond its bound.", "Split the file, or take out what is not needed."
    ),
    "too-deep": Code(
        "Lists and mappings are nested too deeply.", "Nothing needs that many levels: check the indentation."
    ),
    "documents": Code(
        "A second YAML document begins in the file; it was not read.", "Use two files, or take out the ---."
    ),
    "alias": Code(
        "Aliases (*name) are not used here: a change in one place would change another.", "Write the value out."
    ),
    "anchor": Code(
        "Anchors (&name) are not used here: a change in one place would change another.",
        "Write the value out where it is needed; in a rule file, what rules have in common stands under defaults.",
    ),
    "tag": Code("Tags (!name) are not used here.", "Leave the tag out."),
    "key": Code("A key must be plain text.", "Write  name: value."),
    "duplicate-key": Code(
        "The same key, or the severity matrix, is given twice. YAML readers silently take one of the two, and rarely the one that was meant.",
        "Keep one of them.",
        "urgency: high\nurgency: low",
        "urgency: high",
    ),
    "unknown-key": Code(
        "There is no such key here. It would have no effect, which is not what its author believes.",
        "Correct the spelling, or the indentation: the key may belong one level up or down.",
        "urgancy: high",
        "urgency: high",
    ),
    "missing-key": Code("Something that is required is not there.", "Add the key."),
    "empty": Code(
        "The key has no value, or the file nothing in it. An empty value is not taken for “none”.",
        "Give it a value; where nothing is meant, write none.",
        "page:",
        "page: none",
    ),
    "type": Code(
        "The value is of the wrong kind: a list where text is wanted, true where a word is.",
        "Write it in the form that is named. Text that looks like a number or like true goes into quotes.",
        "category: true",
        "category: 'true'",
    ),
    "value": Code(
        "The value is of the right kind and not one of those that may stand here.", "Use what the message names."
    ),
    "name": Code(
        "This cannot be a name. Names stand in logs, metrics and URLs.",
        "Use letters, digits, _ . and -, a letter or digit first, at most 64 characters.",
    ),
    # ------------------------------------------------------------------ values of certain kinds
    "duration": Code(
        "This is no duration.", "Write a number and a unit: 30s, 5m, 2h, 1d or 1h30m.", "within: 5", "within: 5m"
    ),
    "size": Code("This is no size.", "Write a number and a unit: 512B, 64KiB, 2MiB, 1GiB."),
    "address": Code("This is no address to listen on.", "Write 127.0.0.1:8095, [::1]:8095 or :8095 (every address)."),
    "network": Code("This is no network.", "Write 10.0.0.0/8, fd00::/8 or a single address."),
    "url": Code(
        "This is no URL that can be used here.", "Write http:// or https://, a host, and no credentials, ? or #."
    ),
    "database": Code(
        "This is no database.", "Write sqlite:PATH or postgresql://USER@HOST/NAME, the password in a key of its own."
    ),
    "email": Code("This is no email address.", "Write the bare address, without a display name: asha@example.com."),
    "phone": Code(
        "This cannot be a phone number.",
        "Write it with + and the country code.",
        "phone: 0151 2345678",
        "phone: +49 151 2345678",
    ),
    "instant": Code("This is no instant.", "Write 2026-03-29 03:30, or 2026-03-29T03:30:00Z."),
    "words": Code(
        "There is no word in this phrase, so that it is found in no report.",
        "Write words as people write them; case and punctuation do not matter.",
        'impact: {high: ["!!!"]}',
        'impact: {high: ["all users"]}',
    ),
    "limit": Code(
        "This is no limit of messages: a number of them in a time.",
        "Write the count and the time; every time once.",
        "most: [5/15m]",
        'most: ["5 in 15m"]',
    ),
    "zone": Code(
        "There is no such time zone.", "Use a name of the IANA database: Europe/Berlin, America/New_York, UTC."
    ),
    "window": Code(
        "This does not say when a window of time is open. The words are those of Alertmanager's time_intervals, or from and to for once.",
        "Ranges are one text with a colon, times of the day one with a dash; what is open once and what recurs are two windows.",
        'when: {weekdays: [monday-friday], times: ["9-17"]}',
        "when: {weekdays: ['monday:friday'], times: [\"09:00-17:00\"]}",
    ),
    # ------------------------------------------------------------------ schedules
    "turn": Code(
        "This does not say how long a person's turn is. Turns are counted on the wall clock, so that a hand-off at nine stays at nine.",
        "Write a number and hour, day, week or month.",
        "turn: 7d",
        "turn: 1 week",
    ),
    "duplicate-layer": Code("Two layers of a schedule have the same name.", "Give one of them another name."),
    "layer-order": Code(
        "Layers are above each other in a circle, so none of them is on top.",
        "Take one above out: the order of the file holds.",
    ),
    "overlap": Code(
        "Two overrides of a schedule hold at the same time. The last one in the file is on call.",
        "Let one end where the other begins, or take out the one that is not meant.",
    ),
    # ------------------------------------------------------------------ secrets and the environment
    "secret": Code(
        "A secret cannot be had: not UTF-8, empty, too large, given in two ways, or no such credential.",
        "Give it in one way: KEY, KEY_file or KEY_credential.",
    ),
    "secret-mode": Code("Every user of this machine can read the file of a secret.", "chmod o= FILE"),
    "environment": Code(
        "A variable that ${NAME} stands for is not set where the command runs.",
        "Set it for the daemon (EnvironmentFile= in its unit) and here; write $${ for a literal ${.",
    ),
    # ------------------------------------------------------------------ the configuration
    "auth": Code(
        "It is not clear how a source proves itself.",
        "Give exactly one of bearer, basic, header or grafana_hmac; auth: none must be written out.",
    ),
    "auth-none": Code(
        "Anybody who reaches this machine can send alerts to the source, and so page people.",
        "Let the source authenticate, or listen on loopback alone.",
    ),
    "api-closed": Code(
        "Nobody can use the API or the command line.", "Add api.tokens, or loopback_without_token: true."
    ),
    "api-open": Code(
        "Whoever is on this machine may use the API without a token. Behind a proxy on this machine that may be everybody.",
        "Let the proxy add X-Forwarded-For, or use api.tokens and take loopback_without_token out.",
    ),
    "external-url": Code(
        "Pages carry no link to acknowledge: the daemon does not know how people reach it.", "Set server.external_url."
    ),
    "channel": Code(
        "A connector cannot serve the channel that it is named for.", "Name one whose kind reaches people in this way."
    ),
    "profile": Code(
        "The stages of a profile are not in the order of time, or nothing is used at once.",
        "Begin with the channels that are tried at once; then each later stage with its time.",
        "notify: {urgent: [{after: 2m, by: [email]}, sms]}",
        "notify: {urgent: [sms, {after: 2m, by: [email]}]}",
    ),
    "level": Code("This is no level of support.", "Write L1, L2 or L3; up to L9.", "level: second", "level: L2"),
    "last-resort": Code(
        "A last resort tells nobody: when nobody has answered, somebody must still hear of it.",
        "Give it an address that is always read, or people.",
        "last_resort: {}",
        "last_resort: {email: noc@example.com}",
    ),
    "assign": Code(
        "This does not say how somebody is put in charge.",
        "Name a schedule, or divide the work in turn or by who has the fewest.",
        "assign: {by: schedule}",
        "assign: {by: schedule, schedule: first-line}",
    ),
    "no-layers": Code(
        "Nobody takes turns on a schedule: it has no layers, and no calendar in their place.",
        "Give it layers, or a calendar that is used as such.",
        "first-line: {calendar: {path: shifts.ics, use: overrides}}",
        "first-line: {calendar: {path: shifts.ics, use: layers}}",
    ),
    "calendar": Code(
        "A calendar has no place, or two: it comes from an address or from a file.",
        "Write url_file (a file with the secret address), url: ${NAME}, or path.",
        "calendar: {use: overrides}",
        "calendar: {url_file: secrets/first-line.ics-url, use: overrides}",
    ),
    "unknown-skill": Code("Nobody has this skill.", "Correct it, or add it under skills: of whoever knows it."),
    "no-members": Code("A step pages a team that has nobody in it.", "Give the team members."),
    "no-contact": Code(
        "Somebody is to be paged and cannot be: there is no address for any channel that a connector serves.",
        "Give the person a phone or email, and the channel a connector.",
    ),
    "no-vendor": Code(
        "Every connector of the channel sms is for certain countries, and this number is in none of them. Pages to it are handed to "
        "connectors that were not meant for it, if the daemon runs already.",
        "Add the country to one of them, or a connector for every country at the end.",
        'channels:\n  sms: [{to: sms-india, countries: ["+91"]}]',
        'channels:\n  sms: [{to: sms-india, countries: ["+91"]}, sms]',
    ),
    "duplicate-route": Code(
        "The same connector stands twice in a channel. It is tried once, in its first place.",
        "Take one of them out; countries can be listed together.",
    ),
    "default-policy": Code(
        "What no rule matches pages nobody: the team default has no policy. That is silence where it is least expected.",
        "Give the team default a policy.",
    ),
    "default-ticket": Code("What no rule matches opens no ticket.", "Give the team default a ticket."),
    "ticket": Code(
        "This does not say where a ticket goes, or the connector opens none.",
        "Write a mapping with the connector's name, or none.",
        "ticket: jira",
        "ticket: {to: jira}",
    ),
    "unknown-team": Code(
        "The team is not defined in the configuration, so nothing says who is paged.",
        "Correct the name, or define it under teams.",
    ),
    "unknown-policy": Code(
        "The policy is not defined in the configuration, so nobody would be paged.",
        "Correct the name, or define it under policies.",
    ),
    "unknown-connector": Code(
        "The connector is not defined in the configuration.", "Correct the name, or define it under connectors."
    ),
    "unknown-person": Code(
        "The person is not defined in the configuration.", "Correct the name, or define it under people."
    ),
    "unknown-schedule": Code(
        "The schedule is not defined in the configuration.", "Correct the name, or define it under schedules."
    ),
    "unknown-layer": Code("The schedule has no layer of this name.", "Correct the name: above names another layer."),
    "unknown-address": Code(
        "No connector of the chat channel knows this name.",
        "Correct the name, or define it under destinations of the connector.",
    ),
    "unknown-channel": Code("No connector serves the channel.", "Name one under channels."),
    "unknown-kind": Code(
        "No connector of this kind is installed.", "Correct the kind, or install the package that brings it."
    ),
    "unknown-source": Code(
        "The source is not defined in the configuration.", "Correct the name, define it under sources, or name a kind."
    ),
    "unknown-rule": Code(
        "A test expects a rule that there is not. It could never pass.",
        "Correct the name; was the rule renamed or taken out?",
    ),
    "unknown-window": Code(
        "A test expects a maintenance window that there is not. It could never pass.",
        "Correct the name; was the window renamed or taken out?",
    ),
    # ------------------------------------------------------------------ what comes in by mail and as JSON
    **INTAKE_CODES,
    # ------------------------------------------------------------------ rules
    "matcher": Code(
        "A matcher cannot be read. It is one string as in Alertmanager: label = value, !=, =~ or !~, with an RE2 regex for the whole value.",
        "Put the whole matcher into single quotes. For look-ahead, which RE2 has not, use unless.",
        "match:\n  - env: prod",
        "match:\n  - env = prod",
    ),
    "duplicate-rule": Code(
        "Two rules have the same name. The name stands in tickets, metrics and explain, where it must mean one rule.",
        "Rename one of them.",
    ),
    "template": Code(
        "A title or summary cannot be rendered: a field that does not exist, a syntax error, or something that templates may not do.",
        "Use labels, annotations, summary, alert, rule, severity, impact, urgency, category, team, runbook; filters instead of calls.",
        'title: "{{ lables.host }}"',
        'title: "{{ labels.host }}"',
    ),
    "comment": Code(
        "After a matcher, title or summary without quotes stands a #: YAML takes the rest of the line for a comment.",
        "Quote the text if the rest belongs to it; else move the comment to a line of its own.",
        "- summary = disk #1",
        "- 'summary = disk #1'",
    ),
    "unreachable": Code(
        "The rule can never decide: an earlier rule matches every alert that it matches, or its own matchers exclude each other. "
        "An earlier rule that expires first does not count.",
        "Move it above the other, narrow the other by unless, or take one of them out.",
        "- rule: anything\n  match: [env = prod]\n- rule: checkout\n  match: [env = prod, service = checkout]",
        "- rule: checkout\n  match: [env = prod, service = checkout]\n- rule: anything\n  match: [env = prod]",
    ),
    "expired": Code(
        "The day after which the rule was not to hold has come: it matches nothing any more, and later rules decide about its alerts.",
        "Take the rule out; if it is still needed, give it a later day, or none.",
        "expires: 2024-12-31",
        "expires: 2027-12-31",
    ),
    "expires-soon": Code(
        "The rule expires within two weeks. From then on later rules decide about its alerts, and perhaps wake somebody else.",
        "Look at what would decide then (ingestd rules route --at TIME); give it a later day if it is still needed.",
    ),
    "window-over": Code(
        "Every time of this maintenance window lies in the past: it never opens again, and whoever reads it believes that it does.",
        "Take it out, or give it another time.",
    ),
    "never-paged": Code(
        "The rule itself names a policy, and its severity never pages: response says so. Nobody is woken, whatever the rule says.",
        "Raise impact or urgency, let the severity page under response, or take page out of the rule.",
        "urgency: low               # severity low, and response says  low: {page: never}\npage: payments-oncall",
        "urgency: high\npage: payments-oncall",
    ),
    "office-hours": Code(
        "A severity is to page in office hours, and no rule file says when those are. Then every hour is one: people are paged at night.",
        "Say when people are at work, in one rule file.",
        "response:\n  medium: {page: office-hours}",
        "response:\n  medium: {page: office-hours}\noffice_hours:\n  when: {weekdays: ['monday:friday'], times: [\"09:00-17:00\"], tz: Europe/Berlin}",
    ),
    "self-inhibiting": Code(
        "Every alert of the rule is also one that inhibits it, whatever it is about: once one of them fires, all others are kept back.",
        "Narrow the match of inhibit_by, or say with equal what the two must have in common.",
        "match: ['alertname =~ \"Node.*\"']\ninhibit_by: {match: ['alertname =~ \"Node.*\"']}",
        "match: ['alertname =~ \"Node.*\"']\ninhibit_by: {match: [alertname = ClusterDown], equal: [cluster]}",
    ),
    "collects-each-other": Code(
        "Two rules collect each other's alerts. Whichever opens first takes in the other, which then pages nobody: chance decides.",
        "Let one of them collect, the one that is the cause; or narrow what they collect.",
    ),
    "no-effect": Code(
        "Something is written that changes nothing: a hold or threshold of a rule that only monitors, or a label to extract that is "
        "always there already (labels are never replaced).",
        "Take it out; give the extracted label another name.",
        "match: ['host != \"\"']\nextract: {from: alert.subject, regex: 'on (?P<host>\\S+)'}",
        "match: ['host != \"\"']\nextract: {from: alert.subject, regex: 'on (?P<named_host>\\S+)'}",
    ),
    "no-rules": Code(
        "There are no rules here, so every alert goes to the team default as unmatched.",
        "Add rules, or take out the file.",
    ),
    "ignored-file": Code("A file among the rules is not read because of its name.", "Let its name end in .yaml."),
    # ------------------------------------------------------------------ tests of rules
    "alert": Code(
        "An alert of a test cannot be written like this. The names are those of matchers.",
        "Write labels; alert.source, alert.summary, alert.value; annotations.NAME.",
        "alert: [alertname = DiskFull]",
        "alert: {alertname: DiskFull}",
    ),
    "payload": Code(
        "The daemon could not read this body: it would end in quarantine.",
        "Capture the body as it was sent, and name the source that sent it.",
    ),
    "test": Code(
        "A test contradicts itself or expects nothing.",
        "Give it one of alert, payload and steps, steps in the order of time, and something to expect.",
    ),
    "untested": Code(
        "No test reaches the rule: nothing would tell if another rule took its alerts.",
        "Add a test whose alert it decides about.",
        right="tests:\n  - name: a full disk is for the database team\n    alert: {alertname: DiskFull}\n    expect: {rule: disk-full, team: databases}",
    ),
}
"""By code, in the order in which a reader of a file meets them."""
