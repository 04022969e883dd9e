"""The app is served below the paths of its bases, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.web import Mounted

if TYPE_CHECKING:
    from collections.abc import Iterable

OUTSIDE = ("", "/outside-of-the-base-path")


def served(base_paths: Iterable[str], path: str) -> tuple[str, str]:
    """Mount point and path as the app sees them."""
    environ: dict[str, Any] = {"PATH_INFO": path}

    def inner(environ: dict[str, Any], _start_response: object) -> list[bytes]:
        return [environ.get("SCRIPT_NAME", "").encode(), environ["PATH_INFO"].encode()]

    mount_point, inner_path = Mounted(inner, base_paths)(environ, lambda *_: None)
    return mount_point.decode(), inner_path.decode()


@pytest.mark.parametrize(
    ("base_paths", "path", "place"),
    [
        ({""}, "/console", ("", "/console")),
        ({"/base"}, "/base/console", ("/base", "/console")),
        ({"/base"}, "/base/base/console", ("/base", "/base/console")),
        ({"/base"}, "/basement/console", OUTSIDE),
        ({"/base"}, "/console", OUTSIDE),
        ({"/base"}, "/livez", ("", "/livez")),
        ({"/base", "/other"}, "/other/console", ("/other", "/console")),
        ({"/base", "/other"}, "/console", OUTSIDE),
        ({"/base", ""}, "/base/console", ("/base", "/console")),
        ({"/base", ""}, "/console", ("", "/console")),
        ({"/a", "/a/b"}, "/a/b/console", ("/a/b", "/console")),
    ],
)
def test_a_path_loses_the_longest_base_that_it_begins_with(
    base_paths: set[str], path: str, place: tuple[str, str]
) -> None:
    assert served(base_paths, path) == place
