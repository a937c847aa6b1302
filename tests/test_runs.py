"Stored runs keep their names, whatever settings come later"
from dataclasses import fields, replace
from inspect import signature
import pytest
from conftest import ROOT
from xvae.data.pose_data import pose_data, pose_digest
from xvae.data.rendered import strangers
from xvae.experiments import HALVED, PRESETS, Run, named, read_run
from xvae.io import load_tensors
from xvae.task import task_of

STORED = sorted((ROOT/"results").rglob("run.json"))
OTHER = dict(d_t=8, d_s=8, sigma_picture=0.01, price_s=1e-5, price_s_start=1e-4, price_s_hold=0.3, price_s_until=0.7, unpaired_x=1.0,
             detach_t=True, cross_s="person", picture="grey", epochs=2.0, data_seed=3, library="wider", paired_steps=True, norm="own", objective="dmvae", stage=0.7, rival=(("lr", 0.1),)) # for each later field a value that is not its default
later = pytest.mark.parametrize("task, name", [(task, name) for task, presets in PRESETS.items() for name in presets["smoke"].LATER])

def test_names_are_those_of_the_settings():
    "A run's folder is named by what `Run.id` makes of its record, with the settings' fields of today"
    assert STORED
    for path in STORED: assert read_run(path).id == path.parent.name

@later
def test_later_fields_count(task, name):
    "A later field off its default is another run; at its default, no run's name knows of it"
    s = PRESETS[task]["smoke"]
    plain, other = (replace(s, **{name: v}) for v in ({f.name: f.default for f in fields(s)}[name], OTHER[name]))
    assert name in named(other) and name not in named(plain) and Run("ours", plain, 0).id != Run("ours", other, 0).id

@later
def test_later_fields_are_no_data(task, name):
    "A data function takes a later field only as what it has always loaded where the field is at its default"
    s = PRESETS[task]["smoke"]
    taken = [f for f in (pose_data, pose_digest, strangers) if name in signature(f).parameters]
    assert name in ("data_seed", "library") if taken else True
    for f in taken: assert signature(f).parameters[name].default == {g.name: g.default for g in fields(s)}[name]

# Weights that git keeps

KEPT = sorted((ROOT/"results/runs").glob(f"*/{HALVED}"))

@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.parent.name)
def test_kept_weights_give_the_stored_errors(path):
    "Halved weights, on a clone: within .05 mm of the run's own figures; larger pictures are only loaded, as drawing them takes long"
    run = read_run(path.parent/"run.json")
    state, _ = load_tensors(path)
    task = task_of(run.settings)
    model = task.build(run.settings)
    model.load_state_dict(state)
    if run.settings.image_size > 32: return
    found = task.evaluate(model.eval(), task.load_data(run.settings), run.settings)
    assert all(found[k] == pytest.approx(v, abs=0.05) for k, v in run.metrics.items() if task.units[k] == "mm")

def test_weights_are_kept(): assert len(KEPT) >= 4
