"AMASS, ASF/AMC and BVH: known joints come back, damage is one clear line, memory stays flat"
import os, pickle, re, subprocess, sys
from pathlib import Path
import numpy as np, pytest, torch
from conftest import ROOT
from xvae.data import amass, cmu, fixtures, human36m, library
from xvae.data.skeletons import bone_lengths, subject_lengths

CMU = ROOT.parent/"shared/data/cmu"
amass_keys = ("v_template", "shapedirs", "J_regressor", "kintree_table")
RECORDING, MODEL = "CMU/01/01_01_poses.npz", "body_models/smplh/male/model.npz"

@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    "A folder of AMASS: two recordings and two body models"
    root = tmp_path_factory.mktemp("amass")
    fixtures.write_smplh(root/MODEL, 1.05, 4294967295)
    with np.load(root/MODEL) as z: small = {k: z[k] for k in amass_keys} # the other arrays are large, and nobody reads them
    for gender in "male", "neutral":
        (path := root/f"body_models/smplh/{gender}/model.npz").parent.mkdir(exist_ok=True)
        np.savez(path, **small)
    for name, gender in ("CMU/01/01_01_poses", "male"), ("CMU/02/02_02_stageii", "neutral"):
        (path := root/f"{name}.npz").parent.mkdir(parents=True)
        np.savez(path, **fixtures.recording_keys(name, 120.0, gender, np.zeros(16), *fixtures.walk(120, 120.0, 0)))
    return root

@pytest.fixture
def root(sound, tmp_path):
    "A copy of it to damage: links, which a changed file replaces"
    for path in sound.rglob("*.npz"):
        (to := tmp_path/path.relative_to(sound)).parent.mkdir(parents=True, exist_ok=True)
        os.link(path, to)
    return tmp_path

def rewrite(path, **changed):
    "Arrays of an .npz changed, or taken out where None"
    with np.load(path, allow_pickle=False) as z: arrays = {k: z[k] for k in z}
    path.unlink()
    np.savez(path, **{k: v for k, v in (arrays | {k: f(arrays) if callable(f) else f for k, f in changed.items()}).items() if v is not None})

def cut_off(path, part=0.6): content = path.read_bytes(); path.unlink(); path.write_bytes(content[:int(part*len(content))])

def one_line(error, path, *words):
    "The message is one line that begins with the file and says what was expected and what to do"
    told = str(error.value)
    assert told.startswith(str(path)) and len(told.splitlines()) == 1 and all(w in told for w in words), told
    assert any(remedy in told for remedy in ("expected", "copy or unpack", "is this the right"))

# Libraries

def test_library(root):
    "Shape, unit, frame, lengths; the same seed the same poses; a smaller library is the beginning of a larger one"
    told = []
    poses = amass.library(root, 200, report=told.append)
    assert poses.shape == (200, 17, 3) and poses.dtype == torch.float32 and not poses[:, 0].any()
    off = torch.stack([(bone_lengths(poses) - subject_lengths(s)).abs().amax(1) for s in library.TRAINED])
    assert off.amin(0).max() < 1e-3 and off.argmin(0).unique().tolist() == [*range(5)]
    assert torch.equal(poses, amass.library(root, 200, report=None)) and torch.equal(poses[:15], amass.library(root, 15, report=None))
    assert not torch.equal(poses, amass.library(root, 200, seed=1, report=None))
    assert (told[0].files, told[0].frames, told[0].seconds) == (2, 240, 2.0) and str(told[0]).startswith("0.00 h read, 240 frames in 2 files")
    assert (poses[:, 10, 1] < poses[:, 0, 1]).all() and (poses[:, 0, 1] < poses[:, 3, 1]).all() # y goes down

@pytest.mark.parametrize("form", ["asf/amc", "bvh", "both"])
def test_raw_library(tmp_path, form):
    "The same from CMU's own forms; a trial in both forms is read once"
    bones, motion = fixtures.cmu_bones(), fixtures.cmu_walk(240, 0)
    if form != "bvh":
        (tmp_path/"01.asf").write_text(fixtures.asf_text(bones), encoding="utf-8"); (tmp_path/"01_01.amc").write_text(fixtures.amc_text(motion), encoding="utf-8")
    if form != "asf/amc": (tmp_path/"01_01.bvh").write_text(fixtures.bvh_text(bones, motion), encoding="utf-8")
    (tmp_path/"._01_01.bvh").write_bytes(b"\0\5\26\7") # what macOS leaves in archives
    told = []
    poses = cmu.library(tmp_path, 50, report=told.append)
    assert poses.shape == (50, 17, 3) and (told[0].files, told[0].frames) == (1, 240) and abs(told[0].seconds - 2) < 1e-3
    assert [*told[0].left_out] == ([tmp_path/"01_01.bvh"] if form == "both" else [])
    known = torch.tensor(fixtures.cmu_truth(bones, motion)["joints"][::12], dtype=torch.float32)
    (trial,) = cmu.clips(tmp_path, nose=0)
    off = (trial.joints - trial.joints[:, :1] - known + known[:, :1]).abs().max()
    assert off < 0.05 # mm
    assert len(list(cmu.clips(tmp_path, fps=60))[0].joints) == 120

def test_lost_bones():
    "The published conversion drops thorax and wrists; they come back to within what distinguishes them from their likes"
    bones, motion = fixtures.cmu_bones(), fixtures.cmu_walk(60, 0)
    text = fixtures.bvh_text(bones, motion)
    for joint in cmu.LOST: text = re.sub(rf"(JOINT {joint}\s*{{\s*OFFSET) \S+ \S+ \S+", r"\1 0 0 0", text)
    text = re.sub(r"(JOINT [LR]Thumb\s*{\s*OFFSET) \S+ \S+ \S+", r"\1 0 0 0", text)
    (path := Path(os.environ["XVAE_CACHE"])/"01_01.bvh").parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    h, channels, fps = cmu.read_bvh(path)
    path.unlink()
    off = (cmu.bvh_joints(h, channels).numpy() - fixtures.cmu_truth(bones, motion)["joints"])
    assert np.abs(off[:, :8]).max() < 0.05 and np.linalg.norm(off, axis=-1).max() < 6 and abs(fps - 120) < 1e-2

@pytest.mark.skipif(not CMU.is_dir(), reason="no CMU trials in ../shared/data/cmu")
def test_real_cmu():
    "Real trials: hours, lengths, faces ahead of the body"
    told = []
    poses = cmu.library(CMU, 2000, report=told.append)
    assert (told[0].files, told[0].frames) == (28, 77754) and round(told[0].hours, 2) == 0.18 and not told[0].left_out
    assert (human36m.facing(poses.numpy()) > 0).mean() > 0.97

@pytest.mark.skipif(not CMU.is_dir(), reason="no CMU trials in ../shared/data/cmu")
@pytest.mark.parametrize("fps", [10, 120])
def test_broken_takes_of_real_cmu(fps):
    "Exactly three of 28 trials are cut, to their longest sound part; no trial is lost, and no other frame"
    tally = cmu.Tally()
    trials = {t.name: t.joints for t in cmu.read_trials(CMU, fps, tally)}
    assert {p.stem: why for p, why in tally.cut.items()} == {"01_06": "a joint moves 608 mm in one frame, 4,755 of 5,133 frames kept",
        "01_07": "a joint moves 565 mm in one frame, 3,364 of 4,839 frames kept",
        "03_02": "a joint moves 815 mm in one frame and no angle above the hips in 50 frames, 315 of 365 frames kept"}
    assert len(trials) == 28 and not tally.left_out and "3 cut, the first 01_06.amc: a joint moves 608 mm" in str(tally)
    if fps == 120:
        assert sum(map(len, trials.values())) == 77754 - (5133 - 4755) - (4839 - 3364) - 50
        assert max((j[1:] - j[:-1]).norm(dim=-1).max() for j in trials.values()) < 190

@pytest.mark.skipif(not CMU.is_dir(), reason="no CMU trials in ../shared/data/cmu")
def test_people_rendered_from_real_cmu_are_sound(capsys):
    "The same trials by the other way, as a copy of the directions; what was cut is said"
    from xvae.data.rendered import cmu_directions, trials_digest
    cmu_directions.cache_clear()
    trials = cmu_directions(str(CMU), trials_digest(CMU))
    assert len(trials) == 28 and len(trials["03_02"]) == len(range(60, 365, 12)) and "3 cut, the first 01_06.amc" in capsys.readouterr().out

# Odd files in a sound folder

def test_duplicates_and_junk(root):
    "A trial twice, in both forms, empty, or of another kind of body is left out and counted"
    for name in "CMU/01/01_01_stageii.npz", "CMU (copy)/01/01_01_poses.npz", "CMU/copy/01/01_01_poses.npz", "CMU/05/05_01_poses.npz":
        (root/name).parent.mkdir(parents=True, exist_ok=True)
        os.link(root/RECORDING, root/name)
    rewrite(root/"CMU/05/05_01_poses.npz", poses=np.zeros((0, 156)))
    np.savez(root/"CMU/01/shape.npz", betas=np.zeros(16)); (root/"CMU/01/._01_02_poses.npz").write_bytes(b"\0\5\26\7")
    told = []
    amass.library(root, 10, report=told.append)
    assert told[0].files == 2 and {str(p.relative_to(root)): why for p, why in told[0].left_out.items()} == {
        "CMU/01/01_01_stageii.npz": "the same trial again", "CMU/copy/01/01_01_poses.npz": "the same trial again", "CMU/05/05_01_poses.npz": "no frames"}

def test_one_frame(root):
    "A recording of one frame is one pose"
    rewrite(root/RECORDING, poses=lambda z: z["poses"][:1]); (root/"CMU/02/02_02_stageii.npz").unlink()
    assert len(amass.library(root, 7, report=None)) == 7

@pytest.mark.parametrize("gender", ["male", b"male", "Male", "b'male'"])
@pytest.mark.parametrize("rate", ["mocap_framerate", "mocap_frame_rate"])
def test_spellings(root, gender, rate):
    "Frame rate and gender in all their spellings"
    rewrite(root/RECORDING, gender=np.array(gender), **({} if rate == "mocap_framerate" else dict(mocap_framerate=None, mocap_frame_rate=np.array([120.0]))))
    r = amass.read_recording(root/RECORDING)
    assert (r.gender, r.fps, r.kind) == ("male", 120.0, "smplh")

def test_smplx_models(root):
    "A newer recording takes an SMPL-X model if there is one, with its own shapes; expressions are no shapes"
    with np.load(root/"body_models/smplh/neutral/model.npz") as z: m = {k: z[k] for k in z}
    shapes = np.concatenate([m["shapedirs"][..., :10], np.full((6890, 3, 10), 7.0)], -1)
    (to := root/"body_models/smplx/SMPLX_NEUTRAL.npz").parent.mkdir()
    np.savez(to, v_template=m["v_template"], shapedirs=shapes, J_regressor=np.concatenate([m["J_regressor"], np.zeros((3, 6890))]),
        kintree_table=np.concatenate([m["kintree_table"], np.zeros((2, 3), m["kintree_table"].dtype)], 1), joint2num=np.array({}, dtype=object))
    r = amass.read_recording(root/"CMU/02/02_02_stageii.npz")
    path, betas = amass.body_for(r, amass.find_bodies(root))
    assert path == to and betas is r.betas and amass.read_body(path).shapes.shape == (23, 3, 10)

# Damage

def nothing(root): (root/RECORDING).unlink(); (root/"CMU/02/02_02_stageii.npz").unlink()
def empty_file(path): path.unlink(); path.touch()
def a_pickle(path): path.unlink(); path.write_bytes(pickle.dumps(dict(poses=np.zeros((9, 156)))))
def an_array(path): path.unlink(); np.save(path.with_suffix(".npy"), np.zeros((9, 156))); path.with_suffix(".npy").rename(path)
def flipped_bits(path):
    content = bytearray(path.read_bytes()); path.unlink()
    content[len(content)//2] ^= 255
    path.write_bytes(content)

@pytest.mark.parametrize("damage, words", [
    (cut_off, ["expected a whole .npz file", "copy or unpack"]),
    (empty_file, ["expected a whole .npz file"]),
    (a_pickle, ["expected a whole .npz file"]),
    (an_array, ["expected a whole .npz file"]),
    (flipped_bits, ["expected a whole .npz file"]),
    (dict(poses=None), ["has no poses", "is it a recording of AMASS?"]),
    (dict(betas=None), ["has no betas"]),
    (dict(gender=None), ["has no gender"]),
    (dict(mocap_framerate=None), ["has no mocap_frame_rate"]),
    (dict(poses=np.zeros((20, 72))), ["(20, 72)", "72 numbers are SMPL's, expected SMPL+H"]),
    (dict(poses=np.zeros((20, 52, 3))), ["(20, 52, 3), expected floats (frames, 156)"]),
    (dict(poses=np.zeros((20, 156), int)), ["int64"]),
    (dict(poses=np.array([{}], dtype=object)), ["Object arrays cannot be loaded"]),
    (dict(poses=lambda z: np.where(np.arange(120)[:, None] == 50, np.nan, z["poses"])), ["not finite", "frame 50"]),
    (dict(poses=lambda z: np.degrees(z["poses"])), ["expected radians", "turn its degrees"]),
    (dict(betas=np.full(16, np.inf)), ["betas", "finite"]),
    (dict(betas=np.array("tall")), ["betas"]),
    (dict(gender=np.array("unknown")), ["gender is 'unknown', expected male, female or neutral"]),
    (dict(gender=np.array("female")), ["its gender is female, and there is no model of that", "found smplh male, smplh neutral"]),
    (dict(mocap_framerate=np.array(0.0083)), ["0.0083, expected 1 to 1000"]),
    (dict(mocap_framerate=np.array("fast")), ["the frame rate is fast"]),
    (dict(mocap_framerate=np.array(np.nan)), ["the frame rate is nan"]),
], ids=lambda x: getattr(x, "__name__", None) or (next(iter(x)) if isinstance(x, dict) else ""))
def test_damaged_recording(root, damage, words):
    "One line names the recording"
    if callable(damage): damage(root/RECORDING)
    else: rewrite(root/RECORDING, **damage)
    with pytest.raises((ValueError, FileNotFoundError)) as error: amass.library(root, 10)
    one_line(error, "01/01_01" if "found smplh male, smplh neutral" in words else root/RECORDING, *words)

def swapped(z): # the rows of left and right exchanged
    order = np.arange(52); order[[1, 2, 4, 5, 7, 8, 16, 17, 20, 21]] = [2, 1, 5, 4, 8, 7, 17, 16, 21, 20]
    return z["J_regressor"][order]

@pytest.mark.parametrize("damage, words", [
    (cut_off, ["expected a whole .npz file"]),
    (empty_file, ["expected a whole .npz file"]),
    (flipped_bits, ["expected a whole .npz file"]),
    (a_pickle, ["expected a whole .npz file"]),
    (dict(J_regressor=None), ["has no J_regressor", "Extended SMPL+H model"]),
    (dict(v_template=None, kintree_table=None), ["has no v_template, kintree_table"]),
    (dict(J_regressor=lambda z: z["J_regressor"][:24]), ["(24, 6890), expected (52, 6890)"]),
    (dict(J_regressor=np.array({}, dtype=object)), ["Object arrays cannot be loaded"]),
    (dict(J_regressor=lambda z: z["J_regressor"].ravel()), ["expected (52, 6890)"]),
    (dict(J_regressor=swapped), ["left is right", "SMPL+H's order"]),
    (dict(v_template=lambda z: 1000*z["v_template"]), ["expected 0.5 to 1.2 m", "in metres?"]),
    (dict(v_template=lambda z: z["v_template"][:, [0, 2, 1]]), ["not upright along y"]),
    (dict(v_template=lambda z: z["v_template"][:5000]), ["v_template is (5000, 3)", "expected (6890, 3)"]),
    (dict(v_template=lambda z: z["v_template"]*np.nan), ["not finite"]),
    (dict(shapedirs=lambda z: z["shapedirs"][..., 0]), ["shapedirs (6890, 3)"]),
    (dict(kintree_table=lambda z: z["kintree_table"][:, ::-1]), ["kintree_table gives the parents"]),
], ids=lambda x: getattr(x, "__name__", None) or ("+".join(x) if isinstance(x, dict) else ""))
def test_damaged_model(root, damage, words):
    "One line names the model"
    if callable(damage): damage(root/MODEL)
    else: rewrite(root/MODEL, **damage)
    with pytest.raises(ValueError) as error: amass.library(root, 10)
    one_line(error, root/MODEL, *words)

def test_nothing_there(root, tmp_path):
    "No folder, no recording, only the archive, no model, only pickles"
    def told(n=10, where=root, **kwargs):
        with pytest.raises((FileNotFoundError, ValueError)) as error: amass.library(where, n, **kwargs)
        return str(error.value)
    assert told(where=root/"nowhere").startswith(f"{root/'nowhere'}: no such folder; expected recordings of AMASS")
    assert told(0) == "n is 0: expected at least one pose"
    (root/MODEL).unlink(); (root/"body_models/smplh/neutral/model.npz").unlink()
    (root/"body_models/SMPLH_male.pkl").write_bytes(b"")
    assert "holds no body model; the .pkl files there are pickles, which are not read; expected model.npz" in told()
    nothing(root)
    assert "CMU: holds no recording; expected recordings of AMASS" in told()
    (root/"CMU.tar.bz2").touch()
    assert "CMU.tar.bz2 is there: unpack it" in told()

def test_no_pickle_runs(root, tmp_path):
    "A recording and a model that hold pickles are refused, or what is pickled is not looked at; nothing of it runs"
    class Harm:
        def __reduce__(self): return os.mkdir, (str(tmp_path/"harm"),)
    for path, keys in ((root/RECORDING, ("poses", "extra")), (root/MODEL, ("J_regressor", "extra"))):
        for key in keys:
            with np.load(path) as z: whole = {k: z[k] for k in z}
            path.unlink()
            np.savez(path, **whole | {key: np.array([Harm()], dtype=object)})
            if key == "extra": assert len(amass.library(root, 5, report=None)) == 5
            else:
                with pytest.raises(ValueError, match="Object arrays cannot be loaded"): amass.library(root, 5)
                path.unlink(); np.savez(path, **whole)
        path.unlink(); np.savez(path, **{k: v for k, v in whole.items() if k != "extra"})
    assert not (tmp_path/"harm").exists()

# ASF, AMC and BVH

@pytest.fixture
def raw(tmp_path):
    "A trial in each form, in folders of their own"
    bones, motion = fixtures.cmu_bones(), fixtures.cmu_walk(36, 1)
    for folder in "amc", "bvh": (tmp_path/folder).mkdir()
    (tmp_path/"amc/01.asf").write_text(fixtures.asf_text(bones), encoding="utf-8")
    (tmp_path/"amc/01_01.amc").write_text(fixtures.amc_text(motion), encoding="utf-8")
    (tmp_path/"bvh/01_01.bvh").write_text(fixtures.bvh_text(bones, motion), encoding="utf-8")
    return tmp_path

def change(old, new, count=-1):
    "Text exchanged, which must be there"
    def f(path):
        assert re.search(old, text := path.read_text(encoding="utf-8"), re.M)
        path.write_text(re.sub(old, new, text, count=max(0, count), flags=re.M), encoding="utf-8")
    return f

def scaled(key, factor):
    "All numbers of the lines that begin so, times a factor"
    def f(path):
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        path.write_text("\n".join(" ".join([w[0], *(f"{factor*float(v):.6f}" for v in w[1:])]) if re.fullmatch(key, w[0] if w else "") else " ".join(w) for w in lines), encoding="utf-8")
    return f

def radians(path):
    "Everything after the frame numbers and the names, divided by 57.3"
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    number = lambda w: f"{np.radians(float(w)):.6f}"
    if path.suffix == ".amc": new = [[w[0], *map(number, w[1:])] if len(w) > 1 and w[0][0] != "#" else w for w in lines]
    else: new = [[*w[:3], *map(number, w[3:])] if len(w) > 90 else w for w in lines]
    path.write_text("\n".join(map(" ".join, new)), encoding="utf-8")

def binary(path): path.write_bytes(bytes(range(256))*40)

# Dialects of ASF and AMC

def in_radians(path, heading=True):
    "Angles of a skeleton or of a trial in radians, and said to be"
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    rad = lambda numbers: [f"{np.radians(float(v)):.12g}" for v in numbers]
    def line(w):
        if w[:2] == ["angle", "deg"]: return ["angle", "rad"]
        if w[:1] == ["axis"] and len(w) == 5: return ["axis", *rad(w[1:4]), w[4]]
        if w[:1] == [":DEGREES"]: return [":RADIANS"]
        if path.suffix == ".asf" or len(w) < 2 or w[0][0] == "#": return w
        return [*w[:4], *rad(w[4:])] if w[0] == "root" else [w[0], *rad(w[1:])]
    path.write_text("\n".join(" ".join(line(w)) for w in lines), encoding="utf-8")

def joints_of(folder):
    (trial,) = cmu.clips(folder, fps=120)
    return trial.joints

@pytest.mark.parametrize("which", [[".asf"], [".amc"], [".asf", ".amc"]])
def test_radians_give_the_same_joints(raw, which):
    "A skeleton, a trial or both in radians: the twin in degrees"
    expected = joints_of(raw/"amc")
    for path in sorted((raw/"amc").iterdir()):
        if path.suffix in which: in_radians(path)
    assert (joints_of(raw/"amc") - expected).abs().max() < 0.01

@pytest.mark.parametrize("order", ["TX TY TZ RZ RY RX", "tx ty tz ry rx rz", "RX RY RZ TX TY TZ", "TZ TY TX RX RZ RY"])
def test_order_of_the_root(raw, order):
    "Channels in another order, and rotations of the world's axes one after the other in that order: against SciPy"
    from scipy.spatial.transform import Rotation
    names, text = order.lower().split(), (raw/"amc/01_01.amc").read_text(encoding="utf-8")
    angles = np.linspace(1, 2, 36)[:, None] * [15, -20, 25] # about x, y, z
    place = np.array([line.split()[1:4] for line in text.splitlines() if line.startswith("root")], float)
    values = {**dict(zip(("tx", "ty", "tz"), place.T)), **dict(zip(("rx", "ry", "rz"), angles.T))}
    rows = iter(zip(*(values[n] for n in names)))
    (raw/"amc/01_01.amc").write_text("\n".join(f"root {' '.join(map(str, next(rows)))}" if line.startswith("root") else line for line in text.splitlines()), encoding="utf-8")
    change("order .*", f"order {order}")(raw/"amc/01.asf")
    turned, known = joints_of(raw/"amc").double().numpy(), cmu_still(raw, place, text)
    R = Rotation.from_euler("".join(n[1] for n in names if n[0] == "r"), [[dict(zip("xyz", a))[n[1]] for n in names if n[0] == "r"] for a in angles], degrees=True).as_matrix()
    up = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0.0]]) # y up to z up
    at = place @ up.T * 25.4 / 0.45
    assert np.abs(np.einsum("tij,tnj->tni", up @ R @ up.T, known - at[:, None]) + at[:, None] - turned).max() < 0.01

def cmu_still(raw, place, text):
    "The joints if the root were not turned, mm, z up"
    folder = raw/"still"
    folder.mkdir()
    rows = iter(place)
    (folder/"01_01.amc").write_text("\n".join(f"root {' '.join(map(str, next(rows)))} 0 0 0" if line.startswith("root") else line for line in text.splitlines()), encoding="utf-8")
    (folder/"01.asf").write_text(fixtures.asf_text(fixtures.cmu_bones()), encoding="utf-8")
    return joints_of(folder).double().numpy()

def test_words_that_move_no_joint(raw):
    "Masses, limits on lines of their own, notes that look like keywords, comments, capitals, commas and brackets"
    expected, file = joints_of(raw/"amc"), raw/"amc/01.asf"
    for old, new in (("a made-up person", ":see the manual\nlength 3 and angle rad"), ("^( *)id 1$", "id 1 # the first\nbodymass 2.5\ncofmass 0.5"),
                     (":units", ":UNITS"), ("^( *)axis XYZ", "axis ZYX"), ("dof rx ry rz", "dof RX, RY, RZ"), (":bonedata", "# :tree\n:skin somebody.sk\n:bonedata")):
        change(old, new, 1)(file)
    assert torch.equal(joints_of(raw/"amc"), expected)

@pytest.mark.parametrize("name, damage, words", [
    ("01_01.amc", cut_off, ["cut off"]),
    ("01_01.amc", empty_file, ["expected a line :DEGREES"]),
    ("01_01.amc", binary, ["copy or unpack the file again"]),
    ("01_01.amc", change("^:DEGREES", ":RADIANS"), ["expected a line :DEGREES"]),
    ("01_01.amc", radians, ["no angle reaches 6.3, expected degrees"]),
    ("01_01.amc", change("^(lfemur .*)$", r"\1 1"), ["expected 'lfemur' and 3 numbers"]),
    ("01_01.amc", change("^rtibia .*$", "rtibia nan"), ["expected 'rtibia' and 1 number"]),
    ("01_01.amc", change("^13$", "14"), ["expected the number of frame 13"]),
    ("01_01.amc", change("^head", "skull"), ["bone 'skull' is not in the skeleton", "right .asf?"]),
    ("01_01.amc", change("^lwrist .*\n", ""), ["expected one line for each of"]),
    ("01.asf", cut_off, ["copy or unpack the file again"]),
    ("01.asf", empty_file, ["has no section :units"]),
    ("01.asf", lambda path: path.unlink(), ["no such file", "expected the skeleton"]),
    ("01.asf", change("^:hierarchy", ":tree"), ["has no section :hierarchy"]),
    ("01.asf", change("length 0.45", "length much"), ["not a whole skeleton"]),
    ("01.asf", change("length 0.45", "width 0.45"), ["the unit 'width' is not understood, expected mass, length, angle"]),
    ("01.asf", change("angle deg", ""), ["says 0 times what its angles are in"]),
    ("01.asf", change("angle deg", "angle grad"), ["the unit of angles 'grad' is not understood, expected deg, rad"]),
    ("01.asf", change(":version 1.10", ":version 2.0"), ["the version '2.0' is not understood"]),
    ("01.asf", change(":bonedata", ":scale 2\n:bonedata"), ["the keyword ':scale' is not understood"]),
    ("01.asf", change(":bonedata", ":units\nangle rad\n:bonedata"), ["has :units twice"]),
    ("01.asf", change("^( *)position .*", "position 0 1 0"), ["the root's position is 0 1 0, expected 0 0 0"]),
    ("01.asf", change(":bonedata", "orientation 0 90 0\n:bonedata"), ["the root's orientation is 0 90 0, expected 0 0 0"]),
    ("01.asf", change(":bonedata", "offset 1\n:bonedata"), ["the root's 'offset' is not understood"]),
    ("01.asf", change("order TX TY TZ RX RY RZ", "order TX TY TZ RX RY"), ["expected each of TX TY TZ RX RY RZ once"]),
    ("01.asf", change("XYZ$(?=\r?\n *dof)", "ZYX"), ["order of axes 'ZYX' is not understood, expected XYZ"]),
    ("01.asf", change("dof rx ry rz", "dof rx ry l"), ["dof 'l' is not understood, expected rx, ry, rz"]),
    ("01.asf", change("dof rx ry rz", "dof rz ry rx"), ["expected the order rx ry rz"]),
    ("01.asf", change("^( *)length 7", "stretch 2\nlength 7"), ["'stretch' is not understood, expected id, name"]),
    ("01_01.amc", change(":FULLY-SPECIFIED", ":SAMPLES-PER-SECOND 60"), ["the keyword ':SAMPLES-PER-SECOND 60' is not understood"]),
    ("01_01.amc", change(":FULLY-SPECIFIED", ":RADIANS"), ["expected a line :DEGREES or a line :RADIANS"]),
    ("01.asf", change("name lfemur", "name lthigh"), ["bone 'lfemur' is in :hierarchy but not in :bonedata"]),
    ("01.asf", change("lowerback", "waist"), ["01_01.amc: ", "bone 'lowerback' is not in the skeleton"]), # sound in itself
    ("01.asf", change("length 0.45", "length 4.5"), ["01_01.amc: ", "expected 500 to 1200", "unit"]),
], ids=lambda x: getattr(x, "__name__", None) or (x if isinstance(x, str) else ""))
def test_damaged_amc(raw, name, damage, words):
    "One line names the file"
    damage(raw/"amc"/name)
    with pytest.raises((ValueError, FileNotFoundError)) as error: cmu.library(raw/"amc", 5)
    one_line(error, raw/"amc"/("" if words[0] == "01_01.amc: " else name), *words)

@pytest.mark.parametrize("damage, words", [
    (cut_off, ["cut off"]),
    (lambda path: cut_off(path, 0.1), ["has no line MOTION"]),
    (empty_file, ["has no line MOTION"]),
    (binary, ["has no line MOTION"]),
    (change(r"^Frames: \d+", "Frames: 300"), ["expected 300 frames, as it says, and found 37", "cut off"]),
    (change(r"^Frames: \d+", "Frames: many"), ["expected 'Frames: 100'"]),
    (change("^Frame Time: .*", "Frame Time: 120"), ["Frame Time is 120.0, expected seconds"]),
    (change("^Frame Time: .*", "Frame Time: nan"), ["expected 'Frames: 100' and 'Frame Time"]),
    (change(r"\S+$(?!\n.)", "nan"), ["expected 96 numbers, got nan"]),
    (change(r" \S+$(?!\n.)", ""), ["expected 96 numbers, got 95 numbers"]),
    (change("}", "", 1), ["not a whole HIERARCHY"]),
    (change("OFFSET", "PLACE", 1), ["not a whole HIERARCHY", "'PLACE'"]),
    (change("CHANNELS 3 Zrotation", "CHANNELS 3 Zposition", 1), ["positions at the root alone"]),
    (change("LeftUpLeg", "LeftHip"), ["no joint LeftUpLeg", "CMU conversion"]),
    (scaled("OFFSET", 2.54), ["expected 500 to 1200", "unit"]),
    (radians, ["no angle reaches 6.3, expected degrees"]),
    (change(r"(JOINT (?:Left|Right)Hand\s*{\s*OFFSET) \S+ \S+ \S+", r"\1 0.1 0 0"), ["forearms of", "is a bone missing?"]),
    (change(r"^Frames: \d+\n(.*\n.*\n)[^$]*", r"Frames: 1\n\1"), ["no frame beside the T-pose"]),
], ids=lambda x: getattr(x, "__name__", "") or (x[0] if isinstance(x, list) else ""))
def test_damaged_bvh(raw, damage, words):
    "One line names the file"
    damage(path := raw/"bvh/01_01.bvh")
    with pytest.raises(ValueError) as error: cmu.library(raw/"bvh", 5)
    told = str(error.value)
    assert told.startswith(f"{path}: ") and len(told.splitlines()) == 1 and all(w in told for w in words), told

def test_odd_among_sound(raw):
    "One trial of another unit among sound ones is left out and counted"
    (raw/"bvh/01_02.bvh").write_text((raw/"bvh/01_01.bvh").read_text(encoding="utf-8"), encoding="utf-8")
    scaled("OFFSET", 2.54)(raw/"bvh/01_01.bvh")
    told = []
    cmu.library(raw/"bvh", 5, report=told.append)
    assert told[0].files == 1 and "expected 500 to 1200" in told[0].left_out[raw/"bvh/01_01.bvh"] and "1 left out, the first 01_01.bvh" in str(told[0])

def leap(motion): motion["root"][170:, 0] += 1000/25.4*0.45 # one metre, after frame 170 of 240
def flung(motion): motion["lhumerus"][170:, 2] += 150 # an arm, in one frame
def blank(motion):
    for bone, angles in motion.items(): angles[170:] *= bone[1:] in ("oot", "hipjoint", "femur", "tibia", "foot", "toes")
def swing(motion): motion["lhumerus"][:, 2] += 70*np.sin(np.arange(240)*2*np.pi/24) # 5 times a second by 140 degrees: 13 m/s

@pytest.mark.parametrize("form", ["amc", "bvh"])
@pytest.mark.parametrize("harm, words", [(leap, "a joint moves 1[0-9]{3} mm in one frame"), (flung, "a joint moves [0-9]{3,4} mm in one frame"),
    (blank, "no angle above the hips in 70 frames"), (swing, "")], ids=lambda x: getattr(x, "__name__", ""))
def test_broken_take(tmp_path, form, harm, words):
    "A jump and blank frames are found, named and cut out, in both forms and for both users; fast motion stays"
    bones, motion = fixtures.cmu_bones(), fixtures.cmu_walk(240, 0)
    harm(motion)
    if form == "amc": (tmp_path/"01.asf").write_text(fixtures.asf_text(bones), encoding="utf-8"); (tmp_path/"01_01.amc").write_text(fixtures.amc_text(motion), encoding="utf-8")
    else: (tmp_path/"01_01.bvh").write_text(fixtures.bvh_text(bones, motion), encoding="utf-8")
    tally, told = cmu.Tally(), []
    (trial,) = cmu.read_trials(tmp_path, tally=tally)
    cmu.library(tmp_path, 50, report=told.append)
    assert len(trial.joints) == (15 if words else 20) and tally.frames == told[0].frames == 240 and tally.cut == told[0].cut
    if not words: assert not tally.cut; return
    ((path, why),) = tally.cut.items()
    assert path.name == f"01_01.{form}" and re.search(words, why) and why.endswith(", 170 of 240 frames kept") and f"1 cut, the first {path.name}: {why}" in str(tally)

@pytest.mark.parametrize("harm", ["arm", "blank"])
def test_broken_recording(root, harm):
    "The same in a recording of AMASS"
    def broken(z):
        poses = z["poses"].reshape(len(z["poses"]), -1, 3).copy()
        if harm == "arm": poses[70:, amass.BODY_JOINTS.index("L_shoulder")] += 2.5
        else: poses[70:, amass.ABOVE] = 0
        return poses.reshape(len(poses), -1)
    rewrite(root/RECORDING, poses=broken)
    tally = cmu.Tally()
    trials = {t.name: t.joints for t in amass.clips(root, tally=tally)}
    ((path, why),) = tally.cut.items()
    assert path == root/RECORDING and why.endswith("70 of 120 frames kept") and len(trials["01/01_01"]) == 6 and len(trials["02/02_02"]) == 10

def test_nothing_but_blank(tmp_path):
    "A trial without a sound frame is left out; if it is the only one, it is an error"
    bones, motion = fixtures.cmu_bones(), fixtures.cmu_walk(24, 0)
    for name in motion: motion[name][:, 3 if name == "root" else 0:] = 0
    motion["root"][:, 3:] = 20
    (tmp_path/"01.asf").write_text(fixtures.asf_text(bones), encoding="utf-8"); (tmp_path/"01_01.amc").write_text(fixtures.amc_text(motion), encoding="utf-8")
    with pytest.raises(ValueError, match="01_01.amc: no angle above the hips in 24 frames, 0 of 24 frames kept; nothing else"): cmu.read_trials(tmp_path)

def test_empty_folder(tmp_path):
    "A folder without trials, and none"
    for folder in tmp_path, tmp_path/"nowhere":
        with pytest.raises(FileNotFoundError, match="expected CMU trials, such as subjects/01/01.asf"): cmu.library(folder, 5)

# Scale

PEAK = """
import resource, sys, torch
torch.set_num_threads(1)
from xvae.data import amass
poses = amass.library(sys.argv[1], 500, fps=120, report=print)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""

def test_memory_stays_flat(sound, tmp_path):
    "Ten times as many recordings, no more memory"
    peaks = []
    poses, trans = fixtures.walk(3000, 120.0, 0)
    np.savez(tmp_path/"one.npz", **fixtures.recording_keys("01_01_poses", 120.0, "male", np.zeros(16), poses, trans))
    for n in 8, 80:
        root = tmp_path/str(n)
        (root/"male").mkdir(parents=True); os.link(sound/MODEL, root/"male/model.npz")
        (root/"CMU/01").mkdir(parents=True)
        for k in range(n): os.link(tmp_path/"one.npz", root/f"CMU/01/01_{k:02}_poses.npz")
        done = subprocess.run([sys.executable, "-c", PEAK, root], capture_output=True, text=True, check=True)
        hours, peak = done.stdout.split("\n")[:2]
        assert hours.startswith(f"{n*3000/120/3600:.2f} h read, {n*3000:,} frames in {n} files")
        peaks.append(int(peak)/1024) # MiB
    assert peaks[1] - peaks[0] < 25, peaks # all joints held would be 42 MiB more, all files 260
