"Hostile and damaged files: read right, or refused by an error that names them, by every reader and whatever the damage"
import csv, json, os, struct, subprocess, sys, time, warnings, zlib
from collections import Counter
import h5py, numpy as np, pytest, torch
from PIL import Image
from conftest import ROOT
from xvae.data import amass, apart, human36m, openmoji, pictures, pose2d, prepared, records, shoev2
from xvae.data.fixtures import openpose, write_cdf, write_video
from xvae.io import contents, kept, load_tensors, read_json, save_tensors

sys.path.insert(0, str(ROOT/"tools"))
from fuzz import ESCAPES, FORMS, KINDS, damaged, fuzz # noqa: E402

# A few damaged files of each format; the command does thousands

def test_damaged_files():
    "No reader raises anything else, hangs or ends the process; what the package keeps itself is never read with wrong contents"
    told = []
    counts = fuzz(list(FORMS), 3, tell=lambda *it: told.append(it))
    assert counts.keys() == FORMS.keys() and all(sum(c.values()) == 3 for c in counts.values())
    assert [it for it in told if it[2] in ESCAPES] == [] == [name for name, c in counts.items() if any(c[k] for k in ESCAPES)]
    ours = [n for n in FORMS if n.startswith(("tensors", "cache", "library", "prepared", "model", "checkpoint", "run", "curves", "computed", "weights"))]
    assert len(ours) > 14 and sum(counts[n]["wrong"] for n in ours) == 0
    assert sum((counts[n] for n in FORMS), Counter())["refused"] > len(FORMS)

def test_damage_is_seeded():
    "The same number is the same damage, and there is always some"
    data = b'{"people": [1.5, 2.5, 3.5]}' * 20
    made = [[damaged(data, np.random.default_rng([seed, i])) for i in range(30)] for seed in (0, 0, 1)]
    assert made[0] == made[1] != made[2] and data not in made[0]

def test_command(tmp_path):
    done = subprocess.run([sys.executable, ROOT/"tools/fuzz.py", "--n", "4", "--csv", tmp_path/"counts.csv", "box"], capture_output=True, text=True)
    rows = list(csv.DictReader((tmp_path/"counts.csv").open(encoding="utf-8")))
    assert done.returncode == 0 and list(rows[0]) == ["what", "n", *KINDS], done.stderr
    assert [(r["what"], sum(int(r[k]) for k in KINDS)) for r in rows] == [("box", 4)]

# Drawings

def svg(folder, inside, before=""):
    (path := folder/"1031000079_1.svg").write_text(f'{before}<svg xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink" width="80" height="80">{inside}</svg>', encoding="utf-8")
    return path

@pytest.mark.parametrize("inside", [
    '<image href="{0}" width="80" height="80"/>', '<image xlink:href="{0}" width="80" height="80"/>', '<image href="secret.png" width="80" height="80"/>',
    '<image href="../{1}/secret.png" width="80" height="80"/>', '<image href="file://{0}" width="80" height="80"/>', '<image href="https://example.org/a.png"/>',
    '<svg:image xmlns:svg="http://www.w3.org/2000/svg" href="{0}" width="80" height="80"/>', '<use href="other.svg#a"/>', '<use xlink:href="{0}#a"/>',
    '<rect width="9" height="9" fill="url({0})"/>', '<rect style="mask: url(\'{0}\')"/>', '<style>@import url("{0}");</style>', '<style>* {{ fill: url({0}) }}</style>',
    '<filter id="f"><feImage href="{0}"/></filter><rect width="80" height="80" filter="url(#f)"/>', '<foreignObject><img src="{0}"/></foreignObject>'])
def test_drawing_shows_nothing_of_the_disk(tmp_path, inside):
    "A black picture lies beside it, and none of it is drawn"
    Image.new("RGB", (80, 80)).save(tmp_path/"secret.png")
    path = svg(tmp_path, inside.format(tmp_path/"secret.png", tmp_path.name) + '<path d="M 5 5 L 50 50" stroke="#000"/>')
    with pytest.raises(ValueError, match=path.name): shoev2.read_ink(path)

@pytest.mark.parametrize("before", ['<!DOCTYPE svg [<!ENTITY a SYSTEM "secret.svg">]>', '<!DOCTYPE svg [<!ENTITY a "<image href=\'secret.png\'/>">]>',
    '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa">' + "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(12)) + "]>"])
def test_drawing_with_entities(tmp_path, before):
    with pytest.raises(ValueError, match="1031000079_1.svg"): shoev2.read_ink(svg(tmp_path, "&a;&m;", before))

def test_drawings_that_kept_the_renderer(tmp_path, monkeypatch):
    "Nested elements ended it, a filter of 300 bytes kept it busy, and uses of uses fill the memory"
    monkeypatch.setattr(apart, "SECONDS", 2)
    uses = "".join(f'<g id="a{i + 1}">{f"<use href=chr34#a{i}chr34/>" * 10}</g>'.replace("chr34", '"') for i in range(9))
    for inside in ("<g>" * 300 + "</g>" * 300, "<g>" * 100_000, '<filter id="f"><feTurbulence numOctaves="2000000000"/></filter><rect width="9" height="9" filter="url(#f)"/>',
        f'<defs><rect id="a0" width="1" height="1"/>{uses}</defs><use href="#a9"/>'):
        began = time.time()
        with pytest.raises(ValueError, match="1031000079_1.svg"): shoev2.read_ink(svg(tmp_path, inside))
        assert time.time() - began < 60
    assert shoev2.read_ink(svg(tmp_path, '<path d="M 5 40 L 75 40" stroke="#000"/>')).any()

def test_plain_drawings_are_drawn(tmp_path):
    "What people's programs write: a DOCTYPE, metadata, styles, gradients, uses and links to addresses"
    doctype = '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd" [<!ENTITY ns "http://ns.adobe.com/">]>'
    inside = ('<metadata xmlns:a="&ns;"><a:b>x</a:b></metadata><style>.s { stroke: #000 }</style><defs><linearGradient id="g"><stop offset="0"/></linearGradient>'
        '<path id="p" class="s" d="M 5 40 L 75 40"/></defs><a href="https://example.org"><use href="#p"/></a><rect x="10" y="60" width="9" height="2" fill="url(#g)"/>')
    ink = shoev2.read_ink(svg(tmp_path, inside, doctype))
    assert ink[256, 256] == 255 and ink[395, 95] == 255 and (ink > 0).mean() < 0.1

def test_every_emoji_is_plain():
    for file in list(openmoji.drawings().values())[::50]: assert openmoji.render(file, 16).min() < 255

# Parsers that ended the process, or never ended

def test_a_process_that_dies_is_an_error(tmp_path, monkeypatch):
    "The line names the file, and the next file is read"
    monkeypatch.setattr(apart, "SECONDS", 1)
    write_cdf(good := tmp_path/"good.cdf", np.arange(192.0, dtype=np.float32).reshape(2, 96))
    right = human36m.read_cdf(good, 3)
    data = bytearray(good.read_bytes())
    seen = set()
    for at in range(0, 700, 3): # lengths and offsets of records, of which some lead in circles
        (bad := tmp_path/"bad.cdf").write_bytes(data[:at] + b"\0\0\0\0\0\0\0\x08" + data[at + 8:])
        try: human36m.read_cdf(bad, 3)
        except ValueError as e: assert "bad.cdf" in str(e); seen.add("endless" if "endless" in str(e) else "other")
        if "endless" in seen: break
    assert "endless" in seen
    assert np.array_equal(human36m.read_cdf(good, 3), right)
    child = apart._started[os.getpid()]
    child.kill(); child.wait()
    assert np.array_equal(human36m.read_cdf(good, 3), right)

def test_scripts_without_a_guard_and_any_folder(tmp_path):
    "The process starts from a script, in any folder"
    write_cdf(tmp_path/"a b.cdf", np.ones((2, 96), np.float32))
    (tmp_path/"script.py").write_text("from xvae.data.human36m import read_cdf\nprint(read_cdf('a b.cdf', 3).shape)", encoding="utf-8")
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "(2, 17, 3)" and done.stderr == ""

# Bombs

def png(path, width, height):
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b""))
    return path

@pytest.mark.parametrize("read", [pose2d.read_picture, human36m.read_picture, shoev2.read_ink, lambda p: shoev2.read_photo(p, 16), lambda p: pose2d.read_mask(p, (60_000, 60_000))],
    ids=["picture", "human36m", "sketch", "photo", "mask"])
@pytest.mark.parametrize("side", [60_000, 10_000])
def test_pictures_that_would_fill_the_memory(tmp_path, read, side):
    warnings.simplefilter("ignore") # pytest puts it back
    with pytest.raises(ValueError, match="bomb.png"): read(png(tmp_path/"bomb.png", side, side))

def test_a_program_is_no_picture(tmp_path):
    "Pillow would hand it to Ghostscript"
    (path := tmp_path/"photo.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    with pytest.raises(ValueError, match="photo.png: not a whole picture"): pose2d.read_picture(path)

def shoes_h5(folder, change):
    (folder/"photos").mkdir()
    for side in shoev2.SIDES:
        with h5py.File(folder/f"{side}_svg_sim_spa_png.h5", "w") as file:
            file["image_base_name"], file["png_data"] = np.array([[b"1031000079"]]), np.zeros((1, 256, 256), np.uint8)
            change(file)
    return lambda: (lambda copy: [sketch() for sketch in copy.sketches.values()])(shoev2.hdf5(folder))

def instead(key, make):
    def change(file): del file[key]; make(file, key)
    return change

@pytest.mark.parametrize("change", [
    instead("png_data", lambda f, k: f.create_dataset(k, (1, 1_000_000, 1_000_000), np.uint8, chunks=(1, 64, 64))),
    instead("png_data", lambda f, k: f.create_dataset(k, (10, 256, 256), np.uint8, chunks=(1 << 20, 256, 256), maxshape=(None, 256, 256))),
    instead("image_base_name", lambda f, k: f.create_dataset(k, (1 << 40, 1), "S10", chunks=(64, 1))),
    instead("png_data", lambda f, k: f.create_group(k)), instead("image_base_name", lambda f, k: f.create_group(k)),
    instead("png_data", lambda f, k: f.create_dataset(k, (1, 256, 256), np.uint8, external="/etc/hostname")),
    instead("png_data", lambda f, k: f.__setitem__(k, h5py.ExternalLink("other.h5", "png_data"))),
    instead("image_base_name", lambda f, k: f.__setitem__(k, np.array([[np.nan]]))),
    instead("image_base_name", lambda f, k: f.__setitem__(k, np.array([[b"\xff\xfe"]]))),
], ids=["terabyte", "chunks", "names", "group", "group of names", "raw bytes of the disk", "link", "numbers", "not utf-8"])
def test_hdf5_that_claims_much_or_lies_elsewhere(tmp_path, change):
    with pytest.raises(ValueError, match="_svg_sim_spa_png.h5"): shoes_h5(tmp_path, change)()

def test_masks_that_claim_much(tmp_path):
    for name, make in dict(vast=lambda f: f.create_dataset("m", (1_000_000, 1_000_000), np.uint8, chunks=(64, 64)), group=lambda f: f.create_group("m")).items():
        with h5py.File(path := tmp_path/f"{name}.mat", "w") as file:
            cell = file.create_dataset("Masks", (1, 1), dtype=h5py.ref_dtype)
            cell[0, 0] = make(file).ref
        with pytest.raises(ValueError, match=path.name): list(human36m.masks(path, [0]))

def test_archives_that_claim_much(tmp_path):
    "Arrays of more than a file of a few hundred megabytes holds, and headers that say so"
    header = b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000), }".ljust(117) + b"\n"
    import zipfile
    with zipfile.ZipFile(path := tmp_path/"01_01_poses.npz", "w") as archive: archive.writestr("poses.npy", header)
    with pytest.raises(ValueError, match=path.name): amass.read_recording(path)

# Numbers and text

@pytest.mark.parametrize("text", ["[" * 100_000, '{"people":' * 50_000, "9" * 5000, '{"people": [{"pose_keypoints_2d": [NaN' + ", NaN" * 74 + "]}]}",
    '{"people": [{"pose_keypoints_2d": [' + ", ".join(["1e999"] * 75) + "]}]}", '{"people": [{"pose_keypoints_2d": [' + ", ".join(["true"] * 75) + "]}]}"])
@pytest.mark.parametrize("read, name", [(pictures.read_openpose, "a_keypoints.json"), (pictures.read_box, "a_bbox.json"), (lambda p: list(pose2d.json_people(p)), "train.json"), (read_json, None)])
def test_json(tmp_path, read, name, text):
    (path := tmp_path/(name or "any.json")).write_text(text, encoding="utf-8")
    if name is None and "NaN" in text or name is None and "people" in text and text.endswith("}]}"): return # JSON, whatever it means
    with pytest.raises(ValueError, match=path.name): read(path)

def test_json_is_utf8(tmp_path):
    "With a byte order mark too; other encodings are an error with the file's name"
    path = tmp_path/"a_keypoints.json"
    path.write_bytes(b"\xef\xbb\xbf" + openpose([]).encode())
    assert pictures.read_openpose(path) is None
    for encoding in ("utf-16", "latin-1"):
        path.write_bytes(json.dumps(dict(people=[], who="Jürgen"), ensure_ascii=False).encode(encoding))
        with pytest.raises(ValueError, match=path.name): pictures.read_openpose(path)

@pytest.mark.parametrize("field", ["id", "x", "img_train", "single_person", "name"])
@pytest.mark.parametrize("value", [np.nan, 1e300, "a", [], [1.5, 2.5]], ids=str)
def test_mpii_numbers(tmp_path, field, value):
    "NaN where a whole number is, text where a number is"
    from scipy.io import savemat
    from xvae.data.fixtures import struct as one
    from xvae.data.fixtures import structs
    odd = np.array(value) if isinstance(value, list) else value
    its = dict(id=1.0, x=2.0, img_train=1.0, single_person=1.0, name="1.jpg") | {field: odd}
    points = structs([one(id=its["id"] if i == 1 else float(i), x=its["x"], y=3.0 + i, is_visible="1") for i in range(16)])
    person = one(annopoints=one(point=points))
    annolist = structs([one(image=one(name=its["name"]), annorect=person)])
    savemat(path := tmp_path/"m.mat", dict(RELEASE=one(annolist=annolist, img_train=its["img_train"], single_person=its["single_person"])))
    try: rows = [pose2d.label(name, *row, pose2d.FROM_MPII, path) for name, *row in pose2d._mpii_rows(path, True, 1.0) if row[1].sum() >= pose2d.LEAST]
    except ValueError as e: assert "m.mat" in str(e); return
    for row in rows: assert isinstance(row.picture.name, str) and np.isfinite(row.joints_2d).all() and np.isfinite(row.box).all()

# Other files by way of one

def test_videos_are_no_lists_of_files(tmp_path):
    write_video(tmp_path/"real.mp4", (np.zeros((64, 64, 3), np.uint8) for _ in range(3)), (64, 64))
    for name, text in (("a.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nreal.mp4\n#EXT-X-ENDLIST\n"), ("b.avi", "ffconcat version 1.0\nfile real.mp4\n")):
        (path := tmp_path/name).write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=name): list(pictures.read_video(path))

def test_names_of_videos_are_no_addresses(tmp_path):
    write_video(path := tmp_path/"concat:12:30.mp4", (np.zeros((64, 64, 3), np.uint8) for _ in range(3)), (64, 64))
    assert len(list(pictures.read_video(path))) == 3

def test_lists_lead_nowhere_else(tmp_path):
    "Names with ../ in a list of shoes, in MPII's, in Human3.6M's and in the index of a cache"
    (tmp_path/"secret.jpg").write_bytes(b"")
    (names := tmp_path/"photo_train.txt").write_text("../../secret.jpg\n..\\secret.jpg\n", encoding="utf-8")
    with pytest.raises(ValueError, match="photo_train.txt"): shoev2.read_list(names) # the same name twice
    for folder in "images", "annot": (tmp_path/folder).mkdir()
    Image.new("RGB", (80, 80)).save(tmp_path/"images/1.jpg")
    people = [dict(image=name, joints=[[20 + 3 * i, 30] for i in range(16)], joints_vis=[1] * 16) for name in ("1.jpg", "../secret.jpg")]
    (tmp_path/"annot/trainval.json").write_text(json.dumps(people), encoding="utf-8")
    with pytest.raises((ValueError, FileNotFoundError), match="missing"): pose2d.mpii(tmp_path)
    with pytest.raises(ValueError, match="h36m_train.npz"): human36m._parse(tmp_path/"h36m_train.npz", "S1/../../secret_000001.jpg")
    assert human36m._parse("a", "../../S1_a.54138969_000001.jpg")[0] == "S1_a.54138969"

@pytest.mark.parametrize("name", ["../secret.zip", "/etc/passwd", "", "a/b.zip"])
def test_an_index_names_files_of_its_folder(tmp_path, name):
    tensors = {k: torch.zeros(1, *prepared.ROW.get(k, ())) for k in (*prepared.PER_ROW, "where", "part")}
    save_tensors(tmp_path/prepared.INDEX, tensors, dict(size=8, actions=["a"], parts=[[name, "mark", 1]]))
    with pytest.raises(ValueError, match=prepared.INDEX): prepared.PreparedPoses(tmp_path)

def test_parts_of_a_cache_stay_in_it(tmp_path):
    for name in ("../../a", "/etc/passwd", "a/../../b", "..", "C:\\a"): assert prepared.part_path(tmp_path, name).parent == tmp_path

# What the package keeps

def whole_but_other(path): save_tensors(path, dict(other=torch.ones(3)), dict(names=["a"]))
def lacking(path): tensors, about = load_tensors(path); tensors.pop("joints"); save_tensors(path, tensors, about)
def shorter(path): tensors, about = load_tensors(path); save_tensors(path, tensors | dict(subject=tensors["subject"][:1]), about)
def flipped(path): data = bytearray(path.read_bytes()); data[-5] ^= 4; path.write_bytes(data)
def of_another_type(path): path.write_bytes(path.read_bytes().replace(b'"F32"', b'"I32"'))
def no_checksum(path): path.write_bytes(path.read_bytes().replace(b"sha256", b"sha257"))
def another_key(path): path.write_bytes(path.read_bytes().replace(b'"json"', b'"jsom"'))

@pytest.mark.parametrize("damage", [whole_but_other, lacking, shorter, flipped, of_another_type, no_checksum, another_key, lambda p: p.write_bytes(b"")])
def test_damaged_cache_is_made_again(tmp_path, damage):
    "Readable or not: what comes is what was made, and nothing is left beside it"
    from formats import few
    read = lambda: kept(tmp_path, dict(part="people"), (), few, records.save_set, records.load_set)
    right, (path,) = read(), tmp_path.glob("*.safetensors")
    before = path.read_bytes()
    damage(path)
    assert path.read_bytes() != before and torch.equal(read().joints, right.joints) and path.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == {path.name, f"{path.name}.lock"}

@pytest.mark.parametrize("text", ["[]", "{}", "null", '["a", {}]', "[1, [2]]", "[" * 100_000, '{"a": [1, 2, 3, "x"]}'])
def test_damaged_notes_on_files_are_made_again(tmp_path, text):
    (tmp_path/"a.txt").write_text("a", encoding="utf-8")
    right = contents([tmp_path/"a.txt"], tmp_path/"cache")
    (tmp_path/"cache/contents.json").write_text(text, encoding="utf-8")
    assert contents([tmp_path/"a.txt"], tmp_path/"cache") == right

def test_a_changed_digest_in_the_notes_is_noticed(tmp_path):
    (tmp_path/"a.txt").write_text("a", encoding="utf-8")
    right, notes = contents([tmp_path/"a.txt"], tmp_path/"cache"), tmp_path/"cache/contents.json"
    digest = right[tmp_path/"a.txt"]
    notes.write_text(notes.read_text(encoding="utf-8").replace(digest, digest[::-1]), encoding="utf-8")
    assert contents([tmp_path/"a.txt"], tmp_path/"cache") == right

def test_published_weights_are_what_their_name_says(tmp_path):
    torch.save(dict(weight=torch.ones(3)), path := tmp_path/"weights.pth")
    named = path.rename(tmp_path/f"weights-{contents([path], False)[path][:8]}.pth")
    assert list(pictures._state(named)) == ["weight"]
    with pytest.raises(ValueError, match="as its name says"): pictures._state(named.rename(tmp_path/"weights-00000000.pth"))

@pytest.mark.parametrize("name, old, new", [("run.json", "101.25", "101.35"), ("run.json", '"seed": 0', '"seed": 1'), ("run.json", '"seconds": 1.5', '"seconds": 9.5'),
    ("curves.csv", "2.5", "2.6"), ("curves.csv", "\n1,", "\n7,")])
def test_a_changed_run_is_noticed(tmp_path, name, old, new):
    "A digit that is another is an error that names the file, whoever changed it"
    from formats import RUN, stored
    from xvae.experiments import find_run, job, read_run
    from xvae.frames import last_loss
    path, j = stored(tmp_path, name), job("smoke", device="cpu", results_dir=tmp_path)
    assert find_run(tmp_path, RUN) == RUN == read_run(path.with_name("run.json")) and last_loss(j, RUN.id) < 2.5
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    for read in [lambda: find_run(tmp_path, RUN), lambda: read_run(path)] if name == "run.json" else [lambda: last_loss(j, RUN.id)]:
        with pytest.raises(ValueError, match=name): read()

def test_runs_from_before_there_were_checksums(tmp_path):
    from formats import RUN, stored
    from xvae.experiments import find_run, read_run
    path = stored(tmp_path, "run.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    assert set(record.pop("sums")) == {"run", "curves"}
    path.write_text(json.dumps(record), encoding="utf-8")
    assert find_run(tmp_path, RUN) == RUN == read_run(path)
