"Stored runs keep their names, whatever settings come later"
from dataclasses import fields, replace
from inspect import signature
import pytest
from conftest import ROOT
from xvae.data.pose_data import pose_data, pose_digest
from xvae.data.rendered import strangers
from xvae.experiments import PRESETS, Run, read_run

STORED = sorted((ROOT/"results").rglob("run.json"))
OTHER = dict(d_t=8, d_s=8, sigma_picture=0.01, price_s=1e-5, price_s_start=1e-4, price_s_hold=0.3, price_s_until=0.7, unpaired_x=1.0,
             detach_t=True, cross_s="person", picture="grey", epochs=2.0) # for each later field a value that is not its default
later = pytest.mark.parametrize("task, name", [(task, name) for task, presets in PRESETS.items() for name in presets["smoke"].LATER])

def test_names_are_those_of_the_settings():
    "A run's folder is named by what `Run.id` makes of its record, with the settings' fields of today"
    assert STORED
    for path in STORED: assert read_run(path).id == path.parent.name

@later
def test_later_fields_count(task, name):
    "A later field off its default is another run; at its default, no run's name knows of it"
    s = PRESETS[task]["smoke"]
    default = {f.name: f.default for f in fields(s)}[name]
    run = Run("ours", s, 0)
    assert Run("ours", replace(s, **{name: OTHER[name]}), 0).id != run.id == Run("ours", replace(s, **{name: default}), 0).id

@later
def test_later_fields_are_no_data(task, name):
    "No data function takes a later field for one of its parameters, which would change what old settings load"
    assert not any(name in signature(f).parameters for f in (pose_data, pose_digest, strangers))
