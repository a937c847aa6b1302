"The table of expected and found: fine on fixtures, and never at a loss on damaged ones"
import json, shutil, sys
import h5py, numpy as np, pytest
from PIL import Image
from scipy.io import loadmat, savemat
from xvae.data import check as module
from xvae.data.check import CHECKS, Finding, check, checks, main, table
from xvae.data.fixtures import CAMERAS, write_cdf, write_fixture
from xvae.data.shoev2 import FORMS
from conftest import ROOT, run

SMALL = dict(human36m=dict(subjects=(1, 9, 11), actions=("Directions",), frames=3), human36m_mmpose=dict(subjects=(1,), actions=("WalkDog",)),
             lsp=dict(n=8), lspet=dict(n=8), mpii={}, amass=dict(seconds=0.5), cmu=dict(frames=60), pictures=dict(frames=3),
             shoev2={})

@pytest.fixture(scope="module")
def store(tmp_path_factory):
    out = tmp_path_factory.mktemp("checked")
    for name, settings in SMALL.items(): write_fixture(name, out, **settings)
    return out

@pytest.fixture
def copy(store, tmp_path):
    return lambda name: shutil.copytree(store/name, tmp_path/name)

def different(findings): return [f for f in findings if f.ok is False]

@pytest.mark.parametrize("name", SMALL)
def test_fixtures_are_fine(store, name):
    findings = check("human36m" if "mmpose" in name else name, store/name, part=True, every=1)
    assert len(findings) > 3 and not different(findings), table(different(findings))

@pytest.mark.parametrize("name", ["human36m", "lsp", "lspet", "mpii", "amass", "shoev2"])
def test_a_part_is_not_the_whole(store, name):
    bad = different(check(name, store))
    assert bad and all(f.remedy for f in bad)

def cut(path, keep=300): path.write_bytes(path.read_bytes()[:keep])
def first(root, pattern): return sorted(root.rglob(pattern))[0]

def exchange_sides(root):
    "Left and right of every mono pose exchanged"
    import cdflib
    for path in root.rglob("D3_Positions_mono/Directions*.cdf"):
        pose = cdflib.CDF(path)["Pose"][0].reshape(-1, 32, 3).copy()
        pose[:, 1:6], pose[:, 6:11] = pose[:, 6:11].copy(), pose[:, 1:6].copy()
        path.unlink(); write_cdf(path, pose.reshape(len(pose), 96))

def in_metres(root):
    import cdflib
    for path in root.rglob("D3_Positions_mono/Directions*.cdf"):
        pose = cdflib.CDF(path)["Pose"][0] / 1000
        path.unlink(); write_cdf(path, pose)

def with_nan(root):
    import cdflib
    path = first(root, "D3_Positions_mono/Directions*.cdf"); pose = cdflib.CDF(path)["Pose"][0].copy(); pose[1, 5] = np.nan
    path.unlink(); write_cdf(path, pose)

def exchange_masks(root):
    for path in root.rglob("ground_truth_bb/*1.54138969.mat"):
        with h5py.File(path, "r+") as f: f["#refs#/f0"][...] = 0; del f["Masks"]

def flags(root):
    path = first(root, "joints.mat"); joints = loadmat(path)["joints"]; joints[2 if len(joints) == 3 else slice(None), ..., :] = 1 - joints[2 if len(joints) == 3 else slice(None), ..., :]
    savemat(path, dict(joints=joints))

def other_joints(root): path = first(root, "joints.mat"); savemat(path, dict(joints=loadmat(path)["joints"][:, :13]))

def as_black_squares(root):
    "SVG to PNG by a tool that forgets the white of the paper"
    for path in root.rglob("*.svg"): Image.new("RGB", (256, 256)).save(path.with_suffix(".png")); path.unlink()

DAMAGES = {
    "human36m: pose cut off": ("human36m", lambda r: cut(first(r, "D3_Positions_mono/Directions*.cdf"))),
    "human36m: D2 cut off": ("human36m", lambda r: cut(first(r, "D2_Positions/Directions*.cdf"))),
    "human36m: empty world": ("human36m", lambda r: cut(first(r, "D3_Positions/Directions*.cdf"), 0)),
    "human36m: 14 joints": ("human36m", lambda r: (p := first(r, "D3_Positions_mono/Directions*.cdf"), p.unlink(), write_cdf(p, np.zeros((3, 42))))),
    "human36m: metres": ("human36m", in_metres), "human36m: not a number": ("human36m", with_nan), "human36m: sides": ("human36m", exchange_sides),
    "human36m: video cut off": ("human36m", lambda r: cut(first(r, "Videos/Directions*.mp4"))),
    "human36m: video empty": ("human36m", lambda r: cut(first(r, "Videos/Directions*.mp4"), 0)),
    "human36m: masks gone": ("human36m", exchange_masks),
    "human36m: another camera": ("human36m", lambda r: shutil.copy(first(r, "D2_Positions/Directions*9.cdf"), first(r, "D2_Positions/Directions*8.cdf"))
        and shutil.copy(first(r, "D2_Positions/Directions 1.54138969.cdf"), r/"S1/MyPoseFeatures/D2_Positions/Directions 1.55011271.cdf")),
    "human36m: strange name": ("human36m", lambda r: shutil.copy(first(r, "D3_Positions_mono/Directions*.cdf"), r/f"S1/MyPoseFeatures/D3_Positions_mono/Dancing.{CAMERAS[0]}.cdf")),
    "mmpose: list cut off": ("human36m_mmpose", lambda r: cut(first(r, "*.npz"))),
    "mmpose: pictures gone": ("human36m_mmpose", lambda r: shutil.rmtree(first(r, "images"))),
    "mmpose: picture cut off": ("human36m_mmpose", lambda r: cut(first(r, "*.jpg"))),
    "lsp: flags": ("lsp", flags), "lspet: flags": ("lspet", flags), "lsp: 13 joints": ("lsp", other_joints),
    "lsp: list cut off": ("lsp", lambda r: cut(first(r, "joints.mat"))), "lsp: picture cut off": ("lsp", lambda r: cut(first(r, "im0001.jpg"), 40)),
    "lsp: picture gone": ("lsp", lambda r: first(r, "im0003.jpg").unlink()),
    "mpii: list cut off": ("mpii", lambda r: cut(first(r, "*.mat"))), "mpii: some pictures gone": ("mpii", lambda r: first(r, "000000001.jpg").unlink()),
    "mpii: picture cut off": ("mpii", lambda r: cut(first(r, "000000001.jpg"), 40)),
    "amass: recording cut off": ("amass", lambda r: cut(first(r, "*_poses.npz"))), "amass: no model": ("amass", lambda r: shutil.rmtree(r/"body_models")),
    "amass: model cut off": ("amass", lambda r: cut(first(r, "model.npz"))), "amass: no recordings": ("amass", lambda r: shutil.rmtree(r/"CMU")),
    "cmu: recording cut off": ("cmu", lambda r: cut(first(r, "*.amc"), 500)), "cmu: skeleton cut off": ("cmu", lambda r: cut(first(r, "*.asf"), 500)),
    "cmu: bvh cut off": ("cmu", lambda r: cut(first(r, "*.bvh"), 500)),
    "pictures: JSON cut off": ("pictures", lambda r: cut(first(r, "anna*.json"), 20)), "pictures: video cut off": ("pictures", lambda r: cut(first(r, "*.mp4"))),
    "pictures: mask of another size": ("pictures", lambda r: shutil.copy(r/"masks/run_000000000000.png", r/"masks/anna.png")),
    "pictures: nothing": ("pictures", lambda r: [p.unlink() for p in r.rglob("*.*")]),
    "shoev2: list gone": ("shoev2", lambda r: (r/"sketch_test.txt").unlink()), "shoev2: list cut off": ("shoev2", lambda r: cut(r/"photo_train.txt", 30)),
    "shoev2: photo cut off": ("shoev2", lambda r: cut(first(r, "ShoeV2_photo/*.png"))), "shoev2: photos gone": ("shoev2", lambda r: shutil.rmtree(r/"ShoeV2_photo")),
    "shoev2: sketch gone": ("shoev2", lambda r: first(r, "ShoeV2_sketch/*.svg").unlink()), "shoev2: sketch cut off": ("shoev2", lambda r: cut(first(r, "*.svg"), 80)),
    "shoev2: sketches without alpha": ("shoev2", as_black_squares), "shoev2: on both sides": ("shoev2", lambda r: shutil.copy(r/"photo_train.txt", r/"photo_test.txt"))}

@pytest.mark.parametrize("what", DAMAGES)
def test_damage_is_a_finding(copy, what):
    name, damage = DAMAGES[what]
    damage(root := copy(name))
    bad = different(check("human36m" if "mmpose" in name else name, root, part=True, every=1))
    assert bad and all(f.remedy for f in bad), what
    assert "->" in table(bad, root) and str(root) not in table(bad, root)

def test_rest_of_the_table_stays(copy):
    root = copy("human36m")
    cut(first(root/"S9", "D3_Positions_mono/Directions*.cdf")); cut(first(root, "Videos/Directions*.mp4"))
    findings = check("human36m", root, part=True, every=1)
    assert {"pose files", "videos with masks, all", "S9 bone lengths", "training pictures at stride 5"} <= {f.what for f in findings}
    assert [f.what for f in different(findings)] == ["pose files", "videos with masks, all"]

def test_measured_numbers(store):
    found = {f.what: f for f in check("human36m", store, part=True, every=1)}
    assert float(found["D2 from the projection of D3, most"].found.split()[0]) < 1e-4
    assert float(found["world seen by the cameras from mono, most"].found.split()[0]) < 0.1
    assert found["S1 Directions 1, 54138969, frame 0"].ok and found["S11 Directions, 54138969"].found == "cannot be decoded"
    assert found["S11 bone lengths"].ok is True and found["joints 11 on 0, 16 and 24 on 13"].found.startswith("0.00")

def test_shifted_takes(tmp_path):
    write_fixture("human36m", tmp_path, subjects=(9,), actions=("SittingDown",), frames=3)
    (shifted,) = [f for f in check("human36m", tmp_path, part=True, every=8) if "SittingDown 1" in f.what]
    stored, _, _, moved, *_ = shifted.found.replace(",", "").split()
    assert float(moved) > 0.9 > float(stored)

# A part of a dataset, forms side by side, links, files of other names

def without_pictures(root): shutil.rmtree(next(p for p in root.rglob("images") if p.is_dir()))
def without_videos(root): shutil.rmtree(root/"S1/Videos"); shutil.rmtree(root/"S9/Videos"); shutil.rmtree(root/"S11/Videos")

@pytest.mark.parametrize("name, damage, what", [("lsp", without_pictures, "people whose picture is there"), ("lspet", without_pictures, "people whose picture is there"),
                                                ("mpii", without_pictures, "people whose picture is there"), ("human36m", without_videos, "videos of these poses")])
def test_labels_without_pictures(copy, name, damage, what):
    "With --part the archive that is missing is noted, and without it differs; nothing is said of pictures that nobody looked at"
    damage(root := copy(name))
    found = {f.what: f for f in check(name, root, part=True, every=1)}
    assert not different(found.values()), table(different(found.values()))
    assert found[what].ok is None and found[what].found == "0"
    looked = next(f for w, f in found.items() if w in ("pictures, all", "videos with masks, all"))
    assert looked.found == "none is there to look at" and looked.ok is None
    assert any(f.remedy for f in different(check(name, root, every=1)))

@pytest.mark.parametrize("form", [f for f in FORMS if f != "hdf5"])
def test_three_shoes(tmp_path, form):
    "None of them is for the test, so its lists are empty"
    write_fixture("shoev2", tmp_path, form=form, photos=3)
    found = check("shoev2", tmp_path, part=True, every=1)
    assert len(found) > 10 and not different(found), table(different(found))
    assert different(check("shoev2", tmp_path, every=1))

def test_three_shoes_of_ten(copy):
    "The official lists with the pictures of three shoes; a shoe that is half there differs"
    root = copy("shoev2")
    kept = sorted(p.stem for p in (root/"ShoeV2_photo").iterdir())[:3]
    for path in [*root.glob("ShoeV2_*/*")]:
        if path.stem[:10] not in kept: path.unlink()
    found = {f.what: f for f in check("shoev2", root, part=True, every=1)}
    assert not different(found.values()) and found["listed photos of which something is there"].found == "3"
    (root/f"ShoeV2_photo/{kept[0]}.png").unlink()
    assert [f.what for f in different(check("shoev2", root, part=True, every=1))] == ["every listed photo is there"]

def renamed_bone(root):
    for path in [*root.rglob("*.asf"), *root.rglob("*.amc")]: path.write_text(path.read_text(encoding="utf-8").replace("lhumerus", "lupperarm"), encoding="utf-8")

def lying(root):
    "Everybody turned by a quarter about x in AMC"
    for path in root.rglob("*.amc"):
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        path.write_text("\n".join(" ".join([*w[:4], str(float(w[4]) + 180), *w[5:]] if w[0] == "root" else w) for w in lines), encoding="utf-8")

def large(root):
    for path in root.rglob("*.asf"): path.write_text(path.read_text(encoding="utf-8").replace("length 0.45", "length 0.1"), encoding="utf-8")

@pytest.mark.parametrize("damage, what, says", [(renamed_bone, "recordings, all", "01_01.amc: the skeleton has no bone"),
                                                (lying, "heads above the pelvis", "least in "), (large, "recordings with odd bodies", "01_01.amc: legs of ")])
def test_rows_of_cmu_name_a_file(copy, damage, what, says):
    damage(root := copy("cmu"))
    (row,) = [f for f in check("cmu", root, part=True, every=1) if f.what == what]
    assert says in row.found and ".amc" in row.found and row.ok is not True and (row.remedy or row.ok is None)

def beside(root, name, to=None):
    "Another form of Human3.6M in the same root"
    shutil.copytree(name, root/(to or name.name))

def test_archives_beside_lists(store, copy):
    "Raw folders go before mmpose's list, and the table says so"
    root = copy("human36m_mmpose")
    beside(root, store/"human36m/S1")
    found = {f.what: f for f in check("human36m", root, part=True, every=1)}
    assert not different(found.values()) and "mmpose's lists, which are left aside" in found["forms"].found
    assert found["S1 sequences"].found == "2" and "annotation_body3d" in found["files that are not read"].found

FETCHED = {"MyPoseFeatures/D2_Positions": "Poses_D2_Positions", "MyPoseFeatures/D3_Positions_mono": "Poses_D3_Positions_mono",
           "MyPoseFeatures/D3_Positions": "Poses_D3_Positions", "Videos": "Videos"} # anibali/h36m-fetch, extract_all.py

@pytest.mark.parametrize("inner", ["", "extracted"])
def test_as_h36m_fetch_unpacks(store, tmp_path, inner):
    "Each archive in a folder of its name, in `extracted` or given as it; the same poses, pictures and boxes"
    from xvae.data.human36m import footage, home
    for subject in "S1", "S9", "S11":
        for ours, theirs in FETCHED.items(): shutil.copytree(store/"human36m"/subject/ours, tmp_path/inner/subject/theirs)
    found = {f.what: f for f in check("human36m", tmp_path, part=True, every=1)}
    assert not different(found.values()) and found["pose files"].found == "24 looked at, all can" and found["videos of these poses"].found == "23"
    a, b = footage(tmp_path, (1,)), footage(store/"human36m", (1,))
    assert [f.name for f in a] == [f.name for f in b] and home(tmp_path) == tmp_path/inner
    for x, y in zip(next(a[0].shots()).__dict__.items(), next(b[0].shots()).__dict__.items()):
        if x[0] in ("image", "joints", "joints_2d"): assert np.array_equal(x[1], y[1])

@pytest.mark.parametrize("there, says", [
    ("extracted/S1/Poses_D3_Positions_mono_universal/Directions 1.54138969.cdf", "its skeleton is one for all subjects"),
    ("processed/S1/Directions-1/annot.h5", "h36m-fetch's pictures"), ("archives/Videos_S1.tgz", "an archive: unpack it"),
    ("data_3d_h36m.npz", "VideoPose3D's poses"), ("annotations/Human36M_subject1_data.json", "3DMPPE or Pose2Mesh"),
])
def test_forms_that_are_not_read_are_named(tmp_path, there, says):
    "And nothing was looked at"
    from xvae.data.human36m import footage
    (tmp_path/there).parent.mkdir(parents=True, exist_ok=True); (tmp_path/there).write_text("", encoding="utf-8")
    found = {f.what: f for f in check("human36m", tmp_path, part=True)}
    assert says in found["Human3.6M"].found and found["Human3.6M"].ok is False and found["pose files"].found == "none is there to look at"
    with pytest.raises(FileNotFoundError, match="nothing of|no poses|no Human3.6M") as error: footage(tmp_path)
    assert says in str(error.value)

@pytest.mark.parametrize("name, folder", [("cmu", "subjects/01"), ("cmu", "data"), ("amass", "CMU/01"), ("amass", "body_models"), ("pictures", "json")])
def test_linked_folders_are_read(copy, tmp_path, name, folder):
    "The same as if they were there; a link to a folder above is not followed for ever"
    root = copy(name)
    if name == "pictures":
        (root/"json").mkdir()
        for path in root.glob("run_*.json"): path.rename(root/"json"/path.name)
    before = [f for f in check(name, root, part=True, every=1)]
    shutil.move(root/folder, tmp_path/"elsewhere"); (root/folder).symlink_to(tmp_path/"elsewhere")
    (tmp_path/"elsewhere/above").symlink_to(root)
    assert [(f.what, f.found) for f in check(name, root, part=True, every=1)] == [(f.what, f.found) for f in before]

def test_files_of_other_names_are_counted_and_named(copy, tmp_path, capsys):
    "By check and by prepare: JSON of another name, a picture of another kind, one in a folder of its own"
    from xvae.data.prepare import main as prepare
    root = copy("pictures")
    (root/"alphapose-results.json").write_text("[]", encoding="utf-8"); (root/"anna.heic").write_text("", encoding="utf-8"); (root/"more").mkdir(); (root/"more/eva.jpg").write_text("", encoding="utf-8")
    (row,) = [f for f in check("pictures", root, part=True) if f.what == "files that are not read"]
    assert row.ok is None and row.found.startswith("3 files: ") and all(n in row.found for n in ("alphapose-results.json", "anna.heic", "more/eva.jpg"))
    assert prepare(["pictures", "--root", str(root), "--out", str(tmp_path/"out"), "--size", "32"]) == 0
    assert f"; not read: {row.found}" in capsys.readouterr().out

@pytest.mark.parametrize("name", ["human36m", "lsp", "amass", "cmu"])
def test_prepare_names_what_it_leaves(copy, tmp_path, capsys, name):
    from xvae.data.prepare import main as prepare
    root = copy(name)
    (root/"notes.odt").write_text("", encoding="utf-8")
    words = ["--poses", "20"] if name in ("amass", "cmu") else ["--size", "32"]
    assert prepare([name, "--root", str(root), "--out", str(tmp_path/"out"), *words]) == 0
    out = capsys.readouterr().out
    assert "notes.odt" in out and ("nothing of S5, S6, S7, S8 is there" in out) == (name == "human36m")

# What the data guide says

def apart(root):
    "Joint 24 a centimetre from 13 in every file"
    import cdflib
    for path in root.rglob("D3_Positions_mono/Directions*.cdf"):
        pose = cdflib.CDF(path)["Pose"][0].reshape(-1, 32, 3).copy()
        pose[:, 24, 0] += 10
        path.unlink(); write_cdf(path, pose.reshape(len(pose), 96))

def test_joints_that_coincide(copy):
    "Joint 11 may lie a tenth of a millimetre off, 24 no centimetre"
    root = copy("human36m")
    row = lambda: next(f for f in check("human36m", root, part=True) if f.what.startswith("joints 11 on 0"))
    assert row().ok and row().expected == "0.1, 0 and 0 mm apart"
    apart(root)
    assert row().ok is False and "0.00 and 10.00 mm apart" in row().found and row().remedy

def test_silhouettes_as_mat_go_before_mp4(copy):
    "An .mp4 beside the .mat is left aside, and is read where it is alone"
    from xvae.data import human36m
    root = copy("human36m")
    take = human36m.sequences(root, 1)[0]
    mat = human36m.segments(root, take, 0)[1]
    assert mat.suffix == ".mat"
    shutil.copy(human36m.file_of(root, take, 0, human36m.VIDEOS, "mp4"), mat.with_suffix(".mp4"))
    assert human36m.segments(root, take, 0)[1] == mat
    mat.unlink()
    assert human36m.segments(root, take, 0)[1] == mat.with_suffix(".mp4")

def test_other_releases_of_the_conversion_are_refused(copy):
    "The one for 3ds Max calls the thigh LeftHip, the one for Daz lThigh"
    root = copy("cmu")
    path = first(root, "*.bvh")
    for name in "LeftHip", "lThigh":
        path.write_text(path.read_text(encoding="utf-8").replace("LeftUpLeg", name), encoding="utf-8")
        (bad,) = different(check("cmu", root, part=True, every=1))
        assert path.name in bad.found and "MotionBuilder-friendly" in bad.found
        path.write_text(path.read_text(encoding="utf-8").replace(name, "LeftUpLeg"), encoding="utf-8")

def test_the_data_guide_says_so():
    guide = " ".join("".join(c["source"]) for c in json.loads((ROOT/"nbs/28_data_guide.ipynb").read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "markdown")
    for fact in ("`metadata.xml`", "Joints 13, 16 and 24 are one and the same point, and joint 11 lies 0.1 mm from joint 0", "The `.mat` files are better",
                 "*MotionBuilder-friendly*", "`h36m-fetch`", "BODY_25B"): assert fact in " ".join(guide.split()), fact

@pytest.mark.parametrize("form", FORMS)
def test_every_layout_of_shoev2(tmp_path, capsys, form):
    write_fixture("shoev2", tmp_path, form=form)
    assert main(["shoev2", "--root", str(tmp_path), "--part", "--every", "1"]) == 0
    assert "shoev2: nothing differs" in capsys.readouterr().out

def test_numbers_without_the_package(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    findings = check("shoev2", store, part=True)
    assert "every photo has a sketch" in {f.what for f in findings}
    (f,) = different(findings)
    assert 'pip install "xvae[openmoji]"' in f.remedy

def test_command_line(store):
    done = run("python", "-m", "xvae.data.check", "lsp", "--root", store/"lsp")
    assert done.returncode == 1 and "2,000" in done.stdout and "unpack" in done.stdout

def test_all(store, tmp_path, capsys):
    for name in ("lsp", "cmu", "shoev2"): shutil.copytree(store/name, tmp_path/name)
    assert main(["all", "--root", str(tmp_path), "--part"]) == 0
    assert capsys.readouterr().out.count("nothing differs") == 3
    assert main(["all", "--root", str(tmp_path/"lsp")]) == 1
    assert "no dataset here" in capsys.readouterr().out

def test_more_datasets_can_be_added(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "CHECKS", dict(CHECKS))
    @checks("shells")
    def find_shells(root, part, every):
        yield Finding("shells", "3", "3", True)
        raise ValueError(f"{root}/shell: broken, expected a whole one; glue it")
    good, bad = check("shells", tmp_path)
    assert good.ok and bad.remedy == "glue it"
    with pytest.raises(SystemExit): main(["stones", "--root", "."])

def test_requests():
    with pytest.raises(ValueError, match="expected one of human36m"): check("stones", ".")
    with pytest.raises(ValueError, match="expected 1 or more"): check("lsp", ".", every=0)
    (f,) = different(check("lsp", "/nowhere"))
    assert "nowhere" in f.found and f.remedy
