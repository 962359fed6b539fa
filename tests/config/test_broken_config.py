"""Broken configurations, each with exactly what its author is told."""

from pathlib import Path

import pytest

from ingestd.config.problems import ConfigProblems, render_all

EDITS = [
    pytest.param(
        "auth: none",
        "auht: none",
        """\
config.yaml:2:28: error[unknown-key]: unknown key "auht"
  |
2 |   am: {kind: alertmanager, auht: none}
  |                            ^^^^ did you mean "auth"?
""",
        id="a key that does not exist",
    ),
    pytest.param(
        ", auth: none",
        "",
        """\
config.yaml:2:7: error[missing-key]: the key "auth" is missing: no way to authenticate is given
  |
2 |   am: {kind: alertmanager}
  |       ^^^^^^^^^^^^^^^^^^^^ use one of bearer, basic, header or grafana_hmac, or write  auth: none
""",
        id="no authentication written out",
    ),
    pytest.param(
        "auth: none",
        "auth: nnoe",
        """\
config.yaml:2:34: error[auth]: auth is a mapping with one way to authenticate, or none
  |
2 |   am: {kind: alertmanager, auth: nnoe}
  |                                  ^^^^ did you mean "none"?
""",
        id="a way to authenticate that does not exist",
    ),
    pytest.param(
        "auth: none",
        "auth: {bearer: {secrets: [hunter2hunter2]}, header: {name: X-Key, secrets: [hunter2hunter2]}}",
        """\
config.yaml:2:34: error[auth]: only one of bearer and header
  |
2 |   am: {kind: alertmanager, auth: {bearer: {secrets: [**************]}, ******* {***** *****, ******** [**************]}}}
  |                                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ use one of bearer, basic, header or grafana_hmac, or write  auth: none
""",
        id="two ways to authenticate",
    ),
    pytest.param(
        "auth: none",
        "auth: {}",
        """\
config.yaml:2:34: error[auth]: no way to authenticate is given
  |
2 |   am: {kind: alertmanager, auth: {}}
  |                                  ^^ use one of bearer, basic, header or grafana_hmac, or write  auth: none
""",
        id="no way to authenticate",
    ),
    pytest.param(
        "auth: none",
        "auth: {bearer: {secrets: [hunter2]}}",
        """\
config.yaml:2:54: error[value]: this must have at least 8 characters
  |
2 |   am: {kind: alertmanager, auth: {bearer: {secrets: [*******]}}}
  |                                                      ^^^^^^^
""",
        id="a secret that is too short is not shown",
    ),
    pytest.param(
        "auth: none",
        "auth: {bearer: {secrets: [hunter2hunter2, hunter2hunter3, hunter2hunter4]}}",
        """\
config.yaml:2:53: error[value]: this must have at most 2 items
  |
2 |   am: {kind: alertmanager, auth: {bearer: {secrets: [**************, **************, **************]}}}
  |                                                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
""",
        id="three live secrets",
    ),
    pytest.param(
        "auth: none",
        "auth: {bearer: {secrets_file: nope}}",
        """\
config.yaml:2:58: error[missing-file]: cannot read "nope": No such file or directory
  |
2 |   am: {kind: alertmanager, auth: {bearer: {secrets_file: nope}}}
  |                                                          ^^^^ looked at FOLDER/nope
""",
        id="a secret file that is not there",
    ),
    pytest.param(
        "auth: none",
        'auth: {bearer: {secrets: ["${NOPE}"]}}',
        """\
config.yaml:2:54: error[environment]: the environment variable NOPE is not set
  |
2 |   am: {kind: alertmanager, auth: {bearer: {secrets: ["*{****}"]}}}
  |                                                      ^^^^^^^^^
""",
        id="an environment variable that is not set",
    ),
    pytest.param(
        "auth: none",
        "auth: {bearer: {secrets_credential: am}}",
        """\
config.yaml:2:64: error[secret]: there is no credential "am"
  |
2 |   am: {kind: alertmanager, auth: {bearer: {secrets_credential: am}}}
  |                                                                ^^ start the service with LoadCredential=, or use a file
""",
        id="a credential without systemd",
    ),
    pytest.param(
        "auth: none",
        "auth: {bearer: {secrets: [hunter2hunter2], secrets_file: x}}",
        """\
config.yaml:2:71: error[secret]: both "secrets" and "secrets_file" are given
  |
2 |   am: {kind: alertmanager, auth: {bearer: {secrets: [**************], ************* *}}}
  |                                                                       ^^^^^^^^^^^^ keep one of them; the other is on line 2
""",
        id="a secret given twice",
    ),
    pytest.param(
        "kind: alertmanager",
        "kind: alertmanger",
        """\
config.yaml:2:14: error[value]: "alertmanger" is not one of alertmanager, grafana, alertmanager_api, email, freshdesk_ticket, json, kibana, watcher, elastalert2
  |
2 |   am: {kind: alertmanger, auth: none}
  |              ^^^^^^^^^^^ did you mean "alertmanager"?
""",
        id="a kind of source that does not exist",
    ),
    pytest.param(
        "  am:",
        "  am/1:",
        """\
config.yaml:2:3: error[name]: "am/1" is not a name
  |
2 |   am/1: {kind: alertmanager, auth: none}
  |   ^^^^ letters, digits, _ . and -; a letter or digit first; at most 64
""",
        id="a source name with a slash",
    ),
    pytest.param(
        """\
sources:
  am: {kind: alertmanager, auth: none}
""",
        "",
        """\
config.yaml:1:1: error[missing-key]: the key "sources" is missing
  |
1 | connectors:
  | ^^^^^^^^^^^
""",
        id="no sources",
    ),
    pytest.param(
        """\
sources:
  am: {kind: alertmanager, auth: none}
""",
        """\
sources:
""",
        """\
config.yaml:1:9: error[empty]: this has no value; it must be a mapping
  |
1 | sources:
  |         ^
""",
        id="a section without a value",
    ),
    pytest.param(
        "[asha], wait: 5m",
        "[asah], wait: 5",
        """\
config.yaml:10:29: error[unknown-person]: person "asah" is not defined
   |
10 |   default: {steps: [{page: [asah], wait: 5}]}
   |                             ^^^^ did you mean "asha"?

config.yaml:10:42: error[duration]: 5 has no unit
   |
10 |   default: {steps: [{page: [asah], wait: 5}]}
   |                                          ^ write 5s for seconds
""",
        id="a policy that names no such person, and a wait without unit",
    ),
    pytest.param(
        "[asha], wait: 5m",
        "asha, wait: 5min",
        """\
config.yaml:10:28: error[type]: this must be a list, not text
   |
10 |   default: {steps: [{page: asha, wait: 5min}]}
   |                            ^^^^ put it in [ ]

config.yaml:10:40: error[duration]: "5min" is not a duration
   |
10 |   default: {steps: [{page: asha, wait: 5min}]}
   |                                        ^^^^ write 30s, 5m, 2h or 1d
""",
        id="a list that is text, and a duration in the wrong words",
    ),
    pytest.param(
        "[asha], wait: 5m",
        "[asha], wait: 10d",
        """\
config.yaml:10:42: error[value]: this must be from 30s to 7d
   |
10 |   default: {steps: [{page: [asha], wait: 10d}]}
   |                                          ^^^
""",
        id="a wait out of bounds",
    ),
    pytest.param(
        "channels: {email: mail}",
        "channels: {emial: mail}",
        """\
config.yaml:6:12: error[unknown-key]: unknown key "emial"
  |
6 | channels: {emial: mail}
  |            ^^^^^ did you mean "email"?

config.yaml:8:3: error[no-contact]: "asha" cannot be paged
  |
8 |   asha: {email: asha@example.com}
  |   ^^^^ needs a channel that a connector serves
""",
        id="a channel that does not exist",
    ),
    pytest.param(
        "channels: {email: mail}",
        "channels: {email: mial}",
        """\
config.yaml:6:19: error[unknown-connector]: connector "mial" is not defined
  |
6 | channels: {email: mial}
  |                   ^^^^ did you mean "mail"?
""",
        id="a channel without its connector",
    ),
    pytest.param(
        "asha: {email: asha@example.com}",
        'asha: {email: asha@, phone: "0171 555", notify: [sms, fax]}',
        """\
config.yaml:8:17: error[email]: "asha@" is not an email address
  |
8 |   asha: {email: asha@, phone: "0171 555", notify: [sms, fax]}
  |                 ^^^^^ write the bare address: asha@example.com

config.yaml:8:31: error[phone]: this phone number cannot be read
  |
8 |   asha: {email: asha@, phone: "0171 555", notify: [sms, fax]}
  |                               ^^^^^^^^^^ write it with + and the country code: +49 1511 2345678

config.yaml:8:52: error[unknown-channel]: no connector serves sms
  |
8 |   asha: {email: asha@, phone: "0171 555", notify: [sms, fax]}
  |                                                    ^^^ add  sms: CONNECTOR  under channels

config.yaml:8:57: error[channel]: "fax" is not a channel
  |
8 |   asha: {email: asha@, phone: "0171 555", notify: [sms, fax]}
  |                                                         ^^^ known: chat, email, sms
""",
        id="a person with wrong addresses and channels",
    ),
    pytest.param(
        "asha: {email: asha@example.com}",
        'asha: {phone: "+4915112345678"}',
        """\
config.yaml:8:3: error[no-contact]: "asha" cannot be paged
  |
8 |   asha: {phone: "+4915112345678"}
  |   ^^^^ needs email
""",
        id="a person who cannot be paged",
    ),
    pytest.param(
        """\
teams:
  default:""",
        """\
teams:
  defalt:""",
        """\
config.yaml:12:1: error[unknown-team]: there is no team "default": what no rule matches goes to it
   |
12 | teams:
   | ^^^^^ add  default: {policy: ..., ticket: {to: ...}}
""",
        id="no default team",
    ),
    pytest.param(
        "policy: default, ticket: {to: tickets}",
        "policy: defualt, ticket: {to: tcikets}",
        """\
config.yaml:13:21: error[unknown-policy]: policy "defualt" is not defined
   |
13 |   default: {policy: defualt, ticket: {to: tcikets}}
   |                     ^^^^^^^ did you mean "default"?

config.yaml:13:43: error[unknown-connector]: connector "tcikets" is not defined
   |
13 |   default: {policy: defualt, ticket: {to: tcikets}}
   |                                           ^^^^^^^ did you mean "tickets"?
""",
        id="a team whose policy and connector do not exist",
    ),
    pytest.param(
        "ticket: {to: tickets}",
        "ticket: tickets",
        """\
config.yaml:13:38: error[ticket]: a ticket is a mapping, or none
   |
13 |   default: {policy: default, ticket: tickets}
   |                                      ^^^^^^^ write {to: tickets}, or none
""",
        id="a ticket that is only a name",
    ),
    pytest.param(
        """\
teams:
  default:""",
        """\
database: {url: "postgresql://me:hunter2@db/x"}
teams:
  default:""",
        """\
config.yaml:12:11: error[database]: the password must not stand in the URL
   |
12 | database: {url: "postgresql://me:*******@db/x"}
   |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ use password_file beside it
""",
        id="a password in the database URL",
    ),
    pytest.param(
        """\
teams:
  default:""",
        """\
database: {url: "mysql://db"}
teams:
  default:""",
        """\
config.yaml:12:17: error[database]: this is not a database
   |
12 | database: {url: "mysql://db"}
   |                 ^^^^^^^^^^^^ write sqlite:PATH or postgresql://USER@HOST/NAME
""",
        id="a database of another kind",
    ),
    pytest.param(
        """\
teams:
  default:""",
        """\
server:
  listen: "127.0.0.1:80951"
  external_url: ftp://x
  limits: {body_bytes: 2MB, connections: 0, alerts: lots}
teams:
  default:""",
        """\
config.yaml:13:11: error[address]: "127.0.0.1:80951" is not an address to listen on
   |
13 |   listen: "127.0.0.1:80951"
   |           ^^^^^^^^^^^^^^^^^ write 127.0.0.1:8095, [::1]:8095 or :8095

config.yaml:14:17: error[url]: this is not an http or https URL
   |
14 |   external_url: ftp://x
   |                 ^^^^^^^ write https://ingestd.example.com

config.yaml:15:24: error[size]: this is not a size
   |
15 |   limits: {body_bytes: 2MB, connections: 0, alerts: lots}
   |                        ^^^ write 512B, 64KiB or 2MiB

config.yaml:15:42: error[value]: this must be at least 1
   |
15 |   limits: {body_bytes: 2MB, connections: 0, alerts: lots}
   |                                          ^

config.yaml:15:53: error[type]: this must be a whole number, not text
   |
15 |   limits: {body_bytes: 2MB, connections: 0, alerts: lots}
   |                                                     ^^^^
""",
        id="an address, sizes and counts that cannot be",
    ),
    pytest.param(
        """\
teams:
  default:""",
        """\
server: {tls: {cert_file: x.pem, key_file: y.pem}}
teams:
  default:""",
        """\
config.yaml:12:27: error[missing-file]: cannot read "x.pem": No such file or directory
   |
12 | server: {tls: {cert_file: x.pem, key_file: y.pem}}
   |                           ^^^^^ looked in FOLDER

config.yaml:12:44: error[missing-file]: cannot read "y.pem": No such file or directory
   |
12 | server: {tls: {cert_file: x.pem, key_file: y.pem}}
   |                                            ^^^^^ looked in FOLDER
""",
        id="certificates that are not there",
    ),
    pytest.param(
        "{loopback_without_token: true}",
        "{tokens: [{name: ops, role: boss, token: short}]}",
        """\
config.yaml:15:34: error[value]: "boss" is not one of viewer, responder, admin
   |
15 | api: {tokens: [{name: ops, role: boss, token: *****}]}
   |                                  ^^^^

config.yaml:15:47: error[value]: this must have at least 16 characters
   |
15 | api: {tokens: [{name: ops, role: boss, token: *****}]}
   |                                               ^^^^^
""",
        id="a token that is too short, and a role that does not exist",
    ),
    pytest.param(
        "{loopback_without_token: true}",
        "{tokens: [], loopback_without_token: maybe}",
        """\
config.yaml:15:43: error[type]: this must be true or false, not text
   |
15 | api: {tokens: [], loopback_without_token: maybe}
   |                                           ^^^^^
""",
        id="a yes-or-no that is neither",
    ),
    pytest.param(
        "api:",
        """\
log: {level: verbose}
api:""",
        """\
config.yaml:15:14: error[value]: "verbose" is not one of debug, info, warning, error
   |
15 | log: {level: verbose}
   |              ^^^^^^^
""",
        id="a log level that does not exist",
    ),
    pytest.param(
        "api:",
        """\
rules: {path: nowhere}
api:""",
        """\
config.yaml:15:15: error[missing-file]: there is no "nowhere"
   |
15 | rules: {path: nowhere}
   |               ^^^^^^^ looked in FOLDER
""",
        id="rules that are not there",
    ),
    pytest.param(
        "api:",
        """\
channels: {}
api:""",
        """\
config.yaml:15:1: error[duplicate-key]: key "channels" is given twice
   |
15 | channels: {}
   | ^^^^^^^^ first given on line 6
""",
        id="the same key twice",
    ),
    pytest.param(
        "channels: {email: mail}",
        "channels: {email: &m mail, sms: *m}",
        """\
config.yaml:6:19: error[anchor]: anchor &m
  |
6 | channels: {email: &m mail, sms: *m}
  |                   ^^^^^^^ write the value out where it is needed; anchors are not used here

config.yaml:6:33: error[alias]: alias *m
  |
6 | channels: {email: &m mail, sms: *m}
  |                                 ^^ write the value out; aliases are not used here
""",
        id="an alias",
    ),
    pytest.param(
        "channels: {email: mail}",
        "channels: {email: !!python/name:os.system mail}",
        """\
config.yaml:6:19: error[tag]: tag tag:yaml.org,2002:python/name:os.system
  |
6 | channels: {email: !!python/name:os.system mail}
  |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ leave the tag out
""",
        id="a tag",
    ),
    pytest.param(
        "api:",
        """\
---
api:""",
        """\
config.yaml: warning[api-closed]: nobody can use the API or the CLI: there is no token
   = add api.tokens, or  loopback_without_token: true

config.yaml:15:1: error[documents]: a second document in one file
   |
15 | ---
   | ^^^ use two files
""",
        id="two documents",
    ),
]

FILES = [
    pytest.param(
        "",
        """\
config.yaml: error[empty]: this file is empty
   = start from config.example.yaml
""",
        id="an empty file",
    ),
    pytest.param(
        """\
- a
""",
        """\
config.yaml:1:1: error[type]: this must be a mapping, not a list
  |
1 | - a
  | ^^^
""",
        id="a list",
    ),
    pytest.param(
        """\
sources: [
""",
        """\
config.yaml:2:1: error[yaml]: did not find expected node content, while parsing a flow node
  |
2 |
  | ^ check the indentation, and the quotes and brackets above
""",
        id="an open bracket",
    ),
    pytest.param(
        """\
sources: "x
""",
        """\
config.yaml:1:10: error[yaml]: this quote is not closed
  |
1 | sources: "x
  |          ^ close it; a quote inside single quotes is written twice
""",
        id="an open quote",
    ),
    pytest.param(
        """\
sources:
\t- x
""",
        """\
config.yaml:2:1: error[yaml]: found character that cannot start any token, while scanning for the next token
  |
2 |  - x
  | ^ a tab, @ or ` cannot start a value: indent with spaces, put such text in quotes
""",
        id="a tab",
    ),
    pytest.param(
        """\
sources: "\x07"
""",
        """\
config.yaml:1:11: error[encoding]: the character U+0007 is not allowed in YAML
  |
1 | sources: " "
  |           ^
""",
        id="a control character",
    ),
    pytest.param(
        """\
a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
""",
        """\
config.yaml:1:43: error[too-deep]: nested more than 40 levels deep
  |
1 | a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
  |                                           ^
""",
        id="a very deep file",
    ),
    pytest.param(
        """\
sources: a: b
""",
        """\
config.yaml:1:11: error[yaml]: mapping values are not allowed in this context
  |
1 | sources: a: b
  |           ^ a value that contains ": " must be in quotes; else check the indentation
""",
        id="a mapping in a value",
    ),
]


def told(load_text, tmp_path: Path, config: str) -> str:
    with pytest.raises(ConfigProblems) as caught:
        load_text(config)
    return render_all(caught.value.problems).replace(str(tmp_path), "FOLDER") + "\n"


@pytest.mark.parametrize(("right", "wrong", "expected"), EDITS)
def test_one_wrong_place_is_reported_where_it_stands(load_text, tmp_path, good, right, wrong, expected):
    assert right in good
    assert told(load_text, tmp_path, good.replace(right, wrong, 1)) == expected


@pytest.mark.parametrize(("text", "expected"), FILES)
def test_a_file_that_is_no_configuration_is_reported(load_text, tmp_path, text, expected):
    assert told(load_text, tmp_path, text) == expected
