# ruff: noqa: RUF001 (what mail programs of many languages write)
"""HTML as lines, and the writer's own words: what programs quote, announce and sign with, as they really write it."""

from __future__ import annotations

import pytest

from ingestd.core.mail.html_text import from_html
from ingestd.core.mail.letter import LetterLimits
from ingestd.core.mail.message import read
from ingestd.core.mail.quoting import own_text

CHARS = 10_000
TAGS = 1000


def shown(source: str) -> str:
    return from_html(source, CHARS, TAGS).text


def own(text: str) -> str:
    return own_text(text, CHARS)


# ------------------------------------------------------------------------------------------- plain text

QUOTED = "> HIGH INC-1042: Disk full\n> close\n"


@pytest.mark.parametrize(
    "announcement",
    [
        "On Mon, 2 Mar 2026 at 03:09, ingestd <ingestd@example.com> wrote:",
        "On Mon, 2 Mar 2026 at 03:09, ingestd <ingestd@example.com>\nwrote:",
        "On Mar 2, 2026, at 3:09 AM, ingestd <\ningestd@example.com> wrote:",
        "On 2 Mar 2026, at 03:09, ingestd wrote:",
        "On 02/03/2026 03:09, ingestd wrote:",
        "Am 02.03.26 um 03:09 schrieb ingestd:",
        "Am Mo., 2. März 2026 um 03:09 Uhr schrieb ingestd <\ningestd@example.com>:",
        "Le lun. 2 mars 2026 à 03:09, ingestd <ingestd@example.com> a écrit :",
        "Il giorno lun 2 mar 2026 alle ore 03:09 ingestd <ingestd@example.com> ha scritto:",
        "El lun, 2 mar 2026 a las 3:09, ingestd (<ingestd@example.com>) escribió:",
        "Op ma 2 mrt 2026 om 03:09 schreef ingestd <ingestd@example.com>:",
        "Den mån 2 mars 2026 kl 03:09 skrev ingestd <ingestd@example.com>:",
        "Em seg., 2 de mar. de 2026 às 03:09, ingestd <ingestd@example.com>\nescreveu:",
        "W dniu 2.03.2026 o 03:09, ingestd napisał(a):",
        "pon., 2 mar 2026 o 03:09 ingestd <ingestd@example.com> napisał(a):",
        "po 2. 3. 2026 v 3:09 odesílatel ingestd <ingestd@example.com> napsal:",
        "ma 2. maalisk. 2026 klo 3.09 ingestd (ingestd@example.com) kirjoitti:",
        "ingestd <ingestd@example.com>, 2 Mar 2026 Pzt, 03:09 tarihinde şunu yazdı:",
        "пн, 2 мар. 2026 г. в 03:09, ingestd <ingestd@example.com> написал:",
        "ingestd <ingestd@example.com> 于2026年3月2日周一 03:09写道\uff1a",
        "2026-03-02 3:09 GMT, ingestd <ingestd@example.com> wrote:",
    ],
)
def test_what_announces_a_quote_is_not_the_writers_own(announcement):
    assert own(f"ack\n\n{announcement}\n{QUOTED}") == "ack"
    assert own(f"{announcement}\n{QUOTED}\nclose it later\n") == "close it later"


@pytest.mark.parametrize(
    "original",
    [
        "-----Original Message-----\nFrom: ingestd\nclose",
        "-----Ursprüngliche Nachricht-----\nVon: ingestd\nclose",
        "-------- Original-Nachricht --------\nclose",
        "----- Message d'origine -----\nclose",
        "---------- Forwarded message ---------\nFrom: ingestd\nclose",
        "-------- Weitergeleitete Nachricht --------\nclose",
        "Begin forwarded message:\n\nclose",
        "________________________________\nFrom: ingestd <ingestd@example.com>\nSent: Monday\n\nclose",
        "From: ingestd <ingestd@example.com>\nSent: Monday, 2 March 2026 03:09\nTo: Asha\nSubject: x\n\nclose",
        "*From:* ingestd <ingestd@example.com>\n*Sent:* Monday\n*To:* Asha\n\nclose",
        "Von: ingestd\nGesendet: Montag, 2. März 2026 03:09\nAn: Asha\nBetreff: x\n\nclose",
        "De : ingestd\nEnvoyé : lundi 2 mars 2026 03:09\nÀ : Asha\nObjet : x\n\nclose",
        "Da: ingestd\nInviato: lunedì\nA: Asha\nOggetto: x\n\nclose",
        "De: ingestd\nEnviado: lunes\nPara: Asha\nAsunto: x\n\nclose",
        "Van: ingestd\nVerzonden: maandag\nAan: Asha\nOnderwerp: x\n\nclose",
        "Från: ingestd\nSkickat: måndag\nTill: Asha\nÄmne: x\n\nclose",
        "Od: ingestd\nWysłano: poniedziałek\nDo: Asha\nTemat: x\n\nclose",
        "От: ingestd\nОтправлено: понедельник\nКому: Asha\nТема: x\n\nclose",
        "发件人: ingestd\n发送时间: 2026\n收件人: Asha\n主题: x\n\nclose",
        "-- \nAsha Rao\nclose",
        "--\nAsha Rao\nclose",
        "Sent from my iPhone",
        "Von meinem iPhone gesendet",
        "Gesendet von Outlook für Android",
        "Get Outlook for iOS",
        "Envoyé de mon iPhone",
    ],
)
def test_the_original_below_and_the_signature_are_not_the_writers_own(original):
    assert own(f"ack\n\n{original}\n") == "ack"


@pytest.mark.parametrize(
    "text",
    [
        "From: 10:30 until 11:00 nobody could log in.\nIt works again.",
        "On the second floor the printers fail:\nall of them.",
        "To: nobody\nThis is what the form shows.",
        "The log says (2026-03-02):\ncould not open socket",
        "- first\n- second",
        "I wrote to them already.",
    ],
)
def test_what_only_looks_like_it_stays(text):
    assert own(text) == text


def test_answers_between_the_quoted_lines_stay():
    assert own("> what happened?\nthe disk is full\n> since when?\nsince noon\n") == "the disk is full\nsince noon"


# ------------------------------------------------------------------------------------------- HTML


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("one<br>two<br/><br />three", "one\ntwo\n\nthree"),
        ("<div>one<div>two</div></div>three", "one\ntwo\nthree"),
        ("<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"),
        ("<p class=MsoNormal>one<o:p></o:p></p><p class=MsoNormal>&nbsp;</p><p>two</p>", "one\n\ntwo"),
        ("a  b\n c\t<b> d</b>e", "a b c de"),
        ("<pre>a  b\n  c</pre>d", "a  b\n  c\nd"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n- two"),
        ("<ul>\n<li>one\n<li>two\n</ul>\nthree", "- one\n- two\nthree"),
        (
            "<table><tr><th>Host</th><td>db1</td></tr><tr><th>State</th><td>down</td></tr></table>",
            "Host | db1\nState | down",
        ),
        ("<table>\n<tr>\n<td><p>Host</p></td>\n<td><div>db1</div></td>\n</tr>\n</table>", "Host | db1"),
        ("<table><tr><td></td><td>a</td><td>&nbsp;</td><td>b</td></tr></table>", "a | b"),
        ("<table><tr><td><table><tr><td>in</td></tr></table></td></tr></table>", "in"),
        ('<a href="https://x.example/a?b=1&amp;c=2">open</a>', "open (https://x.example/a?b=1&c=2)"),
        ('<a href="https://x.example/">https://x.example</a>', "https://x.example"),
        ("<a href='javascript:alert(1)'>click</a> <a href='mailto:a@b'>a@b</a>", "click a@b"),
        ("&lt;b&gt; &amp;amp; &copy; &#228;&#x41; &nope; &#0;", "<b> &amp; © äA &nope; \ufffd"),
        ("a < b and c > d <3", "a < b and c > d <3"),
        ("<title>t</title><style>s</style><script>if (a < b) '</p>'</script>x", "x"),
        ("<STYLE type='a>b'>s</STYLE >x<!-- c -- <p> --->y<![if !mso]>z<![endif]>", "xyz"),
        ("<img alt='logo' src='data:image/png;base64,AAAA>'>x<input value='<p>'>y", "xy"),
        ("x<style>never closed", "x"),
        ("x<!-- never closed", "x"),
        ("x<p title='never closed>y", "x\ny"),
        ("<o:p>x</o:p><my-tag>y</my-tag></nothing>", "xy"),
        ("<div style='display:none;max-height:0'>pre<div>header</div></div>x", "x"),
        ("<span style=\"font-size:0px\">zero</span>x<p hidden>y</p><p style='Visibility : Hidden'>z</p>", "x"),
        ("<span style='mso-hide:all'>a</span><span style='font-size:0.9em'>b</span>", "ab"),
        ('<td style="font-size:0px;padding:0"><div style="font-size:13px">all of it</div></td>', "all of it"),
        ('<p class="md hidden block" style="overflow: hidden ; x">seen</p>', "seen"),
        ("<p hidden>unseen</p><p hidden=''>unseen</p><p class='x'hidden>seen</p><input hidden>seen", "seen\nseen"),
    ],
)
def test_html_is_the_lines_that_are_shown(source, lines):
    assert shown(source) == lines


REPLIES = {
    "gmail": '<div dir="ltr">ack<br></div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">On Mon, Mar 2, 2026 ingestd &lt;'
    '<a href="mailto:i@example.com">i@example.com</a>&gt; wrote:<br></div><blockquote class="gmail_quote" style="margin:0"><div>close</div></blockquote></div>',
    "outlook": "<html><head><style>p.MsoNormal {margin:0}</style></head><body><div class=WordSection1><p class=MsoNormal>ack<o:p></o:p></p>"
    "<p class=MsoNormal><o:p>&nbsp;</o:p></p><div><div style='border:none;border-top:solid #E1E1E1 1.0pt'><p class=MsoNormal><b>From:</b> ingestd"
    " &lt;i@example.com&gt; <br><b>Sent:</b> Monday<br><b>To:</b> Asha<o:p></o:p></p></div></div><p class=MsoNormal>close</p></div></body></html>",
    "outlook on the web": '<div class="elementToProof">ack</div><div id="appendonsend"></div><hr style="width:98%"><div id="divRplyFwdMsg"><b>From:</b> ingestd'
    "<br><b>Sent:</b> Monday</div><div>close</div>",
    "outlook for phones": '<div>ack</div><div id="ms-outlook-mobile-reference-message"><hr><div>close</div></div>',
    "apple": '<html><body>ack<br><div><blockquote type="cite"><div>On 2 Mar 2026, at 03:09, ingestd wrote:</div><div>close</div></blockquote></div></body></html>',
    "thunderbird": '<p>ack</p><div class="moz-cite-prefix">Am 02.03.26 um 03:09 schrieb ingestd:<br></div><blockquote type="cite" cite="mid:x">close</blockquote>',
    "thunderbird, below": '<div class="moz-cite-prefix">On 02/03/2026 03:09, ingestd wrote:<br></div><blockquote type="cite"><p>close</p></blockquote><p>ack</p>',
    "yahoo": '<div>ack</div><div id="ydp1yahoo_quoted_1" class="yahoo_quoted"><div>On Monday, ingestd wrote:</div><div>close</div></div>',
    "proton": '<div>ack</div><div class="protonmail_quote">On Monday, ingestd wrote:<br><blockquote type="cite">close</blockquote></div>',
    "zimbra": '<div>ack</div><hr id="zwchr"><div><b>From:</b> ingestd</div><div>close</div>',
}


@pytest.mark.parametrize("program", REPLIES)
def test_of_an_answer_in_html_only_the_answer_is_the_writers_own(program):
    letter = read(f"Content-Type: text/html; charset=utf-8\n\n{REPLIES[program]}".encode(), LetterLimits())
    assert letter.own_text == "ack"
    assert "close" in letter.text


def test_reading_ends_with_the_words_or_the_tags_that_are_allowed():
    assert from_html("<b>x" * 100, CHARS, 10) == from_html("<b>x" * 10 + "<", CHARS, 10)
    found = from_html("<b>word " * 100, 50, TAGS)
    assert found.is_cut
    assert len(found.text) < 100
