"""Every job is an existing function, on a served queue, with JSON ids as arguments."""

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
    """The job function as a worker imports it."""
    module, _, name = spec.path.rpartition(".")
    function: Callable[..., object] = getattr(import_module(module), name)
    return function


def work_of(spec: JobSpec) -> Callable[..., object]:
    """The function inside the wrapper, which hides its parameters from RQ."""
    function: Callable[..., object] = inspect.getclosurevars(function_of(spec)).nonlocals["work"]
    return function


@pytest.mark.parametrize("spec", SPECS)
def test_a_job_resolves_to_a_wrapped_function(spec: JobSpec) -> None:
    function = function_of(spec)
    assert inspect.isfunction(function)
    assert f"{function.__module__}.{function.__qualname__}" == spec.path
    assert function.__code__.co_filename == str(ROOT / "workers" / "job.py"), "not wrapped by workers.job.job"


@pytest.mark.parametrize("spec", SPECS)
def test_a_job_takes_the_runtime_and_then_ids(spec: JobSpec) -> None:
    first, *parameters = inspect.signature(work_of(spec)).parameters.values()
    assert (first.name, first.annotation) == ("runtime", "Runtime")
    assert [parameter.name for parameter in parameters if parameter.annotation not in {"str", "int"}] == []
    assert [
        parameter.name for parameter in parameters if parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD
    ] == []


@pytest.mark.parametrize("spec", SPECS)
def test_a_job_has_time_but_not_for_ever(spec: JobSpec) -> None:
    assert 10 <= spec.timeout <= 900


def test_every_job_that_is_declared_is_listed_once() -> None:
    specs = [value for value in vars(jobs).values() if isinstance(value, jobs.JobSpec)]
    assert sorted(spec.name for spec in specs) == sorted(spec.name for spec in jobs.ALL)
    assert len({spec.name for spec in jobs.ALL}) == len(jobs.ALL)
    assert len({spec.path for spec in jobs.ALL}) == len(jobs.ALL)


def test_every_job_function_is_declared() -> None:
    paths = {
        f"{'.'.join(path.with_suffix('').parts)}.{node.name}"
        for path in modules("workers")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(decorator, ast.Name) and decorator.id == "job" for decorator in node.decorator_list)
    }
    assert paths == {spec.path for spec in jobs.ALL}


def test_every_job_is_asked_for_by_somebody() -> None:
    names = {name for name, value in vars(jobs).items() if isinstance(value, jobs.JobSpec)}
    names_in_use = {
        node.attr
        for path in modules("app", "workers")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "jobs"
    }
    by_the_clock = {
        name for name in names if any(periodic_job.spec is getattr(jobs, name) for periodic_job in BY_THE_CLOCK)
    }
    assert names - names_in_use - by_the_clock == set()


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
            id(statement)
            for node in tree.body
            if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            for statement in node.body
        }
        names = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in only_for_types
            for alias in node.names
        }
        assert "pickle" not in names
        assert "Queue" not in names or path == Path("app/jobs.py")
