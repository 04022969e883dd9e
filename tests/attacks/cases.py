"""All attack and fault cases in one table; every row of a test names its case.

Numbers never change, since findings refer to them; cases that were added later have words. `test_zz_cases` fails for a
case without a row.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest


class Case(NamedTuple):
    """An attack or fault, and its required outcome."""

    group: str
    attack: str
    expect: str


CASES: dict[int | str, Case] = {
    1: Case("lifecycle", "`installed`, signed by Atlassian, of a new site", "204, a tenant, its secret sealed"),
    2: Case("lifecycle", "the same without a token", "401, no effect"),
    3: Case("lifecycle", "signed with the site's present secret", "401"),
    4: Case("lifecycle", "HMAC under Atlassian's public key", "401"),
    5: Case("lifecycle", "`alg` none, in any spelling", "401"),
    6: Case("lifecycle", "other algorithms under a right key", "401"),
    7: Case("lifecycle", "a `kid` that is no UUID", "401, the key host is not asked"),
    8: Case("lifecycle", "a thousand unknown kids", "401 each, look-ups limited"),
    9: Case("lifecycle", "a key host that answers nonsense, or never", "401 or 503 in time, never taken"),
    10: Case("lifecycle", "a key host that is away", "204 for a known key, 503 for another"),
    11: Case("lifecycle", "`aud` of somebody else, or nearly ours", "401"),
    12: Case("lifecycle", "`aud` as text, as list, with a slash at its end", "204"),
    13: Case("lifecycle", "a hash of another address, `context-qsh`, none", "401"),
    14: Case("lifecycle", "times that are missing, past, future, absurd", "401"),
    15: Case("lifecycle", "the body names another site", "401, that site unchanged"),
    16: Case("lifecycle", "a token again, with another secret in the body", "401, the secret unchanged"),
    17: Case("lifecycle", "a token again, with the same body", "204, one row"),
    18: Case("lifecycle", "a `baseUrl` that is no Jira site", "400, never called"),
    19: Case("lifecycle", "a staging site, signed by a staging key", "401 or 400"),
    20: Case("lifecycle", "the body of another app or hook", "400"),
    21: Case("lifecycle", "a body that is no install", "400"),
    22: Case("lifecycle", "no optional fields; fifty unknown and one huge", "204"),
    23: Case(
        "lifecycle", "a secret rotates while pages are open", "the old one opens earlier tokens, for the overlap only"
    ),
    24: Case("lifecycle", "site import: a new client key at an old address", "a new, empty tenant"),
    25: Case("lifecycle", "site rename: a new address", "204, calls go to the new address only"),
    26: Case("lifecycle", "the database is away", "503, and a retry succeeds"),
    27: Case("lifecycle", "`disabled` and `uninstalled` 5 ms apart, in both orders", "uninstalled"),
    28: Case("lifecycle", "`uninstalled` under the site's secret; of an unknown site", "401; 204"),
    29: Case("lifecycle", "`enabled` and `disabled` unsigned, by another door, too late", "401"),
    30: Case("lifecycle", "installed again by somebody else", "204, the same tenant, the old secret dead"),
    31: Case("lifecycle", "hooks at other spellings of their address", "404 or 405, never a redirect"),
    32: Case("pages", "the page in the frame, loaded by an administrator", "200, exact headers, no cookie, no token"),
    33: Case("pages", "a token for another spelling of the address", "401; parameters may change places"),
    34: Case("pages", "the published hashes, and other people's mistakes", "200; 401"),
    35: Case("pages", "every credential on every guarded route", "401 but at its own door, no effect"),
    36: Case("pages", "two sites with one secret", "who calls is the signed issuer"),
    37: Case("pages", "ids of somebody else", "404, 403 or 400, no effect"),
    38: Case("pages", "a token twice, or elsewhere than where it belongs", "401"),
    39: Case("pages", "tokens out of shape, up to 3 MB", "401"),
    40: Case("pages", "people who administer nothing, or nobody", "403 or 401; Jira is never asked about nobody"),
    41: Case("pages", "whatever Jira may say instead of yes", "403 or 503, no redirect followed"),
    42: Case("pages", "an administrator demoted between load and paste", "403"),
    43: Case("pages", "one-time passwords: forms, reuse, races, guesses", "400, 410, 429; exactly one success"),
    44: Case("pages", "a token 29 and 31 seconds after its end; lives too long", "200; 401"),
    45: Case("pages", "a site that left, a session whose key was revoked", "401"),
    46: Case("pages", "markup in every parameter", "the same page, octet for octet"),
    47: Case("pages", "headers that claim another host", "nothing changes"),
    48: Case("secrets", "all of these attacks, and then a search", "no secret, token or address of a person anywhere"),
    49: Case("webhooks", "a delivery three times", "204 each, one effect"),
    50: Case("webhooks", "one name of a delivery on two sites", "two effects"),
    51: Case(
        "webhooks", "out of order, forged, cut, huge, unheard of", "204 (413 over 26 MB); the tables are what Jira says"
    ),
    52: Case("webhooks", "unsigned, by another secret, for another address", "401"),
    53: Case("webhooks", "our database or our Redis away", "503; kept all the same"),
    54: Case(
        "outbound", "429, 401, redirects, private addresses, proxies", "waits, tells, follows nothing, leaks nothing"
    ),
    55: Case("outbound", "every request of ours", "our key, three minutes, the hash of the very address"),
    73: Case("privacy", "uninstalled, and the grace period over", "the site's people are erased"),
    74: Case("privacy", "people without an address", "told apart by account"),
    "console": Case("sei", "forged forms, cookies, keys, too many tries", "403, 401, 429; nothing happens"),
    "no HTTP": Case("wire", "what is no HTTP, or an unknown transfer coding", "400, and none of it read back"),
    "too long": Case("wire", "lines, headers and bodies beyond their limits", "401, 413, 414 or 431, and readable"),
    "too slow": Case("wire", "halves of requests, dripped, held open", "nobody else waits"),
}


def case(case_id: int | str) -> pytest.MarkDecorator:
    """The mark of a test that covers a case."""
    return pytest.mark.attack(CASES[case_id].group, case_id)


def row(case_id: int | str, *values: Any, name: str) -> Any:
    """A row of a parametrized test."""
    return pytest.param(*values, id=name, marks=case(case_id))
