"""The table of stages: its names, its order, and the reasons that each stage declares."""

import ast
import importlib
import inspect

import pytest

from s2f.pipeline.stages import STAGES, clip_stages, load_stage


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_has_the_name_of_its_line_and_reads_earlier_stages(name: str) -> None:
    stage = load_stage(name)
    earlier = list(STAGES)[: list(STAGES).index(name)]
    assert stage.name == name
    assert set(stage.reads) <= set(earlier)
    assert stage.description.endswith(".")


def test_recordings_are_cut_and_the_last_stage_gathers_clips() -> None:
    units = {name: load_stage(name).unit for name in STAGES}
    assert units.pop("segment") == "recording"
    assert units.popitem() == ("shard", "set")
    assert {*units.values()} == {"clip"}
    assert [stage.name for stage in clip_stages()] == list(units)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_declares_the_reasons_that_it_gives_and_no_others(name: str) -> None:
    tree = ast.parse(inspect.getsource(importlib.import_module(STAGES[name])))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    verdicts = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Rejected"]
    assert {ast.literal_eval(verdict.args[0]) for verdict in verdicts} == set(load_stage(name).reasons)
    assert all(load_stage(name).reasons.values())
