"""Every job is a function that exists, on a queue that is served, with arguments that are JSON ids."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis import Redis

from app import jobs
from app.jobs import BY_THE_CLOCK, Lane
from tests.architecture.source import ROOT, modules, tree_of
from workers.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.jobs import JobSpec

SPECS = [pytest.param(spec, id=spec.name) for spec in jobs.ALL]


def function_of(spec: JobSpec) -> Callable[..., object]:
    """The job function as a worker finds it."""
    module, _, name = spec.path.rpartition(".")
    found: Callable[..., object] = getattr(import_module(module), name)
    return found


def work_of(spec: JobSpec) -> Callable[..., object]:
    """The function below the one wrapper, which hides its parameters from RQ."""
    found: Callable[..., object] = inspect.getclosurevars(function_of(spec)).nonlocals["work"]
    return found


@pytest.mark.parametrize("spec", SPECS)
def test_a_job_resolves_to_a_wrapped_function(spec: JobSpec) -> None:
    function = function_of(spec)
    assert inspect.isfunction(function)
    assert f"{function.__module__}.{function.__qualname__}" == spec.path
    assert function.__code__.co_filename == str(ROOT / "workers" / "job.py"), "not wrapped by workers.job.job"


@pytest.mark.parametrize("spec", SPECS)
def test_a_job_takes_the_runtime_and_then_ids(spec: JobSpec) -> None:
    first, *rest = inspect.signature(work_of(spec)).parameters.values()
    assert (first.name, first.annotation) == ("runtime", "Runtime")
    assert [each.name for each in rest if each.annotation not in {"str", "int"}] == []
    assert [each.name for each in rest if each.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD] == []


@pytest.mark.parametrize("spec", SPECS)
def test_a_job_has_time_but_not_for_ever(spec: JobSpec) -> None:
    assert 10 <= spec.timeout <= 900


def test_every_job_that_is_declared_is_listed_once() -> None:
    declared = [value for value in vars(jobs).values() if isinstance(value, jobs.JobSpec)]
    assert sorted(spec.name for spec in declared) == sorted(spec.name for spec in jobs.ALL)
    assert len({spec.name for spec in jobs.ALL}) == len(jobs.ALL)
    assert len({spec.path for spec in jobs.ALL}) == len(jobs.ALL)


def test_every_job_function_is_declared() -> None:
    written = {
        f"{'.'.join(path.with_suffix('').parts)}.{node.name}"
        for path in modules("workers")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(each, ast.Name) and each.id == "job" for each in node.decorator_list)
    }
    assert written == {spec.path for spec in jobs.ALL}


def test_every_job_is_asked_for_by_somebody() -> None:
    names = {name for name, value in vars(jobs).items() if isinstance(value, jobs.JobSpec)}
    used = {
        node.attr
        for path in modules("app", "workers")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "jobs"
    }
    by_the_clock = {name for name in names if any(each.spec is getattr(jobs, name) for each in BY_THE_CLOCK)}
    assert names - used - by_the_clock == set()


def test_every_lane_is_served_in_its_order() -> None:
    pool = Pool(Redis.from_url("redis://127.0.0.1:1/0"), 1)
    assert pool._queue_names == [lane.value for lane in Lane]


def test_every_lane_has_a_job() -> None:
    assert {spec.lane for spec in jobs.ALL} == set(Lane)


def test_what_happens_by_the_clock_is_a_listed_job_of_nobody_or_of_a_tenant() -> None:
    for periodic in BY_THE_CLOCK:
        assert periodic.spec in jobs.ALL
        arguments = ["tenant_id"] if periodic.is_tenants else []
        assert list(inspect.signature(work_of(periodic.spec)).parameters) == ["runtime", *arguments]


def test_nobody_but_jobs_opens_a_queue_with_another_serializer() -> None:
    for path in modules("app", "workers"):
        tree = tree_of(path)
        only_for_types = {
            id(each)
            for node in tree.body
            if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            for each in node.body
        }
        names = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in only_for_types
            for alias in node.names
        }
        assert "pickle" not in names
        assert "Queue" not in names or path == Path("app/jobs.py")
