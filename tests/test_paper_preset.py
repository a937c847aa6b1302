"The paper's preset: every setting has its reason, runs are as long as they should be, and it goes from data in the licensed sets' formats to tables"
import csv, json
from dataclasses import asdict, fields, replace
from functools import partial
import pytest, torch
import xvae.task, xvae.training
from conftest import ROOT
from test_reproduce import papermill
from xvae.data.fixtures import write_fixture
from xvae.experiments import PAPER, PAPER_SMOKE, PRESETS, SKETCH_PAPER, SKETCH_PAPER_SMOKE, as_paper, checkpoint_of, do_run, find_run, job, plan, step_counts
from xvae.paper_preset import POSE_CHOICES, SKETCH_CHOICES, level_costs, priced_levels, step_times
from xvae.arms import ARMS, fig5_arms, notebook_arms
from xvae.tasks import pose, rivals

OURS = {"pose": (PAPER, POSE_CHOICES), "sketch": (SKETCH_PAPER, SKETCH_CHOICES)}
SMOKES = {"pose": PAPER_SMOKE, "sketch": SKETCH_PAPER_SMOKE}
tasks = pytest.mark.parametrize("task", OURS)

# What the paper says, what we chose

@tasks
def test_every_setting_has_one_row(task):
    s, choices = OURS[task]
    assert sorted(c.field for c in choices) == sorted(f.name for f in fields(s))
    assert all(part.strip() == part != "" for c in choices for part in c)

@tasks
def test_the_table_shows_the_preset(task):
    "The committed notebook has a row for each setting, in a table, with the preset's own value"
    cells = json.loads((ROOT/"nbs/61_paper_preset.ipynb").read_text(encoding="utf-8"))["cells"]
    tables = ["".join(o["data"].get("text/markdown", "")) for c in cells for o in c.get("outputs", []) if "data" in o]
    tables = [[line.split(" | ") for line in t.splitlines()[2:]] for t in tables if t.startswith("| Setting |")]
    shown = tables[list(OURS).index(task)]
    assert [(row[0].strip("| `"), row[1].strip("`")) for row in shown] == [(k, repr(v)) for k, v in asdict(OURS[task][0]).items()]

@tasks
def test_the_smoke_is_the_paper_cut(task):
    "Only numbers are smaller, of data and networks; all that decides how it is trained is the paper's"
    cut = {k for k, v in asdict(OURS[task][0]).items() if v != getattr(SMOKES[task], k)}
    assert cut <= {"image_size", "n_pairs", "n_wild", "n_test", "n_library", "encoder", "decoder_channels", "hidden", "batch", "wild_batch", "target_batch", "epochs"}
    assert all(s.epochs and s.bf16 and s.schedule == "constant" and s.m_most is None for s in (OURS[task][0], SMOKES[task]))

@pytest.mark.parametrize("preset", ["paper", "paper_smoke"])
def test_no_search_touches_it(preset):
    "Whatever its pairs, an arm of the paper's tables has the preset's settings; Fig. 5 has all seven levels"
    assert as_paper(preset) and not as_paper("laptop")
    s = PRESETS["pose"][preset]
    j = replace(job("smoke", device="cpu"), settings=s, preset=preset)
    arms = [arm for name in ("table1", "table2", "table3") for arm in ARMS[name]] + fig5_arms(preset)
    assert {replace(arm.run(j, 0).settings, fraction=1.0, pair_subjects=()) for arm in arms if arm.method == "ours"} == {s}
    assert len({arm.run(j, 0).id for arm in notebook_arms("fig5", preset)[1]}) == 2 * 7 + 3 # and as many steps without unpaired poses at the three lowest levels

# How long a run is

def people(subjects=(1,) * 12 + (5,) * 28):
    "A data set of which only the sizes count"
    from test_devices import people
    pairs = people(len(subjects), 32)
    pairs.subject[:] = torch.tensor(subjects)
    return pose.PoseData(pairs, people(8, 32), people(8, 32), torch.rand(100, 17, 3))

@pytest.mark.parametrize("fraction, who, n", [(1.0, (), 40), (0.1, (), 4), (1.0, (1,), 12), (0.25, (1,), 3), (0.05, (1,), 1)])
def test_passes_over_the_pairs_that_are_used(fraction, who, n, monkeypatch):
    "As many passes at every level, for ours and for its rivals; m is floor(M / N) without a bound"
    asked = {}
    def noted(model, *args, **kwargs): asked.update(ours=args[2], m=args[3]); return []
    monkeypatch.setattr(xvae.task, "train", noted)
    monkeypatch.setattr(rivals, "fit", lambda model, loss, steps, *args: (asked.update({args[-1]: steps}), model)[1])
    s, data = replace(PAPER_SMOKE, encoder="resnet10-16", image_size=32, fraction=fraction, pair_subjects=who), people()
    xvae.task.train_model(s, data); rivals.train_head(s, data)
    pairs = pose.used_pairs(s, data)
    rivals.train_lifter(s, pairs.joints_2d, pairs.joints)
    assert len(pairs) == n and asked == {"ours": max(1, 2 * n // 2), "2D head": max(1, 2 * n // 2), "lifter": max(1, 2 * n // 2), "m": 100 // n}

def test_steps_rule_where_there_are_no_epochs():
    for presets in PRESETS.values():
        for name in "smoke", "laptop": assert presets[name].epochs is None and step_counts(presets[name])[0] == presets[name].steps > 0

def test_cost_of_each_level():
    "Joint steps follow the pairs; target steps, which are counted, do not"
    table = level_costs(step_times())
    counts = {name: step_counts(s) for name, s in priced_levels().items()}
    assert list(table.Pairs) == list(counts) and {"100 %", "10 %", "S1", "10 % of S1", "5 % of S1"} <= counts.keys()
    assert all(abs(steps / counts["100 %"][0] - pose.expected_counts(s)[0] / PAPER.n_pairs) < 1e-4 for s, (steps, _) in zip(priced_levels().values(), counts.values()))
    assert all(0.5 < steps * m / counts["100 %"][0] < 1.1 for steps, m in counts.values()) and table.Hours.is_monotonic_decreasing

# From data to tables

@pytest.fixture(scope="module")
def root(tmp_path_factory):
    "Made-up copies of the licensed sets"
    folder = tmp_path_factory.mktemp("copies")
    write_fixture("human36m", folder, actions=("Directions",))
    for name in ("lsp", "cmu", "shoev2"): write_fixture(name, folder)
    return folder

@pytest.fixture(scope="module")
def results(tmp_path_factory): return tmp_path_factory.mktemp("paper")/"results"

METHODS = dict(table1={"mean_pose", "chen_ramanan", "martinez", "supervised_only", "ours"}, table3={"supervised_only", "paired_steps", "ours"},
    fig5={"supervised_only", "paired_steps", "ours"}, fig2={"ours", "without_td", "paired_steps", "mean_sketch", "nearest_photo", "human"})

@pytest.mark.parametrize("name", METHODS)
def test_from_data_to_table(name, root, results):
    "A notebook runs on the paper's kind of data, trains what the others have not, and writes its table, all of it finite"
    done = papermill(ROOT/f"reproduce/{name}.ipynb", "-", preset="paper_smoke", data_root=root, results_dir=results, device="cpu")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((results/("shoev2" if name == "fig2" else "human36m")/f"{name}.csv").open()))
    assert {row["preset"] for row in rows} == {"paper_smoke"} and {row["method"] for row in rows} == METHODS[name]
    stored = [json.loads((results/"runs"/i/"run.json").read_text(encoding="utf-8")) for i in {row["run_id"] for row in rows}]
    assert {(s["settings"]["epochs"], s["settings"]["bf16"]) for s in stored} == {(SMOKES["sketch" if name == "fig2" else "pose"].epochs, True)}
    assert all(float(row["value"]) < float("inf") for row in rows)

@tasks
def test_killed_run_goes_on_in_bfloat16(task, root, tmp_path, monkeypatch):
    "Stopped in the middle, a run goes on from its checkpoint to the same numbers, curves and weights"
    monkeypatch.setattr(xvae.task, "train", partial(xvae.training.train, save_every=3))
    torch.set_num_threads(1)
    whole, stopped = (job("paper_smoke", data_root=root, results_dir=tmp_path/name, device="cpu", task=task) for name in ("whole", "stopped"))
    run, seed_step, steps = plan("ours", whole.settings, 0, 0.4), xvae.training.seed_step, []
    expected = do_run(run, whole)
    def deadly(seed, step):
        steps.append(step)
        if len(steps) == 5: raise KeyboardInterrupt
        seed_step(seed, step)
    monkeypatch.setattr(xvae.training, "seed_step", deadly)
    with pytest.raises(KeyboardInterrupt): do_run(run, stopped)
    assert checkpoint_of(run).exists() and find_run(stopped.results, run) is None
    done = do_run(run, stopped)
    assert steps[:6] == [0, 1, 2, 3, 4, 3] and done.metrics == expected.metrics
    for name in "curves.csv", "model.safetensors":
        assert (stopped.results/"runs"/run.id/name).read_bytes() == (whole.results/"runs"/run.id/name).read_bytes()
