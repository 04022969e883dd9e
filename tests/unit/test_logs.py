"""Apparent secrets never reach a log, at any depth and in any surroundings."""

from __future__ import annotations

import io
import json
import logging
import string
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app import logs
from app.integrations.accounts import make_key
from tests.fakes.atlassian import raw_token

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = raw_token({"alg": "HS256", "typ": "JWT"}, {"iss": "acme", "qsh": "x", "exp": 1, "iat": 1}, "s" * 48)
SECRETS = {
    "a token": (TOKEN, TOKEN),
    "a token in an address": (f"/jira/configuration?lic=none&jwt={TOKEN}&cp=", TOKEN),
    "any jwt parameter": ("/x?jwt=not-a-token-but-secret&y=1", "not-a-token-but-secret"),
    "a Connect header": ("Authorization: JWT abcdefgh12345678", "abcdefgh12345678"),
    "a bearer header": ("Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"),
    "a basic header": ("authorization: basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA=="),
    "an API key": (f"key {(key := make_key())} is unknown", key),
    "an e-mail address": ("user fred.bloggs+jira@example.co.uk left", "fred.bloggs+jira@example.co.uk"),
    "an e-mail address in brackets": ("Fred <fred@example.com>", "fred@example.com"),
    "an e-mail address with umlauts": ("jürgen@example.com", "jürgen@example.com"),
    "an e-mail address at an umlaut domain": ("fred@bücher.example", "fred@bücher.example"),
    "a password in an address": ("postgresql://sei:hunter2@db/sei", "hunter2"),
    "a password without a user": ("redis://:hunter2@redis:6379/0", "hunter2"),
    "a password with an at sign": ("postgresql://sei:hunter@2two@db/sei", "2two"),
    "a password with signs": ("postgresql://sei:h%40u:n!t?e#r2@db/sei", "n!t?e#r2"),
}
NAMES = [
    *("secret", "shared_secret", "sharedSecret", "token", "page_token", "password", "passwd", "Authorization"),
    *("authorization", "api_key", "apikey", "API_KEY", "otp", "jwt", "cookie", "Set-Cookie", "credentials"),
    *("SECRET_KEYS", "bootstrap_api_key"),
]
WORD = st.text(string.ascii_letters + string.digits, min_size=12, max_size=24)


def shown(value: object) -> str:
    """The text of a value in a log line."""
    return json.dumps(logs.redact(None, "info", {"event": "x", "given": value}), ensure_ascii=False)


@pytest.mark.parametrize(("text", "secret"), SECRETS.values(), ids=SECRETS)
def test_a_secret_is_taken_out_by_its_shape(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in shown(text)
    assert logs.REDACTION in shown(text)


@pytest.mark.parametrize("name", NAMES)
def test_a_secret_is_taken_out_by_its_name(name: str) -> None:
    assert "plain-value" not in json.dumps(logs.redact(None, "info", {name: "plain-value"}))
    assert "plain-value" not in shown({name: "plain-value"})
    assert "plain-value" not in shown([{"deeper": {name: ["plain-value"]}}])


@pytest.mark.parametrize(
    "text",
    [
        "paired",
        "GET /jira/configuration 200",
        "https://acme.atlassian.net:443/rest/api/3/myself?startAt=100",
        "database sei_connect, role sei_connect_app",
        "worker 7@host gave way",
        "10:30:00 tenant 0192f0a0-0000-7000-8000-000000000000",
        "jwt is missing",
        "a@b",
    ],
)
def test_plain_words_stay(text: str) -> None:
    assert logs.scrub(text) == text


@pytest.mark.parametrize("value", [1, 1.5, True, None])
def test_numbers_stay(value: object) -> None:
    assert logs.scrub(value) is value


def _nested(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaf,
        lambda inner: (
            st.lists(inner, min_size=1, max_size=2)
            | inner.map(lambda value: (value,))
            | st.dictionaries(st.sampled_from(["a", "detail", "body"]), inner, min_size=1, max_size=2)
            | inner.map(Exception)
        ),
        max_leaves=3,
    )


@given(st.data(), st.text(max_size=10), st.text(max_size=10), WORD)
def test_no_secret_survives_at_any_depth_and_in_any_company(
    data: st.DataObject, before: str, after: str, word: str
) -> None:
    text, secret = data.draw(
        st.sampled_from(
            [
                (f"{raw_token({'a': 1}, {'b': word}, word)}", raw_token({"a": 1}, {"b": word}, word)),
                (f"jwt={word}", word),
                (f"Bearer {word}", word),
                (f"JWT {word}", word),
                (f"{word}@{word}.example", f"{word}@{word}.example"),
                (f"https://user:{word}@host/x", word),
                (f"redis://:{word}@host/x", word),
                (f"sei_{word[:8]}_{word}", word),
            ]
        )
    )
    value = data.draw(_nested(st.just(f"{before}{text}{after}")))
    output = json.dumps(logs.redact(None, "info", {"event": value, "given": value}), ensure_ascii=False)
    assert secret not in output


@given(WORD)
def test_a_secret_as_a_name_does_not_survive(word: str) -> None:
    assert word not in shown({f"{word}@example.com": 1})
    assert word not in shown([{f"jwt={word}": 1}])


@given(
    st.recursive(
        st.none() | st.text() | st.integers() | st.binary(),
        lambda inner: st.lists(inner) | st.sets(st.text()) | st.dictionaries(st.text() | st.integers(), inner),
    )
)
@example([[[[[[[[[["deep"]]]]]]]]]])
def test_whatever_is_logged_can_be_written(value: object) -> None:
    assert json.dumps(logs.scrub(value))


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "a." * 100_000, "eyJ" * 60_000, "://" * 60_000, "jwt " * 50_000, "x@" * 100_000]
)
def test_a_long_text_does_not_hold_the_log_up(text: str) -> None:
    """Patterns with quadratic run time would take minutes here."""
    logs.scrub(text)


# The whole pipeline


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Standard error under production's logging configuration, which ends with the test."""
    out = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    monkeypatch.setattr("sys.stderr", out)
    logs.configure(is_production=True)
    yield out
    root.handlers = handlers
    root.setLevel(level)


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_one_json_object_a_line(output: io.StringIO) -> None:
    logs.get("app.test").info("paired", tenant_id="t-1", jwt=TOKEN, body={"emails": ["fred@example.com"]})
    (line,) = lines(output)
    assert (line["event"], line["tenant_id"], line["level"], line["logger"]) == ("paired", "t-1", "info", "app.test")
    assert "timestamp" in line
    assert TOKEN not in output.getvalue()
    assert "fred@example.com" not in output.getvalue()


def test_other_peoples_loggers_go_through_the_same_pipe(output: io.StringIO) -> None:
    logging.getLogger("gunicorn.error").warning("GET /jira/configuration?jwt=%s by %s", TOKEN, "fred@example.com")
    (line,) = lines(output)
    assert line["logger"] == "gunicorn.error"
    assert TOKEN not in line["event"]
    assert "fred" not in line["event"]


@pytest.mark.parametrize("name", ["app.test", "werkzeug"])
def test_a_stack_trace_is_cleaned_too(output: io.StringIO, name: str) -> None:
    try:
        raise ValueError(f"could not reach postgresql://sei:hunter2@db/sei with {TOKEN}")
    except ValueError:
        if name == "app.test":
            logs.get(name).exception("failed")
        else:
            logging.getLogger(name).exception("failed")
    (line,) = lines(output)
    assert "ValueError" in line["exception"]
    assert "hunter2" not in output.getvalue()
    assert TOKEN not in output.getvalue()


def test_a_message_with_a_line_end_stays_on_its_line(output: io.StringIO) -> None:
    logs.get("app.test").info('one\n{"event": "forged"}')
    assert [line["event"] for line in lines(output)] == ['one\n{"event": "forged"}']


@pytest.mark.parametrize("quiet", ["urllib3", "rq.worker", "alembic"])
def test_chatter_is_not_written(output: io.StringIO, quiet: str) -> None:
    logging.getLogger(quiet).info("chatter")
    assert output.getvalue() == ""
