"Damaged and missing input: one line that says what is wrong and what to do, and nothing left behind"
import csv, re, shutil
from dataclasses import replace
import pytest, torch
from conftest import ROOT
from test_reproduce import TABLE1, papermill, refused
from xvae.data.cmu import cmu_joints, read_amc, read_asf, write_example
from xvae.io import cache_folder
from xvae.experiments import checkpoint_of, do_run, job, load_model, plan
from xvae.tasks.pose import load_data

TRIALS = tuple(f"01_{t:02}" for t in range(1, 9))
CMU = ROOT.parent/"shared/data/cmu/subjects/01"

@pytest.fixture
def cmu(tmp_path_factory):
    "A folder of eight made-up trials"
    root = tmp_path_factory.mktemp("motion")
    write_example(root, TRIALS)
    return root

def cut_off(path, part=0.6): path.write_bytes(path.read_bytes()[:int(part * path.stat().st_size)])

def files(folder):
    "All but locks and what is known of the user's files"
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock" and p.name != "contents.json")

def first_run(results, **parameters):
    "The mean pose with the smoke preset"
    j = job("smoke", device="cpu", results_dir=results, **parameters)
    return do_run(plan("mean_pose", j.settings, 0), j)

# Folders of motion

def nothing(root): shutil.rmtree(root)
def empty(root): [p.unlink() for p in root.iterdir()]
def cut_off_motion(root): cut_off(root/"01_05.amc")
def cut_off_skeleton(root): cut_off(root/"01.asf")
def no_skeleton(root): (root/"01.asf").unlink()
def too_few(root): [p.unlink() for p in sorted(root.glob("*.amc"))[:2]]
def other_format(root): (root/"01_05.amc").write_bytes(bytes(range(256)) * 8)

@pytest.mark.parametrize("damage, names, remedy", [
    (nothing, "", "expected"),
    (empty, "", "expected CMU trials, such as subjects/01/01.asf"),
    (cut_off_motion, "01_05.amc", "copy or unpack it again"),
    (cut_off_skeleton, "01.asf", "copy or unpack the file again"),
    (no_skeleton, "01.asf", "expected the skeleton"),
    (too_few, None, "expected at least 7, one for each part of the split; add trials"),
    (other_format, "01_05.amc", "copy or unpack the file again"),
], ids=lambda x: getattr(x, "__name__", ""))
def test_damaged_motion(cmu, tmp_path, monkeypatch, damage, names, remedy):
    "One line with the file, what was expected and what to do; neither results nor cache get anything"
    damage(cmu)
    monkeypatch.setenv("XVAE_CACHE", str(tmp_path/"cache"))
    with pytest.raises((ValueError, FileNotFoundError)) as error: first_run(tmp_path/"results", motion="cmu", data_root=cmu)
    told = str(error.value)
    assert names is None or told.startswith(str(cmu/names))
    assert "expected" in told and remedy in told and len(told.splitlines()) == 1
    assert files(tmp_path) == []

def test_notebook_refuses_cut_off_motion(cmu, tmp_path):
    "papermill fails, and its last line is ours"
    cut_off_motion(cmu)
    refused(TABLE1, f"{cmu/'01_05.amc'}: line ", tmp_path, motion="cmu", data_root=cmu)

def test_notebook_on_own_motion(cmu, tmp_path):
    "The table of other motion has a folder of its own, and says what moved"
    done = papermill(TABLE1, "-", motion="cmu", data_root=cmu, results_dir=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path/"cmu/table1.csv").open()))
    assert {row["motion"] for row in rows} == {"cmu"} and "CMU" in (tmp_path/"cmu/table1.md").read_text(encoding="utf-8")
    assert {p.name for p in tmp_path.iterdir()} == {"cmu", "runs"}

def test_changed_motion_is_read_again(cmu, tmp_path, monkeypatch):
    "More trials in the same folder, in the same session: another run, on the trials that are there now"
    monkeypatch.setenv("XVAE_CACHE", str(tmp_path))
    settings, shown = [], []
    for trials in (), ("00_01", "00_02", "00_03"):
        write_example(cmu, trials)
        settings.append(job("smoke", motion="cmu", data_root=cmu).settings)
        shown.append(load_data(replace(settings[-1], n_pairs=8, n_wild=2, n_test=2, n_library=8), cmu).pairs.actions)
    assert settings[0] != settings[1]
    assert shown == [("01_01", "01_03", "01_06", "01_08"), ("00_01", "00_03", "01_03", "01_05", "01_07")]

def test_edited_motion_is_read_again(cmu, monkeypatch, tmp_path):
    "One digit of a trial is another digit: other settings and other poses; what no reader reads changes nothing"
    monkeypatch.setenv("XVAE_CACHE", str(tmp_path/"cache"))
    def seen():
        s = job("smoke", motion="cmu", data_root=cmu).settings
        return s.data_digest, load_data(replace(s, n_pairs=8, n_wild=2, n_test=2, n_library=64), cmu).library
    before = seen()
    (cmu/".DS_Store").write_text("of no reader", encoding="utf-8"); (cmu/"readme.txt").write_text("of no reader", encoding="utf-8")
    assert seen()[0] == before[0] and torch.equal(seen()[1], before[1])
    trial = cmu/"01_01.amc"
    text = trial.read_text(encoding="utf-8")
    edited = re.sub(r"(?m)^(lfemur -?)\d", r"\g<1>9", text)
    trial.write_text(edited, encoding="utf-8")
    assert len(edited) == len(text) and seen()[0] != before[0] and not torch.equal(seen()[1], before[1])

# Files of our own

@pytest.mark.parametrize("text", ["", '{"metrics": {"mpj', "[]", '{"method": "mean_pose"}', "\0" * 200], ids=["empty", "cut", "list", "lacking", "zeros"])
def test_damaged_run(tmp_path, text):
    "A stored run that cannot be read is neither taken for a number nor for absent"
    run = first_run(tmp_path)
    path = tmp_path/"runs"/run.id/"run.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError) as error: first_run(tmp_path)
    assert str(error.value).startswith(str(path)) and "delete its folder" in str(error.value) and path.read_text(encoding="utf-8") == text
    shutil.rmtree(path.parent)
    assert first_run(tmp_path).metrics == run.metrics

@pytest.mark.parametrize("damage", [cut_off, lambda p: p.write_bytes(b""), lambda p: p.write_bytes(b"\xff" * 9999)], ids=["cut", "empty", "other"])
@pytest.mark.parametrize("part", ["pairs", "library"])
def test_damaged_cache_is_made_again(tmp_path, monkeypatch, part, damage):
    "The same data, and a whole file again"
    monkeypatch.setenv("XVAE_CACHE", str(tmp_path))
    s = replace(job("smoke").settings, n_pairs=8, n_wild=2, n_test=2, n_library=8)
    load = lambda: torch.cat([getattr(load_data(s), part)]) if part == "library" else load_data(s).pairs.images
    before, (path,) = load(), cache_folder().glob(f"{part}-*.safetensors")
    whole = path.read_bytes()
    damage(path)
    assert torch.equal(load(), before) and path.read_bytes() == whole

@pytest.mark.parametrize("damage", [cut_off, lambda p: p.write_bytes(b"")], ids=["cut", "empty"])
def test_damaged_checkpoint_and_weights(tmp_path, damage):
    "What cannot be read is named, with the way out; then that way works"
    j = job("smoke", device="cpu", results_dir=tmp_path)
    run = plan("ours", replace(j.settings, steps=1), 0)
    weights, checkpoint = tmp_path/"runs"/run.id/"model.safetensors", checkpoint_of(run)
    do_run(run, j)
    checkpoint.parent.mkdir(exist_ok=True)
    shutil.move(weights, checkpoint)
    damage(checkpoint)
    shutil.rmtree(weights.parent)
    with pytest.raises(ValueError, match="delete it") as error: do_run(run, j)
    assert str(checkpoint) in str(error.value) and files(tmp_path) == []
    checkpoint.unlink()
    do_run(run, j)
    damage(weights)
    with pytest.raises(ValueError, match="delete its folder") as error: load_model(tmp_path, run)
    assert str(weights) in str(error.value)

# Real motion

@pytest.mark.skipif(not CMU.is_dir(), reason="no CMU trials in ../shared/data/cmu")
def test_real_motion(tmp_path):
    "The first frame of trial 01_01, against another implementation's numbers; a copy that was cut off is refused"
    skeleton = read_asf(CMU/"01.asf")
    channels = read_amc(CMU/"01_01.amc", skeleton)
    joints = cmu_joints(skeleton, channels[:1])[0] / 1000
    known = {0: (.5185, .927, .9095), 3: (.439, 1.084, .106), 6: (.651, 1.078, .109), 10: (.549, .930, 1.640), 13: (.644, .799, 1.514), 16: (.316, .921, .861)}
    assert len(channels) == 2751 and (joints[list(known)] - torch.tensor([*known.values()])).abs().max() < 0.00101
    copy = tmp_path/"01_01.amc"
    copy.write_bytes((CMU/"01_01.amc").read_bytes()[:1_000_000])
    with pytest.raises(ValueError, match="01_01.amc: .*cut off"): read_amc(copy, skeleton)

# Programs that are not there

def test_no_git(tmp_path, monkeypatch):
    "A run ends well on a machine without git"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert first_run(tmp_path).environment["commit"] == ""
