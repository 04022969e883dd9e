"""The query string hash against the vectors of Atlassian and libraries, and its properties for any address."""

from __future__ import annotations

import hashlib
from typing import NamedTuple
from urllib.parse import quote

import pytest
from atlassian_jwt.url_utils import hash_url
from hypothesis import given
from hypothesis import strategies as st

from app.doors import query_hash
from app.doors.query_hash import canonical, hashes

# Per vector: id, method and target as received, base path; canonical request; its hash; the alternative hash.
_TABLE = """
P1 GET /path
  GET&/path&
  799be84a7fa35570087163c0cd9af3abff7ac05c2c12ba0bb1d7eebc984b3ac2
P2 GET
  GET&/&
  c88caad15a1c1a900b8ac08aa9686f4e8184539bea1deda36e2f649430df3239
P3 GET /
  GET&/&
  c88caad15a1c1a900b8ac08aa9686f4e8184539bea1deda36e2f649430df3239
P4 GET /hello-world?lic=none&tz=Australia%2FSydney&cp=%2Fjira&user_key=&loc=en-US&user_id=&jwt=abc.def.ghi&xdm_e=http%3A%2F%2Fstorm%3A2990&xdm_c=channel-servlet-hello-world&xdm_p=1
  GET&/hello-world&cp=%2Fjira&lic=none&loc=en-US&tz=Australia%2FSydney&user_id=&user_key=&xdm_c=channel-servlet-hello-world&xdm_e=http%3A%2F%2Fstorm%3A2990&xdm_p=1
  8063ff4ca1e41df7bc90c8ab6d0f6207d491cf6dad7c66ea797b4614b71922e9
P5 POST /hello-world
  POST&/hello-world&
  6f95f3738e1b037a3bebbe0ad237d80fdbc1d5ae452e98ce03a9c004c178ebb4
P6 GET /path/to/service?zee_last=param&repeated=parameter%201&first=param&repeated=parameter%202
  GET&/path/to/service&first=param&repeated=parameter%201,parameter%202&zee_last=param
  e52bb281606c3bd9ca16cfe96fe2df78f5d9ffa126f06befd750dfa10fa1a897
P7 GET /path/to/service?zee_last=param&repeated=parameter%201&first=param&repeated=parameter%202&repeated=Parameter%202
  GET&/path/to/service&first=param&repeated=Parameter%202,parameter%201,parameter%202&zee_last=param
  9ae6056cf66c00e76fa15e66fd26091fecd7356eec2f2c30629835b656799f66
P8 GET /base/path/to/service?zee_last=param&repeated=parameter%201&first=param&repeated=parameter%202&repeated=Parameter%202 base /base
  GET&/path/to/service&first=param&repeated=Parameter%202,parameter%201,parameter%202&zee_last=param
  9ae6056cf66c00e76fa15e66fd26091fecd7356eec2f2c30629835b656799f66
P9 GET /hello-world?a&b=foo&c
  GET&/hello-world&a=&b=foo&c=
  05a07346264b590803b827ab297a7fcb7e250fe5fa8c66187a9131b0934496b2
P10 POST /jira/rest/api/2/project/jira&a=b&c=d?x=y base /jira
  POST&/rest/api/2/project/jira%26a=b%26c=d&x=y
  70db3b47a62c471526b51481ee17407771df153801674a5002c164e87ce056ae
P11 POST /rest/api/2/project&a=b?x=y
  POST&/rest/api/2/project%26a=b&x=y
  fa48f57a98d3995f12c96664dae66fccc41a5b5dd8305ff6838d04b4b469cb17
P12 POST /rest/api/2/project?a=b&x=y
  POST&/rest/api/2/project&a=b&x=y
  31c3d042c3a3dff8265bcc870cc04ba783706662823d6ed00a09f6e12ac9b32c
P13 GET /test?param=value
  GET&/test&param=value
  be16910858a41fd19ea5c1b4e9decca9a784d1024cb00b2158defe2f29dc86dd
P14 POST /rest/api/2/issue
  POST&/rest/api/2/issue&
  43dd1779e33c34fae00c308d62e5dd153a32147d1bcb5d40b3936457fda0ece4
P15 GET /jira/configuration?xdm_e=https%3A%2F%2Ftest.atlassian.net&xdm_c=channel-com.github.integration.test__github-post-install-page&cp=&xdm_deprecated_addon_key_do_not_use=com.github.integration.test&lic=none&cv=1001.0.0-SNAPSHOT
  GET&/jira/configuration&cp=&cv=1001.0.0-SNAPSHOT&lic=none&xdm_c=channel-com.github.integration.test__github-post-install-page&xdm_deprecated_addon_key_do_not_use=com.github.integration.test&xdm_e=https%3A%2F%2Ftest.atlassian.net
  bcb1e97709b6bcbce5b08cabffe01050e13edabb7a64efbd45ee15ee4b6494d9
P16 GET /?param=foo
  GET&/&param=foo
  557b49d80f3f963f6bec47b74d9832d8d601d6ed0979476bdb35bae4abafb0a4
P17 GET /rest/api/2/issue?ids=-1&ids=1&ids=10
  GET&/rest/api/2/issue&ids=-1,1,10
  567655193d8a5cfb93f0d47f7fd9131f5c1fdbd9f4b706f041be47bfa55a9e85
P18 GET /path/to/service?zee_last=param&first=param
  GET&/path/to/service&first=param&zee_last=param
  b7a226cb55a0de7d42511286707fc07941e6bae1a3692fbac9eabe7942b3e90f
P19 POST ?jwt=abc&a=1
  POST&/&a=1
  3a06ccd2ba53a54e842a3c259be3306fae99fecc6e7238aa7b93b607303248b5
P20 GET /s?f=a%2Cb&f=c
  GET&/s&f=a%2Cb,c
  6f29da0a4c4f50eb6fea13436799ef9af1080253ddc202d748973f7610dcd9c7
P21 GET /s?f=%2a
  GET&/s&f=%2A
  2184b82f30d00852673b91c761ea68d3714eb071961f0a1ca07aab4b4570ede3
P22 GET /s?jql=project+%3D+TEST
  GET&/s&jql=project%20%3D%20TEST
  8c2a4c47914e858512934c94a03f10165978edeb9ae8e5e4ad42ecd1fdc460cf
P23 GET /u?name=~admin
  GET&/u&name=~admin
  039f98b4cb47ca078f8348d8e91a50a9db48cf613c1dac5cfdc17a8969196a41
P24 GET /rest/api/3/project/A%26B
  GET&/rest/api/3/project/A%26B&
  557f7bfa4674b547feb83e30cddb24d0a94c4a4295e5d73bffb931549e8ababf
C1 GET /u?name=%7Eadmin
  GET&/u&name=~admin
  039f98b4cb47ca078f8348d8e91a50a9db48cf613c1dac5cfdc17a8969196a41
C2 GET /s?q=a%2Bb
  GET&/s&q=a%2Bb
  ddc64c05be11ec544e9a88db62332cc07104c7179eaa3de5fd1d1cbe5c75145f
C3 GET /s?x=!%27()*
  GET&/s&x=%21%27%28%29%2A
  147767658839d22d838ab97c24b519f988aa43af0ccdc2974e6935077c5100ac
C4 GET /s?X=1&x=2&_=3
  GET&/s&X=1&_=3&x=2
  e1ff93bba4789580c53c426e664999e1b7a716cabf6565ae74369c2361cf46a4
C5 GET /s?x=
  GET&/s&x=
  e73990eb8b670ccbad420f8d5eee06b8854d28c422516e93a429653b49a58967
C6 GET /s?x=a=b
  GET&/s&x=a%3Db
  e34e59ed14a85cb150c74bf14a2132df9ada0c1a0528d2f9e4e5fcaa8f3bb00f
C7 GET /s?jwt=z&JWT=1
  GET&/s&JWT=1
  5758ba9e905730f60b8c037d9201971b84a67963e76d143e149cc00b8ae2467e
C8 GET /s?q=%F0%9F%98%80
  GET&/s&q=%F0%9F%98%80
  fd24ffeff8185cef37e580bcd352ff70d1476bc3c0ed9cb1dbd4adf842a44710
C9 GET /a//b/?x=1
  GET&/a//b&x=1
  0ccbee067fc0c82f3809b4afe539a5a784edaed5294ccd8fa1a3f58518f59f47
C10 GET /basement/x base /base
  GET&/basement/x&
  0e5fd58487bd5621035df2ed69cb8e97164326828f4703f43529a8c63575f327
C11 GET /s?a[b]=1&a[c]=2
  GET&/s&a%5Bb%5D=1&a%5Bc%5D=2
  840438860e7b18aca125c0fa2807665e07f2943cd798b472b8e1527c4773c145
C12 GET /s?x=1;y=2
  GET&/s&x=1%3By%3D2
  77e78504a13162cd3503b23ea53b6a0e24515787cbc78b85f8856dd65fbfc03f
D1 GET /s?f=a%3Ab&f=a0
  GET&/s&f=a0,a%3Ab
  e4d11541d20ec964dcf76d8efd34105354f28f644b7c8109d5eff5eb4b5c1dc5
  4a135d5ee3448817bf8ac100d92e4a0b6b9d4e09e51cc670511a6637d8eab156
D2 GET /s?a%3A=x&a0=y
  GET&/s&a%3A=x&a0=y
  f16bdc9ecc3b509065167a70d299b3766b6691fcae893e599d056f6350326581
D3 GET /s?q=caf%C3%A9&q=%E2%82%AC
  GET&/s&q=caf%C3%A9,%E2%82%AC
  e041766c4d0d9e21f9f65b43e4b597aa4cc9fc0e6c875521b25b69baa0c9bbb9
  03b3da90cf830d997463a8f525056f2f5075c06403e70816c03daf17d46b9e7e
"""  # noqa: E501 - addresses are as long as they are


class Vector(NamedTuple):
    """A published or computed vector."""

    id: str
    method: str
    target: str
    base_path: str
    canonical: str
    hashes: frozenset[str]


def vectors() -> list[Vector]:
    blocks: list[list[str]] = []
    for line in _TABLE.strip().splitlines():
        if line.startswith("  "):
            blocks[-1].append(line.strip())
        else:
            blocks.append([line])
    result = []
    for head, request, *digests in blocks:
        address, _, base_path = head.partition(" base ")
        name, method, target = [*address.split(" "), ""][:3]
        result.append(Vector(name, method, target, base_path, request, frozenset(digests)))
    return result


_VECTORS = [pytest.param(vector, id=vector.id) for vector in vectors()]
_NAMES = st.text(st.characters(max_codepoint=0xD7FF), min_size=1, max_size=8)
_VALUES = st.text(st.characters(max_codepoint=0xD7FF), max_size=8)
_PARAMETERS = st.lists(st.tuples(_NAMES, _VALUES), max_size=6)
_SEGMENTS = st.lists(st.text("abcXYZ019-._~&", min_size=1, max_size=6), min_size=1, max_size=4)


def _query(parameters: list[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters)


def test_table_is_complete() -> None:
    assert [vector.id for vector in vectors()] == [
        *(f"P{number}" for number in range(1, 25)),
        *(f"C{number}" for number in range(1, 13)),
        *(f"D{number}" for number in range(1, 4)),
    ]


@pytest.mark.parametrize("vector", _VECTORS)
def test_canonical_request_is_the_published_one(vector: Vector) -> None:
    assert canonical(vector.method, vector.target, vector.base_path) == vector.canonical


@pytest.mark.parametrize("vector", _VECTORS)
def test_hashes_are_the_published_ones_and_no_others(vector: Vector) -> None:
    assert hashes(vector.method, vector.target, vector.base_path) == vector.hashes


def test_body_never_counts_as_query() -> None:
    with_the_body_folded_in = "d7e7f00660965fc15745b2c423a89b85d0853c4463faca362e0371d008eb0927"
    assert with_the_body_folded_in not in hashes("POST", "/hello-world")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("/a/b", "/a%2Fb"),
        ("/a", "//a"),
        ("/a", "/a//"),
        ("/a/b", "/a/./b"),
        ("/a", "/A"),
        ("/a%2f", "/a%2F"),
        ("/a?x=1", "/a?x=2"),
        ("/a?x=1", "/a?X=1"),
        ("/a?x=1", "/a?x=1&y="),
        ("/a?x=1", "/a?x=1&x=1"),
        ("/a?x=a,b", "/a?x=a&x=b"),
        ("/a?JWT=1", "/a"),
    ],
)
def test_different_requests_share_no_hash(first: str, second: str) -> None:
    assert not hashes("GET", first) & hashes("GET", second)


def test_methods_share_no_hash() -> None:
    assert not hashes("GET", "/a") & hashes("POST", "/a")
    assert hashes("get", "/a") == hashes("GET", "/a")


@pytest.mark.parametrize(
    ("target", "path"),
    [("/base", "/"), ("/base/", "/"), ("/base/x", "/x"), ("/base/base/x", "/base/x"), ("/x/base", "/x/base")],
)
def test_base_path_is_taken_off_once_and_by_whole_segments(target: str, path: str) -> None:
    assert canonical("GET", target, "/base") == f"GET&{path}&"


def test_broken_utf_8_is_hashed_as_the_replacement_character() -> None:
    assert canonical("GET", "/s?x=%C3%28") == "GET&/s&x=%EF%BF%BD%28"


def test_values_outside_the_basic_plane_sort_as_java_sorts_them() -> None:
    emoji, private = quote("\U0001f600"), quote("\ue000")
    assert canonical("GET", f"/s?q={private}&q={emoji}") == f"GET&/s&q={emoji},{private}"


def test_context_hash_is_no_hash_of_anything() -> None:
    assert query_hash.CONTEXT == "context-qsh"
    assert query_hash.CONTEXT not in hashes("GET", "/jira/pairing")


@given(st.text(max_size=10), st.text(max_size=80), st.sampled_from(["", "/base"]))
def test_no_request_line_makes_it_raise(method: str, target: str, base_path: str) -> None:
    digests = hashes(method, target, base_path)
    assert 1 <= len(digests) <= 2
    assert all(len(digest) == 64 and set(digest) <= set("0123456789abcdef") for digest in digests)
    assert hashlib.sha256(canonical(method, target, base_path).encode()).hexdigest() in digests


@given(_PARAMETERS, st.randoms(use_true_random=False))
def test_order_of_parameters_does_not_matter(parameters: list[tuple[str, str]], chance: object) -> None:
    permutation = list(parameters)
    chance.shuffle(permutation)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert hashes("GET", f"/s?{_query(parameters)}") == hashes("GET", f"/s?{_query(permutation)}")


@given(_PARAMETERS, _VALUES, st.sampled_from(["jwt", "%6Awt", "j%77t"]), st.integers(0, 6))
def test_the_token_itself_is_left_out(parameters: list[tuple[str, str]], token: str, name: str, at: int) -> None:
    parameters = [pair for pair in parameters if pair[0] != "jwt"]
    pieces = [piece for piece in _query(parameters).split("&") if piece]
    pieces.insert(at, f"{name}={quote(token, safe='')}")
    assert hashes("GET", f"/s?{'&'.join(pieces)}") == hashes("GET", f"/s?{_query(parameters)}")


@given(_NAMES)
def test_a_name_without_a_value_is_a_name_with_an_empty_one(name: str) -> None:
    text = quote(name, safe="")
    assert hashes("GET", f"/s?{text}") == hashes("GET", f"/s?{text}=")


@given(_PARAMETERS, _PARAMETERS)
def test_changing_a_parameter_changes_the_hash(first: list[tuple[str, str]], second: list[tuple[str, str]]) -> None:
    first_pairs, second_pairs = ([pair for pair in pairs if pair[0] != "jwt"] for pairs in (first, second))
    if sorted(first_pairs) != sorted(second_pairs):
        assert not hashes("GET", f"/s?{_query(first_pairs)}") & hashes("GET", f"/s?{_query(second_pairs)}")


@given(st.sampled_from(["GET", "post", "DELETE"]), _SEGMENTS, _PARAMETERS)
def test_atlassians_package_agrees_where_it_is_right(
    method: str, segments: list[str], parameters: list[tuple[str, str]]
) -> None:
    target = f"/{'/'.join(segments)}?{_query(parameters)}"
    assert hash_url(method, target) in hashes(method, target)
