"LSP, LSPET and MPII: what a reader gives back is what was written, and damage is one line that says what to do"
import json, shutil
from functools import partial
import numpy as np
import pytest
from PIL import Image
from conftest import sent
from scipy.io import savemat
from xvae.data.fixtures import known, write_fixture
from xvae.data.pose2d import FROM_LSP, FROM_MPII, lsp, lspet, mask_path, mpii, read_picture, to_ours
from xvae.data.skeletons import JOINTS

def refused(do, error=(ValueError, FileNotFoundError)):
    "The one line that `do` ends with"
    with pytest.raises(error) as e: do()
    assert len(str(e.value).splitlines()) == 1
    return str(e.value)

def shots(footage): return [shot for piece in footage for shot in piece.shots()]

def save(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)

def cut_off(path, part=0.5): path.write_bytes(path.read_bytes()[:int(part * path.stat().st_size)])

rng = np.random.default_rng(0)
PEOPLE = rng.uniform(8, 52, (4, 16, 2))
NOISE = rng.integers(0, 255, (4, 60, 70, 3), dtype=np.uint8)

# Fixtures, written by somebody else from the same description of the formats

@pytest.fixture(scope="session")
def fixtures(tmp_path_factory):
    "Folder of the fixtures"
    out = tmp_path_factory.mktemp("fixtures")
    for name in "lsp", "lspet", "mpii": write_fixture(name, out)
    return out

def same(shot, points, labelled, where, picture):
    "The shot has this picture, these joints and no others"
    expected = to_ours(np.column_stack([points, labelled]), where)
    assert np.array_equal(shot.confidence, expected[:, 2])
    assert np.abs(shot.joints_2d - expected[:, :2])[shot.confidence > 0].max() < 1e-3
    assert shot.image.shape == picture.shape and np.abs(shot.image.astype(float) - picture).mean() < 4
    assert shot.joints.shape == (17, 3) and np.isnan(shot.joints).all() and shot.mask is None

@pytest.mark.parametrize("read, field", [(lsp, "hidden"), (lspet, "labelled")], ids=["lsp", "lspet"])
def test_fixture_of_lsp(fixtures, read, field):
    "The flag means the opposite in the two"
    truth = {k: {f: v.numpy() for f, v in row.items()} for k, row in known(read.__name__, fixtures).items()}
    found = shots(read(fixtures/read.__name__))
    assert len(found) == len(truth)
    for shot, row in zip(found, truth.values()):
        labelled = row[field].astype(bool) ^ (field == "hidden")
        same(shot, row["joints_2d"], labelled, FROM_LSP, row["picture"])
        around = row["joints_2d"][labelled if field == "labelled" else slice(None)]
        low, high = around.min(0), around.max(0)
        assert np.allclose(shot.box, [*(low + high) / 2, 1.2 * (high - low).max()], atol=1e-3)

def test_fixture_of_lsp_hidden_joints(fixtures):
    "Their weight is a parameter"
    assert all(shot.confidence.sum() == 14 for shot in shots(lsp(fixtures/"lsp", hidden=1.0)))

@pytest.mark.parametrize("single", [True, False])
def test_fixture_of_mpii(fixtures, single):
    "People who stand apart, or all; a lone point is nobody"
    truth = [{f: v.numpy() for f, v in row.items()} for row in known("mpii", fixtures).values()]
    common = [FROM_MPII[j] for j in range(17) if FROM_LSP[j] >= 0]
    truth = [row for row in truth if (row["single"] or not single) and row["labelled"][common].sum() >= 7]
    found = shots(mpii(fixtures/"mpii", single=single))
    assert len(found) == len(truth) > 5
    for shot, row in zip(found, truth): same(shot, row["joints_2d"], row["labelled"], FROM_MPII, row["picture"])

# Tiny datasets

def clicked(person, where, names): return np.stack([person[where.index(k)] if k in where else person[7] for k in range(len(names))])

def write_leeds(folder, extended=False, images="images", digits=4):
    "Four people as LSP or LSPET; returns what is in joints.mat"
    flags = np.full((4, 14, 1), float(extended))
    flags[0, 3] = flags[1, 5] = 1 - extended
    rows = np.concatenate([PEOPLE[:, :14] + 1, flags], -1)
    joints = rows.transpose(1, 2, 0) if extended else rows.transpose(2, 1, 0)
    for i in range(4): save(folder/images/f"im{i + 1:0{digits}}.{'jpg' if images else 'png'}", NOISE[i])
    savemat(folder/"joints.mat", dict(joints=joints))
    return joints

@pytest.fixture
def leeds(tmp_path):
    write_leeds(tmp_path/"lsp/lsp_dataset")
    return tmp_path/"lsp"

@pytest.fixture
def leeds_extended(tmp_path):
    write_leeds(tmp_path/"lspet/lspet_dataset", True, digits=5)
    return tmp_path/"lspet"

@pytest.mark.parametrize("where", ["lsp_dataset", "lsp_dataset_original", "."])
def test_folders_of_lsp(tmp_path, where):
    write_leeds(tmp_path/where)
    assert len(shots(lsp(tmp_path))) == 4

@pytest.mark.parametrize("where", ["lspet_dataset", "hr-lspet", "."])
@pytest.mark.parametrize("images", ["images", ""])
def test_folders_of_lspet(tmp_path, where, images):
    write_leeds(tmp_path/where, True, images, 5)
    first = shots(lspet(tmp_path))[0]
    assert np.array_equal(first.confidence == 0, np.isin(np.arange(17), [0, 4, 7, 9])) and first.image.shape == (60, 70, 3)

def test_original_first(tmp_path):
    "With both releases there, the one in full resolution"
    for name in "lsp_dataset", "lsp_dataset_original": write_leeds(tmp_path/name)
    assert all("lsp_dataset_original" in f.parts for piece in lsp(tmp_path) for f in piece.files)

def test_high_resolution_without_flags(tmp_path):
    "Numbers with gaps go by their order; a joint at 0 or below is none"
    joints = write_leeds(tmp_path, True, "", 5)[:, :2]
    joints[2, :, 1] = -3, 0
    savemat(tmp_path/"joints.mat", dict(joints=joints))
    (tmp_path/"im00003.png").rename(tmp_path/"im00033.png"); (tmp_path/"im00004.png").rename(tmp_path/"im00044.png")
    found = shots(lspet(tmp_path))
    assert [int((s.confidence == 0).sum()) for s in found] == [3, 4, 3, 3]
    assert np.array_equal(found[2].image, NOISE[2]) and np.allclose(found[3].joints_2d[3], PEOPLE[3, 0])

def test_test_pictures_are_left_out(tmp_path):
    "1 to 1000 train, the rest test"
    n = 1003
    joints = np.concatenate([np.tile(PEOPLE[0, :14] + 1, (n, 1, 1)), np.zeros((n, 14, 1))], -1)
    (tmp_path/"images").mkdir()
    save(tmp_path/"images/im0001.png", NOISE[0])
    for i in range(1, n): (tmp_path/f"images/im{i + 1:04}.png").symlink_to("im0001.png")
    savemat(tmp_path/"joints.mat", dict(joints=joints.transpose(2, 1, 0)))
    assert [(p.name, len(p.files)) for p in lsp(tmp_path)] == [("00001-00500", 501), ("00501-01000", 501)]
    assert [p.files[0].name for p in lsp(tmp_path, "test")] == ["im1001.png"]
    assert len(lsp(tmp_path, "all")) == 3

def test_pieces_stream_and_travel(leeds):
    "A piece can be sent to a worker, and opens a picture only when its turn comes"
    (piece,) = lsp(leeds)
    (leeds/"lsp_dataset/images/im0002.jpg").unlink()
    piece = sent(piece).shots()
    assert next(piece).image.shape == (60, 70, 3)
    assert "im0002.jpg: no such file" in refused(lambda: next(piece))

def test_masks(leeds):
    "0/1 and 0/255 alike; a new mask is among the files"
    masks = np.zeros((2, 60, 70), np.uint8)
    masks[:, 10:40, 20:30] = [[[1]], [[255]]]
    for i in 0, 1: save(mask_path(leeds/f"lsp_dataset/images/im{i + 1:04}.jpg"), masks[i])
    (piece,) = lsp(leeds)
    one, two, three, _ = (shot.mask for shot in piece.shots())
    assert np.array_equal(one, masks[0]) and np.array_equal(two, masks[0]) and three is None
    assert leeds/"lsp_dataset/masks/im0002.png" in piece.files

# Pictures of all kinds

@pytest.mark.parametrize("ending, mode", [(ending, mode) for ending, modes in {".png": "1 L P LA RGB RGBA I;16", ".jpg": "L RGB CMYK",
    ".tif": "1 L P LA PA RGB RGBA CMYK YCbCr I;16 I"}.items() for mode in modes.split()])
def test_modes(tmp_path, ending, mode):
    "Every kind of pixel becomes RGB"
    grey = Image.fromarray(NOISE[0]).convert("L")
    picture = Image.fromarray(np.asarray(grey).astype(np.uint16 if mode == "I;16" else np.int32) * 257) if mode[0] == "I" else grey.convert(mode)
    picture.save(tmp_path/f"a{ending}", **({"quality": 95} if ending == ".jpg" else {}))
    found = read_picture(tmp_path/f"a{ending}").astype(float)
    assert found.shape == (60, 70, 3)
    if mode != "1": assert np.abs(found - np.asarray(grey)[..., None]).mean() < 6

@pytest.mark.parametrize("orientation, turn", [(1, lambda a: a), (2, lambda a: a[:, ::-1]), (3, lambda a: a[::-1, ::-1]), (4, lambda a: a[::-1]),
    (5, lambda a: a.swapaxes(0, 1)), (6, partial(np.rot90, k=-1)), (7, lambda a: np.rot90(a, 2).swapaxes(0, 1)), (8, np.rot90)])
def test_orientations(tmp_path, orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(NOISE[0]).save(tmp_path/"a.png", exif=exif)
    assert np.array_equal(read_picture(tmp_path/"a.png"), turn(NOISE[0]))

def test_transparent_is_black(tmp_path):
    picture = np.concatenate([NOISE[0], np.zeros((60, 70, 1), np.uint8)], -1)
    picture[:, 30:, 3] = 255
    save(tmp_path/"a.png", picture)
    found = read_picture(tmp_path/"a.png")
    assert found[:, :30].max() == 0 and np.array_equal(found[:, 30:], NOISE[0, :, 30:])

@pytest.mark.parametrize("damage", [lambda p: cut_off(p), lambda p: p.write_bytes(b""), lambda p: p.write_text("<html>", encoding="utf-8"), lambda p: p.unlink(),
    lambda p: p.write_bytes(bytes(range(256)) * 9), lambda p: Image.fromarray(np.ones((4, 4), np.float32)).save(p, "TIFF")])
def test_no_pictures(tmp_path, damage):
    save(path := tmp_path/"a.png", NOISE[0])
    damage(path)
    assert refused(lambda: read_picture(path)).startswith(f"{path}: ")

# Damage to LSP

def change(path, how):
    "Change the array in joints.mat"
    from scipy.io import loadmat
    savemat(path, dict(joints=how(loadmat(path)["joints"])))

def put(index, value, joints):
    joints[index] = value
    return joints

MAT, IMAGE = "lsp_dataset/joints.mat", "lsp_dataset/images/im0002.jpg"

@pytest.mark.parametrize("damage, names, told", [
    (lambda root: shutil.rmtree(root), "", "unpack it so that"),
    (lambda root: (root/MAT).unlink(), "", "no joints.mat here nor in"),
    (lambda root: cut_off(root/MAT), MAT, "not a whole MATLAB file"),
    (lambda root: (root/MAT).write_bytes(b""), MAT, "not a whole MATLAB file"),
    (lambda root: (root/MAT).write_text("<html>not found</html>" * 20, encoding="utf-8"), MAT, "not a whole MATLAB file"),
    (lambda root: (root/MAT).write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400)), MAT, "is a MATLAB 7.3 file"),
    (lambda root: savemat(root/MAT, dict(points=1)), MAT, "has no variable 'joints', only ['points']"),
    (lambda root: change(root/MAT, lambda j: j[:, :13]), MAT, "'joints' has shape (3, 13, 4), expected (3, 14, N)"),
    (lambda root: change(root/MAT, lambda j: j.transpose(2, 0, 1)), MAT, "'joints' has shape (4, 3, 14)"),
    (lambda root: change(root/MAT, lambda j: j[..., 0]), MAT, "'joints' has shape (3, 14)"),
    (lambda root: change(root/MAT, lambda j: j.astype(str)), MAT, "'joints' has shape"),
    (lambda root: change(root/MAT, lambda j: j[..., :0]), MAT, "'joints' has shape (3, 14, 0)"),
    (lambda root: change(root/MAT, partial(put, (0, 4, 2), np.nan)), MAT, "a joint of im0003.jpg is not a number"),
    (lambda root: change(root/MAT, partial(put, (1, 4, 2), np.inf)), MAT, "a joint of im0003.jpg is not a number"),
    (lambda root: change(root/MAT, lambda j: j / [[[70]], [[60]], [[1]]]), MAT, "fractions of the picture"),
    (lambda root: change(root/MAT, lambda j: put(2, 1 - j[2], j)), MAT, "a flag of 1 says 'hidden', expected 0 and 1 and few of them 1"),
    (lambda root: change(root/MAT, lambda j: put(2, j[0], j)), MAT, "a flag of 1 says 'hidden', expected 0 and 1"),
    (lambda root: change(root/MAT, lambda j: j.transpose(1, 0, 2)), MAT, "a flag of 1 says 'labelled', expected 0 and 1 and most of them 1"),
    (lambda root: change(root/MAT, lambda j: j * [[[9]], [[9]], [[1]]]), "lsp_dataset/images/im0001.jpg", "none of its joints lies inside its 70 x 60 px"),
    (lambda root: change(root/MAT, lambda j: j[..., :3]), "lsp_dataset/images/im0004.jpg", "has no labels, expected numbers 1 to 3"),
    (lambda root: (root/IMAGE).unlink(), "lsp_dataset/images", "1 of 4 pictures are missing, the first is number 2"),
    (lambda root: shutil.rmtree(root/"lsp_dataset/images"), "lsp_dataset/images", "4 of 4 pictures are missing"),
    (lambda root: cut_off(root/IMAGE), IMAGE, "not a whole picture"),
    (lambda root: (root/IMAGE).write_bytes(b""), IMAGE, "not a whole picture"),
    (lambda root: save(root/"lsp_dataset/masks/im0002.png", np.zeros((70, 60), np.uint8)), "lsp_dataset/masks/im0002.png", "is 60 x 70, expected 70 x 60"),
    (lambda root: (save(p := root/"lsp_dataset/masks/im0002.png", NOISE[0]), cut_off(p)), "lsp_dataset/masks/im0002.png", "not a whole picture"),
])
def test_damaged_lsp(leeds, damage, names, told):
    damage(leeds)
    line = refused(lambda: shots(lsp(leeds)))
    assert line.startswith(f"{leeds/names}: ") and told in line and "; " in line

@pytest.mark.parametrize("damage, told", [
    (lambda root: change(root/"joints.mat", lambda j: put(np.s_[:, 2], 1 - j[:, 2], j)), "a flag of 1 says 'labelled'"),
    (lambda root: change(root/"joints.mat", lambda j: j.transpose(1, 0, 2)), "a flag of 1 says 'hidden'"),
    (lambda root: change(root/"joints.mat", lambda j: j[:12]), "(12, 3, 4)"),
    (lambda root: change(root/"joints.mat", lambda j: j[..., :0]), "(14, 3, 0)"),
    (lambda root: change(root/"joints.mat", lambda j: put(np.s_[:8, 2], 0, j)), "expected 0 and 1 and most of them 1"),
    (lambda root: change(root/"joints.mat", partial(put, (0, 0, 0), np.nan)), "a joint of im00001.jpg is not a number"),
    (lambda root: change(root/"joints.mat", lambda j: j * [[[0.01], [0.01], [1]]]), "fractions of the picture"),
    (lambda root: change(root/"joints.mat", lambda j: j * [[[9], [9], [1]]]), "none of its joints lies inside"),
    (lambda root: cut_off(root/"joints.mat"), "not a whole MATLAB file"),
    (lambda root: savemat(root/"joints.mat", {}), "has no variable 'joints'"),
    (lambda root: (root/"images/im00004.jpg").unlink(), "the first is number 4"),
    (lambda root: (shutil.move(root/"images/im00001.jpg", root/"im00001.jpg"), shutil.rmtree(root/"images")), "holds 1 pictures, expected 4"),
    (lambda root: (root/"joints.mat").unlink(), "no joints.mat here nor in lspet_dataset or hr-lspet"),
])
def test_damaged_lspet(leeds_extended, damage, told):
    damage(leeds_extended/"lspet_dataset")
    line = refused(lambda: shots(lspet(leeds_extended)))
    assert line.startswith(str(leeds_extended)) and told in line and "; " in line

def test_few_labels_are_left_out(leeds_extended):
    change(leeds_extended/"lspet_dataset/joints.mat", lambda j: put(np.s_[:8, 2, 1], 0, j))
    assert len(shots(lspet(leeds_extended))) == 3 and len(shots(lspet(leeds_extended, least=6))) == 4

# MPII

def rect(person, ids=range(16), **visible):
    return dict(x1=1.0, annopoints=dict(point=[dict(x=person[k, 0] + 1, y=person[k, 1] + 1, id=k, **visible) for k in ids]))

def cells(values):
    column = np.empty((len(values), 1), object)
    column[:, 0] = values
    return column

def release():
    "Three training pictures, with one, two and nobody apart, and a test picture"
    people = [rect(PEOPLE[0], is_visible="1"), [rect(PEOPLE[1], [0, 1]), rect(PEOPLE[2])], np.zeros((0, 0)), dict(x1=2.0)]
    return dict(annolist=[dict(image=dict(name=f"{i:09}.jpg"), annorect=p) for i, p in enumerate(people)],
                img_train=np.array([1, 1, 1, 0]), single_person=cells([1, np.array([1, 2]), np.zeros((0, 0)), np.zeros((0, 0))]))

LIST, PHOTOS = "mpii_human_pose_v1_u12_2/mpii_human_pose_v1_u12_1.mat", "mpii_human_pose_v1/images"

def write_mpii(root, release):
    for i in range(4): save(root/PHOTOS/f"{i:09}.jpg", NOISE[i])
    (root/LIST).parent.mkdir(exist_ok=True)
    savemat(root/LIST, dict(RELEASE=release))

@pytest.mark.parametrize("is_visible, hidden", [("1", 0), ("0", 1), (1, 0), (0, 1), (1.0, 0), (0.0, 1), (True, 0), (False, 1),
    (np.zeros((0, 0)), 0), ("", 0), (None, 0)], ids=repr)
def test_visibility_in_all_spellings(tmp_path, is_visible, hidden):
    "Absent and empty mean visible; hidden joints count, unless their weight is given"
    content = release()
    content["annolist"][0]["annorect"] = rect(PEOPLE[0], **({} if is_visible is None else dict(is_visible=is_visible)))
    write_mpii(tmp_path, content)
    assert shots(mpii(tmp_path))[0].confidence.sum() == 15
    assert shots(mpii(tmp_path, hidden=0.25))[0].confidence.sum() == (15 * 0.25 if hidden else 15)

def test_mpii_of_one(tmp_path):
    "A list of one is no list"
    content = release()
    content.update(annolist=content["annolist"][:1], img_train=1, single_person=cells([1]))
    write_mpii(tmp_path, content)
    (shot,) = shots(mpii(tmp_path))
    assert np.allclose(shot.joints_2d[shot.confidence > 0], to_ours(PEOPLE[0], FROM_MPII)[shot.confidence > 0], atol=1e-4)

def test_points_in_any_order(tmp_path):
    "By id, never by place; a point without x is none"
    content = release()
    points = rect(PEOPLE[0], [9, 3, 0, 15, 8, 10, 11, 2])
    points["annopoints"]["point"][1]["x"] = np.zeros((0, 0))
    content["annolist"][0]["annorect"] = points
    write_mpii(tmp_path, content)
    shot = shots(mpii(tmp_path))[0]
    assert [JOINTS[j] for j in np.flatnonzero(shot.confidence)] == ["RHip", "RAnkle", "Thorax", "Head", "LWrist", "RElbow", "RWrist"]
    assert np.allclose(shot.joints_2d[16], PEOPLE[0, 10], atol=1e-4)

def test_pictures_that_were_never_released(tmp_path):
    "Three may be absent"
    content = release()
    content["annolist"][0]["image"]["name"] = "040348287.jpg"
    write_mpii(tmp_path, content)
    assert len(shots(mpii(tmp_path))) == 1

def test_a_picture_of_two_is_read_once(tmp_path, monkeypatch):
    import xvae.data.pose2d as module
    content, opened = release(), []
    content["annolist"][1]["annorect"][0] = rect(PEOPLE[1])
    write_mpii(tmp_path, content)
    monkeypatch.setattr(module, "read_picture", lambda path: opened.append(path.name) or read_picture(path))
    assert len(shots(mpii(tmp_path))) == 3 and opened == ["000000000.jpg", "000000001.jpg"]

def edit(how):
    "Damage to the struct"
    def damage(root):
        content = release()
        how(content)
        savemat(root/LIST, dict(RELEASE=content))
    return damage

def point(content, **fields): content["annolist"][0]["annorect"]["annopoints"]["point"][5].update(fields)

def scaled(content, by):
    for p in content["annolist"][0]["annorect"]["annopoints"]["point"]: p.update(x=p["x"] * by, y=p["y"] * by)

@pytest.mark.parametrize("damage, names, told", [
    (lambda root: shutil.rmtree(root), "", "no annotations here"),
    (lambda root: (root/LIST).unlink(), "", "no annotations here, expected mpii_human_pose_v1/images and mpii_human_pose_v1_u12_2"),
    (lambda root: shutil.rmtree(root/PHOTOS), "", "no pictures here"),
    (lambda root: cut_off(root/LIST, 0.9), LIST, "not a whole MATLAB file"),
    (lambda root: (root/LIST).write_bytes(b""), LIST, "not a whole MATLAB file"),
    (lambda root: savemat(root/LIST, dict(joints=1)), LIST, "has no variable 'RELEASE', only ['joints']"),
    (lambda root: savemat(root/LIST, dict(RELEASE=7)), LIST, "RELEASE has no annolist"),
    (edit(lambda c: c.pop("annolist")), LIST, "RELEASE has no annolist"),
    (edit(lambda c: c.pop("img_train")), LIST, "RELEASE has no field 'img_train'"),
    (edit(lambda c: c.pop("single_person")), LIST, "RELEASE has no field 'single_person'"),
    (edit(lambda c: c.update(img_train=np.ones(3))), LIST, "RELEASE.img_train has 3 entries, expected 4"),
    (edit(lambda c: c.update(single_person=cells([0, 1, 1, 1]))), LIST, "single_person of 000000000.jpg names person 0, expected 1 to 1"),
    (edit(lambda c: c.update(single_person=cells([1, 3, 1, 1]))), LIST, "single_person of 000000001.jpg names person 3, expected 1 to 2"),
    (edit(lambda c: c.update(img_train=np.zeros(4))), LIST, "nobody has 7 labelled joints"),
    (edit(lambda c: point(c, id=16)), LIST, "a point has id 16, expected 0 to 15"),
    (edit(lambda c: point(c, x=np.nan)), LIST, "a joint of 000000000.jpg is not a number"),
    (edit(lambda c: scaled(c, 0.01)), LIST, "fractions of the picture"),
    (edit(lambda c: scaled(c, 20)), f"{PHOTOS}/000000000.jpg", "none of its joints lies inside its 70 x 60 px"),
    (lambda root: (root/PHOTOS/"000000001.jpg").unlink(), PHOTOS, "1 of 2 pictures are missing, the first is 000000001.jpg"),
    (lambda root: cut_off(root/PHOTOS/"000000001.jpg"), f"{PHOTOS}/000000001.jpg", "not a whole picture"),
])
def test_damaged_mpii(tmp_path, damage, names, told):
    write_mpii(tmp_path/"mpii", release())
    damage(tmp_path/"mpii")
    line = refused(lambda: shots(mpii(tmp_path/"mpii")))
    assert line.startswith(f"{tmp_path/'mpii'/names}: ") and told in line and "; " in line

# MPII's JSON form

def json_entry(i, absent=()):
    seen = [int(k not in absent) for k in range(16)]
    return dict(image=f"{i:09}.jpg", center=[30.0, 30.0], scale=0.3, joints=(PEOPLE[i] + 1).tolist(), joints_vis=seen)

@pytest.mark.parametrize("files", [["annot/train.json", "annot/valid.json"], ["annotations/mpii_train.json", "annotations/mpii_val.json"],
    ["annot/trainval.json"], ["annotations/mpii_trainval.json", "annotations/mpii_train.json"]], ids=" ".join)
def test_json_form(tmp_path, files):
    "As published with HRNet and as mmpose names it; trainval holds both"
    entries = [json_entry(0), json_entry(1, absent=(9, 10))]
    for i in range(2): save(tmp_path/f"images/{i:09}.jpg", NOISE[i])
    for k, file in enumerate(files):
        (tmp_path/file).parent.mkdir(exist_ok=True)
        (tmp_path/file).write_text(json.dumps(entries if "trainval" in file else entries[k:k + 1]), encoding="utf-8")
    one, two = shots(mpii(tmp_path))
    same = partial(np.allclose, atol=1e-4)
    assert same(one.joints_2d[one.confidence > 0], to_ours(PEOPLE[0], FROM_MPII)[one.confidence > 0])
    assert [JOINTS[j] for j in range(17) if one.confidence[j] > two.confidence[j]] == ["Head", "RWrist"]

@pytest.mark.parametrize("content, told", [
    ("[", "not a whole JSON file"), ("{}", "entry 0 is no labelled person"), ("[]", "nobody has 7 labelled joints"), ("[1]", "entry 0 is no labelled person"),
    ([{k: v for k, v in json_entry(0).items() if k != "joints_vis"}], "expected image, joints and joints_vis"),
    ([json_entry(0) | dict(joints=PEOPLE[0, :14].tolist())], "entry 0 has (14, 2) joints"),
    ([json_entry(0) | dict(joints_vis=[1] * 15)], "(15,) joints_vis"),
    ([json_entry(0) | dict(joints=[["a", "b"]] * 16)], "entry 0 is no labelled person"),
    ([json_entry(0) | dict(joints=[[float("nan"), 1]] * 16)], "is not a number"),
    ([json_entry(0) | dict(joints=(PEOPLE[0] / 70).tolist())], "fractions of the picture"),
    ([json_entry(0) | dict(joints_vis=[0] * 16)], "nobody has 7 labelled joints"),
    ([json_entry(0) | dict(image="7.jpg")], "1 of 1 pictures are missing, the first is 7.jpg"),
])
def test_damaged_json(tmp_path, content, told):
    save(tmp_path/"images/000000000.jpg", NOISE[0])
    (tmp_path/"annot").mkdir()
    (tmp_path/"annot/train.json").write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    line = refused(lambda: shots(mpii(tmp_path)))
    assert line.startswith(str(tmp_path)) and told in line and "; " in line
