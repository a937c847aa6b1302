"From pictures to poses and files, by the command that a user types"
import csv, json, subprocess, sys
import numpy as np, pytest
from PIL import Image
from conftest import ROOT
from xvae import estimate
from xvae.data.fixtures import write_fixture

PERSON = ROOT/"examples/person.png"

def run(*words): return subprocess.run([sys.executable, "-m", "xvae", *map(str, words)], capture_output=True, text=True, cwd=ROOT)

def test_command(tmp_path):
    "A picture of the repository, with weights that git keeps"
    done = run("estimate", PERSON, "--out", tmp_path/"poses")
    assert done.returncode == 0, done.stderr
    assert "has seen drawn people alone" in done.stdout
    said = json.loads((tmp_path/"poses/poses.json").read_text(encoding="utf-8"))
    rows = list(csv.DictReader((tmp_path/"poses/poses.csv").open()))
    assert len(said["people"]) == 1 and len(rows) == 17 and [r["joint"] for r in rows] == said["joints"]
    assert Image.open(tmp_path/"poses/person_pose.png").size[0] > 500

def test_commands_are_listed():
    done = run("--help")
    assert done.returncode == 0 and all(word in done.stdout for word in ("estimate", "run", "check", "prepare", "table1", "fig6"))

def test_folder_and_video(tmp_path):
    "Pictures with boxes and joints beside them, and the frames of a video"
    folder = write_fixture("pictures", tmp_path)
    found = estimate.estimate(folder, finders=estimate.Helpers(), batch=4)
    frames = [it.frame for it in found if it.frame is not None]
    assert len(found) > len(frames) > 1 and frames == list(range(len(frames)))
    names = [p.name for p in estimate.write(found, tmp_path/"out", plots=3)]
    assert len(names) == 5 and len(list(csv.DictReader((tmp_path/"out/poses.csv").open()))) == 17 * len(found)

def test_one_picture_leaves_others_alone(tmp_path):
    "What is wrong with other files of a folder does not matter; what lies beside the picture counts"
    for name in "anna.png", "other.png": Image.open(PERSON).save(tmp_path/name)
    (tmp_path/"other_bbox.json").write_text("nonsense", encoding="utf-8")
    (plain,) = estimate.estimate(tmp_path/"anna.png", finders=estimate.Helpers())
    (tmp_path/"anna_bbox.json").write_text("[20, 10, 100, 100]", encoding="utf-8")
    (boxed,) = estimate.estimate(tmp_path/"anna.png", finders=estimate.Helpers())
    assert plain.box[2] == 224 and boxed.box[2] == 100
    with pytest.raises(ValueError, match="other_bbox.json"): estimate.estimate(tmp_path/"other.png", finders=estimate.Helpers())

@pytest.mark.parametrize("name, content, words", [("broken.png", b"no picture", "broken.png"), ("notes.txt", b"", "expected .jpg"), (None, None, "not there")])
def test_errors_are_one_line(tmp_path, name, content, words):
    if name: (tmp_path/name).write_bytes(content)
    done = run("estimate", tmp_path/(name or "missing.jpg"), "--out", tmp_path/"out")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and words in done.stderr and not (tmp_path/"out").exists()

def test_helpers_weights(tmp_path):
    "A file that is no weights is named"
    (tmp_path/"weights.pth").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="weights.pth: not the weights of the detector"): estimate.helpers(boxes=tmp_path/"weights.pth")

def test_box_of_the_surest_person():
    network = lambda pictures: [dict(boxes=estimate.torch.tensor([[0., 0, 50, 40], [10, 20, 30, 60], [0, 0, 9, 9]]), labels=estimate.torch.tensor([3, 1, 1]), scores=estimate.torch.tensor([.99, .9, .6]))]
    assert np.allclose(estimate.found_box(network, np.zeros((80, 80, 3), np.uint8), margin=1.1), [19.5, 39.5, 44.0])
