"""An ordinary mail, read: its text in the form that says something, its writer's own words, its files, and what names it."""

from __future__ import annotations

import base64

import pytest

from ingestd.core.mail.letter import Attachment, LetterLimits
from ingestd.core.mail.message import attachment, read

LIMITS = LetterLimits()
HEAD = "From: Asha Rao <asha@example.com>\nTo: it@example.com\nSubject: Disk\nMessage-ID: <1@example.com>\n"


def mail(body: str = "text\n", *, more: str = "", head: str = HEAD) -> bytes:
    return f"{head}{more}\n{body}".replace("\n", "\r\n").encode()


def parts(kind: str, *inner: str, boundary: str = "b") -> str:
    """A multipart with its own Content-Type before it, as it stands in a message or in another part."""
    body = "".join(f"--{boundary}\n{one}\n" for one in inner)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\n{body}--{boundary}--\n'


def of_parts(kind: str, *inner: str) -> bytes:
    return (HEAD + parts(kind, *inner)).replace("\n", "\r\n").encode()


PLAIN = "Content-Type: text/plain; charset=utf-8\n\nplain words"
HTML = "Content-Type: text/html; charset=utf-8\n\n<p>rich <b>words</b></p>"
PNG = "Content-Type: image/png\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=a.png\n\naGVsbG8="


def test_line_ends_do_not_matter():
    raw = of_parts("mixed", parts("alternative", PLAIN, HTML, boundary="c"), PNG)
    assert read(raw.replace(b"\r\n", b"\n"), LIMITS) == read(raw, LIMITS)


def test_a_letter_has_what_its_message_says():
    raw = mail(more="In-Reply-To: <c@x>\nReferences: <a@x> <b@x>\n <c@x>\nX-Y: one\nx-y: two\n")
    letter = read(raw, LIMITS)
    assert (letter.sender, letter.sender_name, letter.subject) == ("asha@example.com", "Asha Rao", "Disk")
    assert (letter.message_id, letter.references) == ("<1@example.com>", ("<c@x>", "<b@x>", "<a@x>"))
    assert letter.headers["x-y"] == ("one", "two")
    assert (letter.text, letter.own_text, letter.attachments, letter.cut_count) == ("text", "text", (), 0)


def test_two_message_ids_are_none():
    assert read(mail(more="Message-ID: <2@example.com>\n"), LIMITS).message_id == ""


# ------------------------------------------------------------------------------------------- which text


def test_of_the_same_text_in_two_forms_the_plain_one_is_read():
    assert read(of_parts("alternative", PLAIN, HTML), LIMITS).text == "plain words"
    assert read(of_parts("alternative", HTML, PLAIN), LIMITS).text == "plain words"


@pytest.mark.parametrize(
    "words",
    [
        "",
        "  \n\n",
        "Please see the HTML part.",
        "Your mail program cannot show HTML.",
        "View this mail in your browser: https://x/",
    ],
)
def test_a_plain_part_that_says_nothing_yields_to_the_other(words):
    rich = "Content-Type: text/html\n\n<p>the database is down, and here is a long text of what it means for everybody, and of what to do</p>"
    assert read(of_parts("alternative", f"Content-Type: text/plain\n\n{words}", rich), LIMITS).text.startswith(
        "the database"
    )


def test_a_plain_part_that_speaks_of_html_itself_stays():
    rich = "Content-Type: text/html\n\n<p>The HTML page is broken</p><p>Kind regards from us all, signature, disclaimer</p>"
    found = read(of_parts("alternative", "Content-Type: text/plain\n\nThe HTML page is broken", rich), LIMITS)
    assert found.text == "The HTML page is broken"


def test_html_with_its_pictures_is_one_form_of_the_text():
    related = parts("related", HTML, PNG.replace("attachment; filename=a.png", "inline"), boundary="c")
    letter = read(of_parts("alternative", PLAIN, related), LIMITS)
    assert letter.text == "plain words"
    assert [one.name for one in letter.attachments] == ["attachment-1.png"]
    assert read(of_parts("alternative", related), LIMITS).text == "rich words"


def test_texts_beside_each_other_are_all_the_writers_own_and_a_footer_outside_is_not():
    picture = PNG.replace("attachment", "inline")
    assert (
        read(of_parts("mixed", PLAIN, picture, PLAIN.replace("plain w", "more w")), LIMITS).own_text
        == "plain words\n\nmore words"
    )
    letter = read(
        of_parts("mixed", parts("alternative", PLAIN, boundary="c"), PLAIN.replace("plain w", "footer w")), LIMITS
    )
    assert (letter.text, letter.own_text) == ("plain words\n\nfooter words", "plain words")


def test_a_boundary_that_begins_as_another_is_another():
    inner = parts("alternative", PLAIN, HTML, boundary="bb")
    letter = read(of_parts("mixed", inner, PNG), LIMITS)
    assert (letter.text, len(letter.attachments)) == ("plain words", 1)
    outer = (HEAD + parts("mixed", parts("alternative", PLAIN, boundary="b"), PNG, boundary="bb")).encode()
    assert (read(outer, LIMITS).text, len(read(outer, LIMITS).attachments)) == ("plain words", 1)


@pytest.mark.parametrize("kind", ["multipart/mixed", "multipart/mixed; boundary=never", 'multipart/mixed; boundary=""'])
def test_a_multipart_without_parts_has_its_text(kind):
    assert read(mail("words\n", more=f"Content-Type: {kind}\n"), LIMITS).text == "words"


def test_a_message_that_ends_within_a_part_has_that_part():
    raw = of_parts("mixed", PLAIN, PNG)
    assert read(raw[: raw.index(b"words") + 5], LIMITS).text == "plain words"


def test_a_bare_carriage_return_begins_no_header():
    letter = read(b"Subject: a\rAuthentication-Results: mx; dmarc=pass\r\nFrom: a@example.com\r\n\r\nx", LIMITS)
    assert "authentication-results" not in letter.headers
    assert letter.subject == "aAuthentication-Results: mx; dmarc=pass"[:1] + " Authentication-Results: mx; dmarc=pass"


def test_a_line_that_is_no_header_begins_the_text():
    assert read(b"Subject: a\nnobody wrote a blank line\nFrom: b@example.com\n", LIMITS).text.startswith("nobody wrote")


# ------------------------------------------------------------------------------------------- headers as people read them


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?UTF-8?B?R3LDvMOfZQ==?= an alle", "Grüße an alle"),
        ("=?utf-8?q?Gr=C3?=\n =?utf-8?q?=BCn?=", "Grün"),
        ("=?iso-8859-1*de?q?Gr=FCn?=", "Grün"),
        ("=?gb2312?b?xOO6ww==?=", "你好"),
        ("a =?utf-8?q?b?= c", "a b c"),
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("alert =?UTF-8?Q?=0A?=Bcc: injected@example.com", "alert Bcc: injected@example.com"),
        ("=?utf-8?q?a=0D=0ABcc:_x?=", "a Bcc: x"),
        ("=?utf-8?q?=E2=80=AEtxt=2Eexe?=", "txt.exe"),
        ("=?utf-8?q?=00=1B[2J?=", "[2J"),
        ("=?rot13?q?uryyb?=", "uryyb"),
        ("=?utf-7?q?+ADw-?=", "+ADw-"),
        ("=?utf-8?b?%%%?=", ""),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("=?", "=?"),
    ],
)
def test_a_subject_is_decoded_and_stays_on_its_line(value, shown):
    assert read(mail(head=f"Subject: {value}\n"), LIMITS).subject == shown


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1252"])
def test_a_subject_that_is_not_encoded_is_read_too(charset):
    assert read(b"Subject: " + "Grün".encode(charset) + b"\n\n", LIMITS).subject == "Grün"


# ------------------------------------------------------------------------------------------- charsets


@pytest.mark.parametrize(
    ("charset", "content", "shown"),
    [
        ("utf-8", "Grün".encode(), "Grün"),
        ("iso-8859-1", b"\x84Gr\xfcn\x93", "„Grün“"),
        ("us-ascii", b"Gr\xfcn", "Grün"),
        ("iso-8859-1", "Grün, in truth UTF-8".encode(), "Grün, in truth UTF-8"),
        ("", b"Gr\xfcn", "Grün"),
        ("utf-7", b"+ADw-b+AD4-", "+ADw-b+AD4-"),
        ("rot13", b"uryyb", "uryyb"),
        ("idna", b"xn--bcher-kva", "xn--bcher-kva"),
        ("unicode_escape", b"\\x41", "\\x41"),
        ("x" * 5000, "Grün".encode(), "Grün"),
        ("utf-16le", "Grün".encode("utf-16le"), "Grün"),
        ("iso-2022-jp", "日本".encode("iso-2022-jp"), "日本"),
        ("koi8-r", "мир".encode("koi8-r"), "мир"),
    ],
)
def test_a_charset_is_believed_as_far_as_it_is_one(charset, content, shown):
    raw = f"Content-Type: text/plain; charset={charset}\n\n".encode() + content
    assert read(raw, LIMITS).text == shown


@pytest.mark.parametrize(
    ("encoding", "content", "shown"),
    [
        ("quoted-printable", b"a=\r\nb =3D =XX =", "ab = =XX"),
        ("base64", b"aGVs!!bG8", "hello"),
        ("base64", b"aGVsbG8=\r\nfooter of a list", "hello"),
        ("base64", b"a", ""),
        ("x-uuencode", b"as it is", "as it is"),
    ],
)
def test_a_broken_encoding_is_read_as_far_as_it_goes(encoding, content, shown):
    found = read(b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n" + content, LIMITS).text
    assert found == shown or (encoding == "quoted-printable" and found.startswith("ab = =XX"))


# ------------------------------------------------------------------------------------------- files


def test_a_file_is_described_and_fetched_again():
    raw = of_parts("mixed", PLAIN, PNG, "Content-Type: text/csv; name=b.csv\n\na;b")
    letter = read(raw, LIMITS)
    assert letter.attachments == (Attachment("a.png", "image/png", 5, 0), Attachment("b.csv", "text/csv", 3, 1))
    assert [attachment(raw, number, LIMITS) for number in (0, 1, 2, -1)] == [b"hello", b"a;b", b"", b""]


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_the_size_of_a_file_is_that_of_its_content(encoding):
    content = bytes(range(33, 127)) * 40
    written = {
        "base64": base64.encodebytes(content),
        "8bit": content,
        "quoted-printable": content.replace(b"=", b"=3D"),
    }[encoding]
    head = f"Content-Type: a/b\nContent-Transfer-Encoding: {encoding}\n\n".encode()
    letter = read(head + written, LIMITS)
    assert letter.attachments[0].size_bytes == len(content)
    assert attachment(head + written, 0, LIMITS) == content


def test_a_file_that_is_too_large_or_one_too_many_is_described_and_not_kept():
    raw = of_parts("mixed", PLAIN, PNG, PNG, PNG)
    letter = read(raw, LetterLimits(attachments_max=2))
    assert [one.is_kept for one in letter.attachments] == [True, True, False]
    assert [one.name for one in letter.attachments] == ["a.png", "a-2.png", "a-3.png"]
    letter = read(raw, LetterLimits(attachment_bytes_max=4))
    assert ([one.is_kept for one in letter.attachments], letter.cut_count) == ([False] * 3, 3)
    assert attachment(raw, 0, LetterLimits(attachment_bytes_max=4)) == b"hell"


def test_a_message_within_a_message_is_a_file_and_never_read():
    inner = "Content-Type: message/rfc822\n\n" + HEAD + "\nnot for us"
    letter = read(of_parts("mixed", PLAIN, inner), LIMITS)
    assert (letter.text, [one.name for one in letter.attachments]) == ("plain words", ["attachment-1.eml"])


def test_what_outlook_wraps_is_a_file():
    letter = read(of_parts("mixed", PLAIN, "Content-Type: application/ms-tnef; name=winmail.dat\n\nx"), LIMITS)
    assert [(one.name, one.content_type) for one in letter.attachments] == [("winmail.dat", "application/ms-tnef")]


@pytest.mark.parametrize(
    ("written", "safe"),
    [
        ('filename="a b.txt"', "a b.txt"),
        ("filename*=utf-8''Gr%C3%BC%C3%9Fe.txt", "Grüße.txt"),
        ("filename*0*=utf-8''Gr%C3; filename*1*=%BCn; filename*2=.txt", "Grün.txt"),
        ("filename*1=b.txt; filename*0=a", "ab.txt"),
        ("filename*0=a; filename*2=c", "a"),
        ("filename=\"plain.txt\"; filename*=utf-8''better.txt", "better.txt"),
        ("filename==?utf-8?q?Gr=C3=BCn.txt?=", "Grün.txt"),
        ("filename=../../etc/passwd", "passwd"),
        ('filename="C:\\\\windows\\\\x.exe"', "x.exe"),
        ("filename*=utf-8''%2e%2e%2fa%0d%0ab.txt", "a b.txt"),
        ("filename*=utf-8''txt%E2%80%AEgpj.exe", "txtgpj.exe"),
        ("filename=.bashrc", "bashrc"),
        ("filename=-rf", "rf"),
        ("filename=con.txt", "_con.txt"),
        ("filename=LPT1", "_LPT1"),
        ("filename=a.txt.", "a.txt"),
        ('filename="a<b>:|?*.txt"', "a_b_.txt"),
        ("filename=..", "attachment-1.bin"),
        ("filename=" + "x" * 500 + ".pdf", "x" * 96 + ".pdf"),
        ("filename*=utf-8''" + "%F0%9F%94%A5" * 90 + ".pdf", "🔥" * 49 + ".pdf"),
    ],
)
def test_a_file_name_is_one_name_in_one_folder(written, safe):
    raw = f"Content-Type: application/x\nContent-Disposition: attachment; {written}\n\nx".encode()
    assert read(raw, LIMITS).attachments[0].name == safe


# ------------------------------------------------------------------------------------------- the same again


def test_a_copy_has_the_same_digest_whatever_relays_added():
    raw = mail()
    assert read(b"Received: from a by b\r\n" + raw, LIMITS).digest == read(raw, LIMITS).digest
    assert read(raw.replace(b"<1@", b"<2@"), LIMITS).digest != read(raw, LIMITS).digest
    unnamed = raw.replace(b"Message-ID", b"X-Other")
    assert read(unnamed, LIMITS).digest == read(unnamed, LIMITS).digest
    assert read(unnamed.replace(b"text", b"else"), LIMITS).digest != read(unnamed, LIMITS).digest


def test_what_is_cut_is_counted():
    assert read(mail("x" * 500), LetterLimits(text_chars_max=100)).cut_count > 0
    assert read(mail("x"), LetterLimits(message_bytes_max=50)).cut_count == 1
    assert read(of_parts("mixed", *[PLAIN] * 5), LetterLimits(parts_max=3)).cut_count == 1
    assert read(mail(more="X: " + "y" * 500 + "\n"), LetterLimits(header_chars_max=100)).cut_count == 1
