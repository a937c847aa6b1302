"Files that people have: each of these was once waited for without end, misread in silence, or refused without its name"
import os, re, shutil, subprocess, sys
import numpy as np, pytest
from PIL import Image
from conftest import ROOT
from xvae import estimate, io
from xvae.data import amass, check, cmu, human36m, pictures, pose2d, prepare, shoev2
from xvae.data.fixtures import write_fixture

@pytest.fixture(scope="session")
def originals(tmp_path_factory):
    root = tmp_path_factory.mktemp("odd")
    for name in ("pictures", "cmu", "amass", "human36m_mmpose", "lspet", "lsp"): write_fixture(name, root)
    return root

@pytest.fixture
def copy(originals, tmp_path):
    "A copy of a dataset that may be damaged"
    return lambda name: shutil.copytree(originals/name, tmp_path/name)

def first(root, pattern): return sorted(root.rglob(pattern))[0]

# What is no ordinary file

@pytest.mark.skipif(os.name != "posix", reason="no pipes")
@pytest.mark.parametrize("name, where", [
    ("pictures", "x.mp4"), ("pictures", "run_000000000000_keypoints.json"), ("amass", "CMU/01/01_99_poses.npz"), ("cmu", "subjects/01/01_09.amc")])
def test_nobody_waits_for_a_pipe(copy, tmp_path, name, where):
    "A pipe that nobody writes to, in a process that would be ended"
    root = copy(name)
    (root/where).unlink(missing_ok=True); os.mkfifo(root/where)
    command = [sys.executable, "-m", "xvae.data.prepare", name, "--root", root, "--out", tmp_path/"out"]
    done = subprocess.run(command, text=True, capture_output=True, timeout=120, cwd=ROOT)
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr
    assert done.returncode == 0 or (root/where).name in done.stderr and "; " in done.stderr, done.stderr

@pytest.mark.skipif(os.name != "posix", reason="no pipes")
def test_no_ordinary_file(tmp_path):
    os.mkfifo(tmp_path/"pipe"); (tmp_path/"link").symlink_to(tmp_path/"nowhere"); (tmp_path/"loop").symlink_to(tmp_path/"loop")
    for path in (tmp_path/"pipe", tmp_path, tmp_path/"link", tmp_path/"loop", "/dev/zero"):
        with pytest.raises((ValueError, OSError), match=f"{re.escape(str(path))}: .*expected .*file; take it away"): io.ordinary(path)

# Masks and pictures

def test_masks_that_are_none(tmp_path):
    "A cut-out, a photo, labels of kinds or of persons in place of white on black"
    photo, mask = np.random.default_rng(0).integers(1, 255, (40, 40, 3)).astype(np.uint8), np.zeros((40, 40), np.uint8)
    mask[10:30, 10:30] = 1
    kinds, persons = 15 * mask, mask.copy()
    kinds[9:31, 9] = 255; persons[20:30] *= 2
    alpha = lambda colours: np.dstack([colours, 255 * mask])
    for what in (alpha(photo), alpha(0 * photo), alpha(0 * photo + 255), photo, kinds, persons):
        Image.fromarray(what).save(tmp_path/"m.png")
        with pytest.raises(ValueError, match="m.png: .*expected black and white; save one person"): pose2d.read_mask(tmp_path/"m.png", (40, 40))
    for what in (mask, 255 * mask, np.dstack([255 * mask] * 3), np.dstack([255 * mask] * 3 + [0 * mask + 255]), mask.astype(np.uint16) * 65535):
        Image.fromarray(what).save(tmp_path/"m.png")
        assert (pose2d.read_mask(tmp_path/"m.png", (40, 40)) == mask).all()

def test_a_folder_called_images(copy):
    "Its masks lie in it"
    root = copy("pictures")
    images = root.rename(root.parent/"images")
    assert all(pose2d.mask_path(images/f"{mask.stem}.jpg") == mask for mask in (images/"masks").glob("*.png"))

def test_whole_numbers_of_32_bits(tmp_path):
    for value, shown in ((200, 200), (51200, 200)):
        Image.fromarray(np.full((8, 8), value, np.int32)).save(tmp_path/"i.tif")
        assert (pose2d.read_picture(tmp_path/"i.tif") == shown).all()

def test_two_pictures_of_one_number(copy):
    root = copy("lspet")
    images = first(root, "images")
    shutil.copy(first(images, "*.jpg"), images/"im0001.jpg")
    with pytest.raises(ValueError, match="has the number of .* too"): pose2d.lspet(root)

def test_a_trimmed_video(copy):
    "Frames that a cut hides are not missed"
    path = first(copy("pictures"), "run.mp4")
    data = bytearray(path.read_bytes())
    at = data.find(b"elst")
    data[at + 12:at + 20] = (240).to_bytes(4, "big") + (3072).to_bytes(4, "big") # duration in ms, begin in units of the track
    path.write_bytes(data)
    assert len(list(pictures.read_video(path))) == 6

# Sketches

@pytest.fixture
def shoes(tmp_path):
    def write(form):
        shoev2.write_shoev2(tmp_path/form, form)
        return tmp_path/form
    return write

def test_more_pictures_than_names(shoes):
    import h5py
    path = shoes("hdf5")/"train_svg_sim_spa_png.h5"
    with h5py.File(path, "r+") as file:
        x = file["png_data"][()]
        del file["png_data"]; file["png_data"] = np.concatenate([x[:1], x])
    with pytest.raises(ValueError, match=f"{path.name}: holds .* pictures and .* names, expected as many"): shoev2.release(path.parent)

def test_a_link_behind_a_link(shoes, tmp_path):
    import h5py
    path = shoes("hdf5")/"train_svg_sim_spa_png.h5"
    with h5py.File(path, "r+") as file, h5py.File(tmp_path/"outside.h5", "w") as other:
        other["png_data"] = file["png_data"][()]
        del file["png_data"]
        file["there"] = h5py.ExternalLink(str(tmp_path/"outside.h5"), "/"); file["png_data"] = h5py.SoftLink("/there/png_data")
    with pytest.raises(ValueError, match="png_data lies in another file"): shoev2.read_h5(path, "png_data", 0)

def test_turned_photo_and_photo_of_16_bits(shoes):
    path = first(shoes("png")/"ShoeV2_photo", "*")
    as_it_was = shoev2.read_photo(path, 64).float()
    with Image.open(path) as picture: picture.load()
    exif = Image.Exif()
    exif[0x112] = 6 # turn by a quarter to see it
    picture.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    assert (shoev2.read_photo(path, 64).float() - as_it_was).abs().mean() < 2
    Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257).save(path)
    assert abs(shoev2.read_photo(path, 64).float().mean() - as_it_was.mean()) < 3

def test_hidden_files_of_a_mac(shoes):
    root = shoes("coordinates")
    (root/"._ShoeV2_Coordinate").write_bytes(b"\0\5\26\7")
    assert shoev2.release(root).lists

# Motion

def change(path, **arrays):
    with np.load(path) as file: its = dict(file)
    np.savez(path, **its | arrays)

@pytest.mark.parametrize("kind", [">f8", np.longdouble], ids=str)
def test_numbers_of_another_make(copy, kind):
    path = first(copy("amass"), "*_poses.npz")
    as_it_was = amass.read_recording(path).poses
    change(path, poses=np.load(path)["poses"].astype(kind))
    np.testing.assert_array_equal(amass.read_recording(path).poses, as_it_was)

def test_check_sees_what_prepare_refuses(copy):
    "A recording of a gender of which there is no model"
    root = copy("amass")
    change(first(root, "*_poses.npz"), gender=np.array("neutral"))
    for folder in root.rglob("neutral"): shutil.rmtree(folder)
    found = {f.what: f for f in check.check("amass", root, part=True, every=1)}
    assert found["joints of recordings"].ok is False and "no model of that" in found["joints of recordings"].found

def test_bones_that_come_twice(copy):
    path = first(copy("cmu"), "01.asf")
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{text[:text.rindex('end')]}lfemur rtibia\nend\n", encoding="utf-8")
    with pytest.raises(ValueError, match="01.asf: .*'rtibia' comes twice"): cmu.read_asf(path)

def test_odd_numbers_in_motion(copy):
    root = copy("cmu")
    bvh, amc = first(root, "*.bvh"), first(root, "01_01.amc")
    bvh.write_bytes(b"CHANNELS 300".join(bvh.read_bytes().rsplit(b"CHANNELS 3", 1)))
    with pytest.raises(ValueError, match=re.escape(str(bvh))): cmu.read_bvh(bvh)
    amc.write_text(amc.read_text(encoding="utf-8").replace("\n1\n", "\n\u00b2\n", 1), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(str(amc))): cmu.read_amc(amc, cmu.read_asf(first(root, "01.asf")))

@pytest.mark.parametrize("subject, stem", [(5, "Directions 12"), (1, "Directions -"), (1, "Walking 1-")])
def test_names_that_no_sequence_has(subject, stem):
    with pytest.raises(ValueError, match="has no sequence"): human36m.take_number(subject, stem)

def test_copies_beside_the_pictures_of_a_list(copy):
    "What a file manager, a tool for masks or a note leaves there"
    root = copy("human36m_mmpose")
    before = [f.files for f in human36m.footage(root)]
    path = first(root, "images/*/*/*.jpg")
    for ending in (" (1).jpg", "_mask.png"): shutil.copy(path, f"{path.with_suffix('')}{ending}")
    path.with_suffix(".json").write_text("{}", encoding="utf-8")
    assert [f.files for f in human36m.footage(root)] == before

# Commands

def test_names_are_told_whole(copy, monkeypatch, capsys):
    "In the folder itself"
    monkeypatch.chdir(copy("amass"))
    check.report("amass", ".", part=True)
    said = capsys.readouterr().out
    assert re.search(r"heads above the pelvis .*[01]\.\d\d", said) and ".npz" in said

def test_a_name_that_is_no_text(copy, tmp_path):
    root = copy("cmu")
    with open(os.fsencode(root) + b"/notes\xe9.txt", "wb"): pass
    its = io.aside(root, [])
    assert "notes\\udce9.txt" in its and its.encode()

@pytest.mark.parametrize("command, words", [
    (check.main, "cmu --root . --every 0"), (prepare.main, "cmu --root . --out . --seed -1"), (prepare.main, "pictures --root . --out . --quality 96")])
def test_numbers_of_the_command_line(command, words, capsys):
    with pytest.raises(SystemExit): command(words.split())
    assert re.search(r"argument --\w+: invalid number from \d.* value", capsys.readouterr().err)

def test_plots_are_not_the_next_pictures(copy, capsys):
    root = copy("pictures")
    assert estimate.main([str(root), "--out", str(root/"poses")]) == 1
    assert "lies in the folder of pictures" in capsys.readouterr().err and not (root/"poses").exists()

def test_long_names(tmp_path):
    path = tmp_path/f"{'n' * 240}.txt"
    io.write_text(path, "whole")
    assert path.read_text(encoding="utf-8") == "whole" and len(io.short_name("m" * 250 + ".png")) < 100
