"Prepared pictures survive kills, damage and change, cost no more memory for longer films, and do not depend on who made them"
import multiprocessing, os, signal, subprocess, sys, threading, time, tracemalloc, warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from zipfile import ZipFile
import numpy as np, pytest, torch
from filelock import FileLock
from xvae.data import prepared
from xvae.data.fixtures import write_fixture
from xvae.data.prepare import load_poses, main
from xvae.data.prepared import Footage, PreparedPoses, Shot, part_path, prepare

SIZE = 24

def film(path, n):
    "Pictures that nobody else's seed gives; the file's first byte says which"
    for i in range(n):
        time.sleep(float(os.environ.get("FILM_PAUSE", 0)))
        g = np.random.default_rng([Path(path).read_bytes()[0], i])
        joints, side = g.normal(0, 300, (17, 3)), g.integers(30, 60)
        yield Shot(g.integers(0, 256, (side, side, 3), np.uint8), g.integers(0, 2, (side, side), np.uint8) if i % 2 else None,
            np.float32(joints), np.float32(g.uniform(0, side, (17, 2))), np.ones(17, np.float32), np.float32([side / 2, side / 2, side]))

def broken(path, after, error, *told):
    yield from film(path, after)
    raise error(*told)

def killed(path):
    yield from film(path, 2)
    os.kill(os.getpid(), signal.SIGKILL)

def films(folder, n=4, length=5, shots=film, **how):
    "Footage of `n` made-up films"
    paths = [folder/f"film{i}.mp4" for i in range(n)]
    for i, path in enumerate(paths): path.write_bytes(bytes([i] * 9))
    return [Footage(f"S{1 + i % 2}/Walking {i}", (p,), 1 + i % 2, "Walking", i, 0, partial(shots, p, length, **how)) for i, p in enumerate(paths)]

def files(folder):
    "Content of everything that stays"
    return {p.name: p.read_bytes() for p in Path(folder).iterdir() if p.name != ".lock"}

def same(a, b):
    "Two sets of the same samples"
    a, b = a[:], b[:]
    assert len(a) == len(b) and a.actions == b.actions
    for name in ("images", "masks", *prepared.PER_ROW): torch.testing.assert_close(getattr(a, name), getattr(b, name), rtol=0, atol=0)

@pytest.fixture
def source(tmp_path): (tmp_path/"source").mkdir(); return tmp_path/"source"

@pytest.fixture
def cache(tmp_path, source):
    "A finished cache of four films: its folder, and () to prepare it again"
    again = partial(prepare, "h", films(source), tmp_path/"cache", SIZE)
    again()
    return tmp_path/"cache/h", again

# What comes back

def test_what_comes_back(cache, source):
    "Every label of every shot, in the order of the footage; no mask known is a mask of ones"
    poses, shots = PreparedPoses(cache[0]), [s for f in films(source) for s in f.shots()]
    assert len(poses) == len(shots) == 20
    joints = np.stack([s.joints - s.joints[:1] for s in shots])
    np.testing.assert_array_equal(poses.joints, joints)
    np.testing.assert_allclose(poses.joints_2d, np.stack([2 * (s.joints_2d - s.box[:2]) / s.box[2] for s in shots]), atol=1e-6)
    assert poses.has_mask.tolist() == [s.mask is not None for s in shots]
    assert (poses[:].masks[~poses.has_mask] == 1).all() and (poses[:].masks[poses.has_mask] == 0).any()
    assert poses.subject.tolist() == [1] * 5 + [2] * 5 + [1] * 5 + [2] * 5

@pytest.mark.parametrize("index", [3, slice(2, 9), [5, 0, 5], torch.tensor([19, 3]), torch.arange(20) % 3 == 0, []], ids=str)
def test_index(cache, index):
    "As a `PoseSet` that holds everything"
    poses, some = PreparedPoses(cache[0]), PreparedPoses(cache[0])[:][index]
    for name in ("images", "masks", *prepared.PER_ROW): assert torch.equal(getattr(poses[index], name), getattr(some, name)), name
    if not isinstance(index, int): assert torch.equal(poses.subset(index)[:].images, some.images)

def test_threads_change_nothing(cache):
    "Also after a fork, which leaves threads behind"
    poses, before = PreparedPoses(cache[0]), torch.get_num_threads()
    torch.set_num_threads(1)
    one = poses.resized(12)[:]
    try:
        torch.set_num_threads(3)
        assert torch.equal(poses.resized(12)[:].images, one.images)
        assert torch.equal(next(iter(torch.utils.data.DataLoader(poses.resized(12), None, num_workers=1))).images, one.images[0])
    finally: torch.set_num_threads(before)

def test_no_pickle(cache):
    names = {Path(n).suffix for p in cache[0].glob("*.zip") for n in ZipFile(p).namelist()}
    assert names == {".jpg", ".png", ".safetensors", ".json"} and {p.suffix for p in cache[0].iterdir()} <= {".zip", ".safetensors", ""}

# Again, and after a change

def test_complete_is_used_as_it_is(cache):
    "Nothing is written and nothing is said"
    stamps = {p: p.stat().st_mtime_ns for p in cache[0].iterdir() if p.name != ".lock"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache[1]()
    assert {p: p.stat().st_mtime_ns for p in stamps} == stamps

def redone(folder, again, says):
    "Which parts are made again; one warning names the folder and says how many"
    before = {p.name: p.stat().st_mtime_ns for p in folder.glob("*.zip")}
    with pytest.warns(UserWarning) as told: again()
    told = [str(w.message) for w in told if issubclass(w.category, UserWarning)]
    assert len(told) == 1 and told[0].startswith(f"{folder}: not complete") and says in told[0]
    return [i for i in range(4) if (p := part_path(folder, f"S{1 + i % 2}/Walking {i}")).stat().st_mtime_ns != before.get(p.name)]

def cut(path): path.write_bytes(path.read_bytes()[:-100])
def empty(path): path.write_bytes(b"")
def other(path): path.write_bytes(bytes(range(256)) * 9)
def gone(path): path.unlink()
def bent(path): path.write_bytes(path.read_bytes()[:-40] + bytes(10) + path.read_bytes()[-30:])

@pytest.mark.parametrize("damage, word", [(cut, "damaged"), (empty, "damaged"), (other, "damaged"), (gone, "missing")])
def test_damaged_part(cache, damage, word):
    "It alone is made again, to the same bytes"
    folder, again = cache
    before = files(folder)
    damage(part_path(folder, "S2/Walking 1"))
    assert redone(folder, again, f"(parts: 3 finished, 1 {word})") == [1] and files(folder) == before

@pytest.mark.parametrize("damage", [cut, empty, other, gone])
def test_damaged_index(cache, damage):
    "No part is made again"
    folder, again = cache
    before = files(folder)
    damage(folder/prepared.INDEX)
    with pytest.raises((ValueError, FileNotFoundError), match="index.safetensors: not a whole|expected a finished cache"): PreparedPoses(folder)
    assert redone(folder, again, "(parts: 4 finished)") == [] and files(folder) == before

@pytest.mark.parametrize("damage", [empty, other, gone, bent, cut])
def test_damage_is_seen_when_reading(cache, damage):
    "An error that names the file, or the right pictures; never others"
    folder, again = cache
    poses, path = PreparedPoses(folder), part_path(folder, "S2/Walking 1")
    whole = poses[:]
    damage(path)
    try: assert torch.equal(poses[:].images, whole.images)
    except ValueError as e: assert str(e).startswith(str(path)) and "delete this file" in str(e)
    else: assert damage in (bent, cut)
    assert torch.equal(poses[:5].images, whole.images[:5])

def test_changed_bytes(cache):
    "Another picture in the same place is not taken for the right one; the remedy of the error works"
    folder, again = cache
    poses, path, before = PreparedPoses(folder), part_path(folder, "S2/Walking 1"), files(folder)
    content = bytearray(path.read_bytes())
    content[int(poses.where[6, 0, 0]) + 200] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError) as error: poses[4:8]
    assert str(error.value).startswith(f"{path}: ") and "delete this file" in str(error.value)
    path.unlink()
    assert redone(folder, again, "1 missing") == [1] and files(folder) == before

def test_damaged_anywhere(cache):
    "A file that was cut at any place is damaged or, if only the pictures suffered, found out when they are read"
    path = part_path(cache[0], "S1/Walking 0")
    whole, mark = path.read_bytes(), prepared.read_part(path)[0]["mark"]
    for n in np.linspace(0, len(whole) - 1, 40).astype(int):
        path.write_bytes(whole[:n])
        assert prepared.state(path, mark) == "damaged"

@pytest.mark.parametrize("change, says, made", [
    (dict(size=32), "4 older", [0, 1, 2, 3]), (dict(quality=80), "4 older", [0, 1, 2, 3]), (dict(length=6), "4 older", [0, 1, 2, 3]),
    (dict(file=2), "3 finished, 1 older", [2]), (dict(edit=1), "3 finished, 1 older", [1]), (dict(version=2), "4 older", [0, 1, 2, 3]), (dict(format=99), "4 older", [0, 1, 2, 3]),
    (dict(few=2), "(parts: 2 finished)", []), (dict(turned=True), "4 finished", [])], ids=str)
def test_stale(cache, source, monkeypatch, change, says, made):
    "Whatever a part depends on; what is not affected stays"
    folder, _ = cache
    footage = films(source, length=change.get("length", 5))
    if "file" in change: (source/"film2.mp4").write_bytes(bytes(12))
    if "edit" in change: (source/"film1.mp4").write_bytes(bytes([7] * 9)) # as long as before
    if "version" in change: monkeypatch.setattr(sys.modules[film.__module__], "VERSION", 2, raising=False)
    if "format" in change: monkeypatch.setattr(prepared, "FORMAT", 99)
    if "turned" in change: footage = footage[::-1]
    again = partial(prepare, "h", footage[:change.get("few", 4)], folder.parent, change.get("size", SIZE), change.get("quality", 90))
    assert redone(folder, again, says) == made
    assert len(PreparedPoses(folder)) == change.get("length", 5) * change.get("few", 4)

def test_moved_source_is_not_stale(cache, source):
    "Names and content count, folders and dates do not"
    source.rename(source.with_name("elsewhere"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepare("h", films(source.with_name("elsewhere")), cache[0].parent, SIZE)

# Bad input

@pytest.mark.parametrize("error, says", [((ValueError, "film1.mp4: 3 joints"), "S1/Walking 2: film1.mp4: 3 joints"),
    ((OSError, 28, "No space left"), "S1/Walking 2: "), ((ImportError, "av is not installed"), "S1/Walking 2: av is")], ids=["value", "os", "import"])
def test_bad_footage(tmp_path, source, error, says):
    "It leaves nothing, the others are kept, and only it is made when it is whole again"
    footage = films(source)
    bad = [replace(f, shots=partial(broken, f.files[0], 3, *error)) if i in (1, 2) else f for i, f in enumerate(footage)]
    with pytest.raises(ValueError) as told: prepare("h", bad, tmp_path, SIZE)
    assert str(told.value).startswith(says) and "1 more failed, the next is S2/Walking 1; parts done and kept: 2 of 4)" in str(told.value)
    assert sorted(files(tmp_path/"h")) == sorted(part_path(tmp_path/"h", footage[i].name).name for i in (0, 3))
    assert redone(tmp_path/"h", lambda: prepare("h", footage, tmp_path, SIZE), "2 finished, 2 missing") == [1, 2]

def test_mistake_in_a_reader(tmp_path, source):
    "It is not taken for bad input, but says which part it was"
    footage = [replace(f, shots=partial(broken, f.files[0], 3, KeyError, "Pose")) for f in films(source)]
    with pytest.raises(RuntimeError, match="S1/Walking 0: KeyError: 'Pose'") as told: prepare("h", footage, tmp_path, SIZE)
    assert isinstance(told.value.__cause__, KeyError) and files(tmp_path/"h") == {}

@pytest.mark.parametrize("wrong, says", [
    (dict(joints=np.zeros((16, 3))), "joints has shape (16, 3)"), (dict(box=np.float32([9, 9, 0])), "side of the box"),
    (dict(box=np.float32([9, 9, 1e9])), "side of the box"), (dict(box=np.float32([np.nan, 9, 9])), "shows nothing"),
    (dict(box=np.float32([500, 9, 9])), "shows nothing"), (dict(image=np.zeros((9, 9, 3))), "image is float64"),
    (dict(image=np.zeros((0, 9, 3), np.uint8)), "image is uint8 of shape (0, 9, 3)"), (dict(image=np.zeros((9, 9), np.uint8)), "image is"),
    (dict(mask=np.zeros((9, 9), np.uint8)), "mask has shape"), (dict(confidence=np.full(17, np.nan)), "confidence"),
    (dict(joints_2d=np.full((17, 2), np.nan)), "joints_2d"), (dict(joints=np.full((17, 3), np.inf)), "finite"),
    (dict(joints=np.where(np.arange(17)[:, None] == 0, np.nan, np.ones((17, 3)))), "pelvis")],
    ids=lambda x: "" if isinstance(x, str) else next(iter(x)))
def test_wrong_shots(tmp_path, source, wrong, says):
    footage = films(source, 1)
    shots = [replace(s, **wrong) if i == 2 else s for i, s in enumerate(footage[0].shots())]
    with pytest.raises(ValueError) as told: prepare("h", [replace(footage[0], shots=partial(iter, shots[:1]))] + [
        replace(footage[0], name="S5/Bad", shots=partial(iter, shots))], tmp_path, SIZE)
    assert says in str(told.value) and str(told.value).startswith("S5/Bad: picture 2: ") and len(files(tmp_path/"h")) == 1

@pytest.mark.parametrize("how, says", [(dict(size=0), "size is 0"), (dict(size=22.4), "size is 22.4"), (dict(quality=100), "quality is 100"),
    (dict(workers=0), "workers is 0"), (dict(footage=[]), "no footage"), (dict(length=0), "no picture came of 4 parts")], ids=str)
def test_wrong_requests(tmp_path, source, how, says):
    footage = how.pop("footage", films(source, length=how.pop("length", 5)))
    with pytest.raises(ValueError, match=says): prepare("h", footage, tmp_path, **dict(size=SIZE) | how)
    assert prepared.INDEX not in files(tmp_path/"h") if (tmp_path/"h").exists() else True

# Kills, neighbours, workers

def alive(pid):
    "Whether a process runs; one that ended and was not waited for does not"
    try: return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError: return False

@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_kill_and_resume_with_workers(tmp_path, source):
    "What was finished is kept, workers end with their parent, and the bytes are those of one process"
    code = "from pathlib import Path; from test_prepared import *; prepare('h', films(Path({!r}), 6, 20), {!r}, SIZE, workers=2)"
    here = os.environ | dict(FILM_PAUSE="0.05", PYTHONPATH=str(Path(__file__).parent))
    process = subprocess.Popen([sys.executable, "-c", code.format(str(source), str(tmp_path/"two"))], env=here, stderr=subprocess.DEVNULL)
    folder, deadline = tmp_path/"two/h", time.time() + 300
    while not (list(folder.glob("*.zip")) and list(folder.glob(".*.zip.*"))):
        assert process.poll() is None and time.time() < deadline
        time.sleep(0.02)
    workers = [int(p.name.rpartition("-")[2]) for p in folder.glob(".*.zip.*")]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    while any(map(alive, workers)):
        assert time.time() < deadline
        time.sleep(0.02)
    done = {p.name: p.stat().st_mtime_ns for p in folder.glob("*.zip")}
    assert workers and 1 <= len(done) < 6 and list(folder.glob(".*.zip.*")) and not (folder/prepared.INDEX).exists()
    with pytest.warns(UserWarning, match=f"{len(done)} finished, {6 - len(done)} missing"):
        two = prepare("h", films(source, 6, 20), tmp_path/"two", SIZE)
    one = prepare("h", films(source, 6, 20), tmp_path/"one", SIZE)
    assert {name: (folder/name).stat().st_mtime_ns for name in done} == done
    assert files(folder) == files(tmp_path/"one/h")
    same(two, one)

def test_worker_that_fails_and_worker_that_dies(tmp_path, source, monkeypatch):
    "An error in a worker names its part; a worker that is killed does not leave the parent waiting"
    monkeypatch.setattr(prepared, "get_context", lambda _: multiprocessing.get_context("fork")) # saves importing PyTorch six times
    footage = films(source)
    footage[3] = replace(footage[3], shots=partial(broken, footage[3].files[0], 3, ValueError, "cut off"))
    with pytest.raises(ValueError, match=r"S2/Walking 3: cut off \(parts done and kept: 3 of 4\)"): prepare("h", footage, tmp_path, SIZE, workers=2)
    footage[3] = replace(footage[3], shots=partial(killed, footage[3].files[0]))
    with pytest.warns(UserWarning, match="3 finished"), pytest.raises(RuntimeError, match="a worker was killed"):
        prepare("h", footage, tmp_path, SIZE, workers=2)
    with pytest.warns(UserWarning, match="3 finished, 1 missing"): prepare("h", films(source), tmp_path, SIZE)
    assert files(tmp_path/"h") == files(prepare("h", films(source), tmp_path/"alone", SIZE).folder)

def test_neighbour(cache):
    "Two who prepare the same wait for each other, and say so"
    held = threading.Event()
    def neighbour():
        with FileLock(cache[0]/".lock"): held.set(); time.sleep(0.3)
    threading.Thread(target=neighbour).start()
    held.wait()
    with pytest.warns(UserWarning, match="another process prepares here"): cache[1]()

# Memory

def large(n):
    "Pictures of 700 px, each a new one"
    shot, image = next(film(__file__, 1)), np.indices((700, 700, 3)).sum(0).astype(np.uint8)
    for _ in range(n): yield replace(shot, image=image.copy(), mask=None)

def test_memory_is_flat(tmp_path, source):
    "A film ten times as long takes hardly more: less than one picture, where the film is hundreds"
    def peak(length):
        footage = [replace(films(source, 1)[0], shots=partial(large, length))]
        tracemalloc.start()
        prepare("h", footage, tmp_path/str(length), SIZE)
        try: return tracemalloc.get_traced_memory()[1]
        finally: tracemalloc.stop()
    peak(2)
    assert peak(200) - peak(20) < 700 * 700 * 3

# The command

def test_command(tmp_path, capsys):
    "Done once, used as it is, and an older one named"
    root, out = tmp_path/"root", tmp_path/"cache"
    write_fixture("lsp", root)
    go = lambda root, size: main(["lsp", "--root", root, "--out", out, "--size", size])
    assert go(root, SIZE) == 0
    first, before, poses = capsys.readouterr().out, files(out/"lsp"), PreparedPoses(out/"lsp")
    assert first.startswith(f"{out/'lsp'}: {len(poses)} pictures of {SIZE} px") and poses.image_size == SIZE
    assert go(root/"lsp", SIZE) == 0 and capsys.readouterr() == (first, "") and files(out/"lsp") == before
    assert go(root, 30) == 0 and "1 older" in capsys.readouterr().err and PreparedPoses(out/"lsp").image_size == 30

def test_command_for_poses(tmp_path, capsys):
    "A library is drawn once, and again if it is damaged or other poses are asked for"
    root, out = write_fixture("cmu", tmp_path/"root"), tmp_path/"cache"
    go = lambda n: main(["cmu", "--root", root, "--out", out, "--poses", n])
    assert go(50) == 0 and capsys.readouterr().err == ""
    poses = load_poses(out/"cmu").clone()
    assert poses.shape == (50, 17, 3) and go(50) == 0 and "as they were" in capsys.readouterr().out
    cut(out/"cmu/library.safetensors")
    assert go(50) == 0 and "damaged" in capsys.readouterr().err and torch.equal(load_poses(out/"cmu"), poses)
    assert go(20) == 0 and "older" in capsys.readouterr().err and torch.equal(load_poses(out/"cmu"), poses[:20])
    (root/".DS_Store").write_text("of no reader", encoding="utf-8")
    assert go(20) == 0 and "as they were" in capsys.readouterr().out
    trial = next(root.rglob("*.amc"))
    trial.write_text(trial.read_text(encoding="utf-8")[:-2] + ("1" if trial.read_text(encoding="utf-8")[-2] != "1" else "2") + "\n", encoding="utf-8") # the last digit
    assert go(20) == 0 and "older" in capsys.readouterr().err

@pytest.mark.parametrize("name, root, says", [
    ("lsp", "nowhere", "nowhere: no such folder; expected"), ("lsp", "empty", "empty"), ("human36m", "empty", "empty"),
    ("mpii", "empty", "empty"), ("cmu", "empty", "empty"), ("amass", "empty", "empty"), ("pictures", "empty", "empty"),
    ("lsp", "cache/lsp", "would write into the dataset")])
def test_command_refuses(tmp_path, capsys, name, root, says):
    "One line, an exit code, and no cache"
    for folder in "empty", "cache/lsp": (tmp_path/folder).mkdir(parents=True)
    assert main([name, "--root", tmp_path/root, "--out", tmp_path/"cache"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and says in err and err.count("\n") == 1 and "expected" in err
    assert not [p for p in (tmp_path/"cache").rglob("*") if p.is_file() and p.name != ".lock"]

def test_command_line(tmp_path):
    "The exit code gets out"
    command = [sys.executable, "-m", "xvae.data.prepare", "lsp", "--root", tmp_path/"no", "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "no such folder" in done.stderr
