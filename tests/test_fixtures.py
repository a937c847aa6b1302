"Each fixture, read by its reader, gives back what is known of it"
import numpy as np, pytest, torch
from xvae.data import amass, cmu, human36m, pictures, pose2d, shoev2
from xvae.data.fixtures import FIXTURES, cells, known, known_file, read_slate, write_fixture
from xvae.data.sketches import INK, boundary_f
from xvae.data.skeletons import LSP14, bone_lengths, subject_lengths
from conftest import check

@pytest.fixture(scope="module")
def out(tmp_path_factory): return tmp_path_factory.mktemp("fixtures")

def same(a, b, eps): np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=0, atol=eps)
def alike(image, truth, side=40): assert np.abs(cells(image, side) - np.asarray(truth, np.float32)).max() < 6 # a codec's losses

def same_picture(image, truth):
    assert image.shape == truth.shape
    alike(image, cells(truth.numpy(), 10), 10)

@pytest.fixture(scope="module")
def raw(out):
    for part, subjects, actions in (("most", (1, 6, 7, 8), ("Directions",)), ("rest", (9, 11), ("Directions", "SittingDown"))):
        write_fixture("human36m", out/part, subjects=subjects, actions=actions, frames=3)
    with pytest.warns(UserWarning, match="corrupt"):
        footage = [f for part in ("most", "rest") for f in human36m.footage(out/part/"human36m", (1, 6, 7, 8) if part == "most" else (9, 11), 1, 1)]
    return footage, known("human36m", out/"most") | known("human36m", out/"rest")

def test_human36m_names(raw):
    footage, truth = raw
    assert sorted(f.name for f in footage) == sorted(k for k, t in truth.items() if t["readable"])
    assert len(truth) == len(footage) + 1 == 8 * 2 * 4
    for f in footage: assert (f.subject, f.take, f.camera) == tuple(int(truth[f.name][k]) for k in ("subject", "take", "camera"))

def test_human36m_shots(raw):
    footage, truth = raw
    for f in footage:
        t, shots = truth[f.name], list(f.shots())
        assert len(shots) == len(t["joints"]) == 3
        for i, shot in enumerate(shots):
            assert shot.image.shape == (*t["size"], 3) and read_slate(shot.image) == i
            alike(shot.image, t["pictures"][i])
            with_mask = min(i, int(t["stored_masks"]) - 1)
            same(cells(shot.mask), t["masks"][with_mask], 1e-6)
            same(shot.joints, t["joints"][i], 1e-3)
            same(shot.joints_2d, t["seen_2d"][i], 1e-2)
            if not t["shifted"]: same(shot.joints_2d, t["joints_2d"][i], 1e-4)
            x1, y1, x2, y2 = t["boxes"][with_mask].tolist()
            moved = (t["seen_2d"][i, 0] - t["joints_2d"][i, 0]).numpy() if t["shifted"] else 0
            same(shot.box[:2], np.array([x1 + x2 - 1, y1 + y2 - 1]) / 2 + moved, 0.02)
            assert shot.box[2] == max(x2 - x1, y2 - y1)

def test_human36m_quirks(raw):
    footage, truth = raw
    assert {int(t["frames"]) - len(t["joints"]) for t in truth.values()} == {1, 2, 3}
    assert {int(t["stored_masks"]) for t in truth.values()} == {1, 3}
    shifted = [k for k, t in truth.items() if t["shifted"]]
    assert shifted == [f"S9/SittingDown 1.{c}" for c in human36m.CAMERAS]
    assert {tuple(t["size"].tolist()) for k, t in truth.items() if k.startswith("S7/")} == {(1002, 1000)}

def test_human36m_anchor_and_bones(raw):
    _, truth = raw
    first = truth["S1/Directions 1.54138969"]
    same(first["joints"][0, 0], [-176.73, -321.05, 5203.88], 0.1)
    same(first["joints_2d"][0, 0], [473.684, 444.942], 1e-2)
    for t in truth.values(): same(bone_lengths(t["joints"]), subject_lengths(int(t["subject"])).expand(3, 16), 0.6)

def test_human36m_world(raw):
    _, truth = raw
    for t in truth.values():
        mono = human36m.world_to_camera(t["world"].double().numpy(), int(t["subject"]), int(t["camera"]))
        same(mono, t["joints"], 0.01)
        same(human36m.to_pixels(mono, int(t["camera"])), t["joints_2d"], 1e-3)

def test_mmpose(out):
    write_fixture("human36m_mmpose", out, subjects=(1, 11), actions=("Directions",))
    with pytest.warns(UserWarning, match="corrupt"): footage = human36m.footage(out/"human36m_mmpose", test_stride=5)
    truth = {k: t for k, t in known("human36m_mmpose", out).items() if t["readable"]}
    assert sorted(f.name.replace("/", "_").replace(" ", "_") for f in footage) == sorted(k.split("/")[1] for k in truth)
    for f in footage:
        t = truth[f"S{f.subject}/{f.name.replace('/', '_').replace(' ', '_')}"]
        for i, shot in enumerate(f.shots()):
            alike(shot.image, t["pictures"][i]); assert read_slate(shot.image) == 5 * i and shot.mask is None
            same(shot.joints, t["joints"][i], 1e-2); same(shot.joints_2d, t["joints_2d"][i], 1e-3)
            same(shot.box, [*t["center"][i], t["side"][i]], 1e-2)
        assert i == 1

@pytest.mark.parametrize("name,flag", [("lsp", "hidden"), ("lspet", "labelled")])
def test_leeds(out, name, flag):
    root, truth = write_fixture(name, out), known(name, out)
    shots = [s for f in getattr(pose2d, name)(root) for s in f.shots()]
    assert len(shots) == len(truth) == 24
    for shot, t in zip(shots, truth.values()):
        same_picture(shot.image, t["picture"])
        there = t[flag] if flag == "labelled" else torch.ones(14).bool()
        same(shot.joints_2d[list(LSP14)][there], t["joints_2d"][there], 1.01) # whether they count from 0 or 1 is not known
        wanted = t["labelled"] if flag == "labelled" else ~t["hidden"]
        assert (shot.confidence[list(LSP14)] > 0).tolist() == wanted.tolist()
        assert shot.confidence.sum() == wanted.sum() and np.isnan(shot.joints).all()

def test_mpii(out):
    root, truth = write_fixture("mpii", out), known("mpii", out)
    shots = [s for f in pose2d.mpii(root) for s in f.shots()]
    expected = [t for t in truth.values() if t["single"] and t["labelled"].sum() > 10]
    assert len(shots) == len(expected) == 10
    for shot, t in zip(shots, expected):
        same_picture(shot.image, t["picture"])
        there = np.array(pose2d.FROM_MPII) >= 0
        order = np.array(pose2d.FROM_MPII)[there]
        assert (shot.confidence[there] > 0).tolist() == t["labelled"][order].tolist()
        labelled = t["labelled"][order].numpy()
        same(shot.joints_2d[there][labelled], t["joints_2d"][order][labelled], 1e-3)

def test_amass(out):
    root, truth, tally = write_fixture("amass", out), known("amass", out), cmu.Tally()
    trials = {t.name: t.joints for t in amass.clips(root, fps=1000, tally=tally)}
    assert len(trials) == len(truth) == 4
    joints = [1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 13, 14, 15, 16] # those that SMPL-H has as they are
    smplh = [2, 5, 8, 1, 4, 7, 12, 15, 16, 18, 20, 17, 19, 21]
    for name, t in truth.items():
        got, want = trials[name.removeprefix("CMU/").rsplit("_", 1)[0]][:, joints], 1000 * t["joints"][:, smplh]
        same(got - got[:, :1], want - want[:, :1], 0.01)
    hours = sum(len(t["joints"]) / float(t["fps"]) for t in truth.values()) / 3600
    assert abs(tally.hours - hours) < 1e-9
    assert amass.library(root, 50, report=None).shape == (50, 17, 3)

def test_cmu(out):
    root, truth, tally = write_fixture("cmu", out), known("cmu", out), cmu.Tally()
    for trial in cmu.clips(root, fps=120, tally=tally, nose=0.0): same(trial.joints, truth[trial.name]["joints"], 0.01)
    assert tally.files == len(truth) == 4 and abs(tally.hours - 8 / 3600) < 1e-5

def test_pictures(out):
    root, truth = write_fixture("pictures", out), known("pictures", out)
    film, stills = sorted(pictures.footage(root), key=lambda f: f.take, reverse=True)
    shots = dict(zip(["anna.jpg", "ben.jpg", "clara.png", "dora.jpg", "emil.jpg"], stills.shots()))
    shots |= {f"run {i}": shot for i, shot in enumerate(film.shots())}
    assert shots.keys() == truth.keys()
    for name, shot in shots.items():
        t = truth[name]
        same_picture(shot.image, t["picture"]) if "picture" in t else alike(shot.image, t["cells"])
        if "confidence" not in t: assert not shot.confidence.any(); continue
        best = t["confidence"].mean(1).argmax()
        seen = t["confidence"][best] > 0
        there = seen & torch.from_numpy(shot.confidence > 0)
        assert set((seen & ~there).nonzero()[:, 0].tolist()) <= ({9} if name != "clara.png" else {0, 9}) # COCO has no middle of the hips
        same(shot.joints_2d[there], t["joints_2d"][best][there], 1e-3)
        low, high = t["joints_2d"][best][there].amin(0), t["joints_2d"][best][there].amax(0)
        assert (shot.box[:2] - shot.box[2] / 2 <= low.numpy()).all() and (shot.box[:2] + shot.box[2] / 2 >= high.numpy()).all()
    same(shots["anna.jpg"].mask, truth["anna.jpg"]["mask"], 0)
    same(cells(shots["run 2"].mask), truth["run 2"]["mask"], 1e-6)
    assert shots["run 5"].mask is None and shots["emil.jpg"].box[2] == 320

@pytest.mark.parametrize("form", shoev2.FORMS)
def test_shoev2(out, form):
    write_fixture("shoev2", out/form, form=form)
    truth = known("shoev2", out/form)
    for tested, data in enumerate(shoev2.shoev2(out/form, 64, cache=False)):
        assert set(data.names) == {k for k, t in truth.items() if "colour" in t and t["test"] == tested}
        for i, name in enumerate(data.names):
            assert (data.photos[i, :, 44, 32] == truth[name]["colour"]).all()
            ink = torch.stack([t["ink"] for k, t in truth.items() if k.startswith(f"{name}_")]).float()
            true = torch.nn.functional.max_pool2d(ink, 4) > 0
            assert boundary_f(data.sketches[data.photo == i] >= INK, true, 1).min() > 0.98

def test_whole_or_not_at_all(tmp_path, monkeypatch):
    def broken(folder): (folder/"half").write_text("", encoding="utf-8"); raise RuntimeError("stop")
    monkeypatch.setitem(FIXTURES, "broken", broken)
    with pytest.raises(RuntimeError): write_fixture("broken", tmp_path)
    assert not list(tmp_path.iterdir())
    write_fixture("cmu", tmp_path, frames=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cmu", "cmu.known.safetensors"]
    with pytest.raises(FileExistsError, match="there already"): write_fixture("cmu", tmp_path)

def test_same_again(tmp_path):
    for k in "ab":
        for name in ("lsp", "cmu"): write_fixture(name, tmp_path/k, **({"n": 4} if name == "lsp" else {"frames": 2}))
    files = lambda k: {p.relative_to(tmp_path/k): p.read_bytes() for p in (tmp_path/k).rglob("*") if p.is_file() and p.suffix != ".mat"}
    assert files("a") == files("b")

def test_command_line(tmp_path):
    assert check("python", "-m", "xvae.data.fixtures", "lspet", "--out", tmp_path).stdout.strip() == str(tmp_path/"lspet")
    assert known_file("lspet", tmp_path).is_file()
