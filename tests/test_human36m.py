"Human3.6M's two forms: what is written comes back, quirks are known, damage is refused by name"
import shutil, tracemalloc, warnings
import numpy as np, pytest
from xvae.data import human36m as H
from xvae.data.skeletons import MIRROR

for module in ("cdflib", "h5py", "av"): pytest.importorskip(module)

POSE = np.array([[0, 0, 0], [123.8, 11.3, 47.2], [21.1, 394.1, 244.9], [146.9, 827.8, 196.3], [-123.8, -11.3, -47.2],
    [-81.5, 420.7, 40.8], [-32.8, 869.9, 86.9], [67.6, -208.7, -80.0], [36.5, -459.1, -129.3], [23.5, -565.9, -73.7],
    [57.8, -649.2, -145.3], [-82.4, -369.1, -153.3], [-193.9, -127.6, -69.7], [-285.6, 30.2, 103.7], [157.0, -395.9, -63.6],
    [212.5, -149.1, 53.9], [190.6, 41.2, 217.2]]) + (-176.73, -321.05, 5203.88) # S1's first frame, from a published sample
FRAMES, LEFT_LEG_FIRST = 6, [0, 4, 5, 6, 1, 2, 3, *range(7, 17)]
S1 = H.Sequence(1, "Directions 1", "Directions", 1, (0,))

# Tiny copies

def walk(n=FRAMES): return POSE + np.arange(n)[:, None, None] * (20.0, 0, 0)

def all_32(joints):
    full = np.repeat(joints[..., 8:9, :], 32, -2)
    full[..., H.FROM_32, :] = joints
    return full

def write_cdf(path, rows, name="Pose"):
    from cdflib.cdfwrite import CDF
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.asarray(rows, np.float64).reshape(1, len(rows), -1)
    file = CDF(str(path), delete=True)
    file.write_var(dict(Variable=name, Data_Type=45, Num_Elements=1, Rec_Vary=True, Dim_Sizes=list(rows.shape[1:])), var_data=rows)
    file.close()

def write_masks(path, masks, name="Masks"):
    import h5py
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        cells = file.create_dataset(name, (len(masks), 1), dtype=h5py.ref_dtype)
        for i, mask in enumerate(masks): cells[i, 0] = file.create_dataset(f"#refs#/{i}", data=np.asarray(mask).T, compression=1).ref

def grey(i, height=1002): return np.full((height, 1000, 3), 20 + 20 * (i % 10), np.uint8)

def write_video(path, pictures, rate=50, **options):
    import av
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options) as file:
        stream = file.add_stream("libx264", rate=rate, options=dict(preset="ultrafast", crf="16"))
        for n, picture in enumerate(pictures):
            if not n: stream.height, stream.width = picture.shape[:2]
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())

def rectangle(pixels):
    mask, (x, y), (u, v) = np.zeros((1002, 1000), np.uint8), *(pixels.min(0) - 20).astype(int)[None], (pixels.max(0) + 20).astype(int)
    mask[y:v, x:u] = 1
    return mask

def silhouette(mask):
    "The lower left half of a box"
    x0, y0, x1, y1 = H.extent(mask)
    xs, ys = np.meshgrid(np.arange(1000), np.arange(1002))
    return mask & ((xs - x0) * (y1 - y0) <= (ys - y0) * (x1 - x0))

def raw(root, sequence=S1, camera=0, n=FRAMES, joints=None, extra=2):
    "One video as the archives unpack"
    joints = walk(n) if joints is None else joints
    pixels = H.to_pixels(joints, camera)
    boxes = [rectangle(p) for p in pixels]
    def to(*kind): return H.file_of(root, sequence, camera, *kind)
    write_cdf(to(H.MONO), all_32(joints)); write_cdf(to(H.D2), all_32(pixels))
    write_masks(to(H.BOXES, "mat"), boxes); write_masks(to(H.MASKS, "mat"), [silhouette(b) for b in boxes])
    write_video(to(H.VIDEOS, "mp4"), (grey(i) for i in range(n + extra)))
    return boxes

def npz(root, part="train", fps=10): return root/f"annotation_body3d/fps{fps}/h36m_{part}.npz"

def change(root, **fields):
    "Write the list with some fields replaced, or left out where None"
    with np.load(npz(root)) as file: columns = {k: fields.get(k, file[k]) for k in file.files}
    np.savez(npz(root), **{k: v for k, v in columns.items() if v is not None})

def mmpose(root, folder="S1_Directions_1.54138969", part="train", fps=10, n=FRAMES, digits=6):
    "One video as mmpose prepares it: every fifth frame, or every one"
    from PIL import Image
    step, subject, pixels = 50//fps, folder.split("_")[0], H.to_pixels(walk(n), 0)
    names = [f"{subject}/{folder}/{folder}_{step * i + 1:0{digits}}.jpg" for i in range(n)]
    (root/"images"/subject/folder).mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names): Image.fromarray(grey(i)).save(root/"images"/name)
    box, one = H.joints_box(pixels), np.ones((n, 17, 1))
    npz(root, part, fps).parent.mkdir(parents=True, exist_ok=True)
    np.savez(npz(root, part, fps), imgname=np.array(names), center=box[:, :2], scale=box[:, 2]/200, part=np.concatenate([pixels, one], 2),
             S=np.concatenate([walk(n)/1000, one], 2))

@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    root = tmp_path_factory.mktemp("human36m")
    raw(root/"raw"); mmpose(root/"mmpose")
    return root

@pytest.fixture
def root(copies, tmp_path, request):
    "A copy to damage, of the form that the test's name begins with"
    form = "mmpose" if "mmpose" in request.node.name else "raw"
    shutil.copytree(copies/form, tmp_path/"human36m")
    return tmp_path/"human36m"

def read(root, **kwargs): return [shot for video in H.footage(root, **{"train_stride": 1} | kwargs) for shot in video.shots()]

def at(root, *kind): return H.file_of(root, S1, 0, *kind)

def said(action):
    "What `action` returns, and its warnings"
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        return action(), [str(w.message) for w in told]

# What is written comes back

def test_raw(root):
    (video,), shots = H.footage(root), read(root)
    assert (video.name, video.subject, video.action, video.take, video.camera) == ("S1/Directions 1.54138969", 1, "Directions", 1, 0)
    assert len(video.files) == 5 and len(shots) == FRAMES
    boxes = [rectangle(p) for p in H.to_pixels(walk(), 0)]
    for i, shot in enumerate(shots):
        assert np.abs(shot.image.astype(int) - grey(i)).max() < 4
        np.testing.assert_array_equal(shot.joints, np.float32(walk()[i]))
        np.testing.assert_array_equal(shot.joints_2d, np.float32(H.to_pixels(walk()[i], 0)))
        np.testing.assert_array_equal(shot.box, H.mask_box(boxes[i]))
        np.testing.assert_array_equal(shot.mask, silhouette(boxes[i]))
        assert (shot.confidence == 1).all() and shot.mask.dtype == shot.image.dtype == np.uint8

def test_strides(root):
    "Training and test subjects have strides of their own, counted from frame 0"
    for shot, i in zip(read(root, train_stride=5), (0, 5), strict=True): assert np.abs(shot.image.astype(int) - grey(i)).max() < 4
    assert len(read(root, test_subjects=(1,), test_stride=4)) == 2
    with pytest.raises(ValueError, match="stride is 0"): read(root, train_stride=0)

def test_mmpose(root):
    (video,), shots = H.footage(root), read(root)
    assert (video.name, video.take, video.camera) == ("S1/Directions 1.54138969", 1, 0)
    for i, shot in enumerate(shots):
        np.testing.assert_allclose(shot.joints, walk()[i], atol=1e-3)
        np.testing.assert_allclose(shot.box, H.joints_box(H.to_pixels(walk()[i], 0)), atol=1e-3)
        assert np.abs(shot.image.astype(int) - grey(i)).max() < 4 and shot.mask is None

def test_mmpose_rates(tmp_path):
    "The finest list; strides of it; five digits; S9 from the list for testing"
    mmpose(tmp_path, fps=50, n=12, digits=5); mmpose(tmp_path, fps=10, n=12)
    mmpose(tmp_path, "S9_Greeting_1.54138969", "test", fps=10, n=14)
    train, test = H.footage(tmp_path)
    assert [p.name[-9:] for p in train.files[1:]] == ["00001.jpg", "00006.jpg", "00011.jpg"] or len(train.files) == 4
    assert [p.name[-8:] for p in test.files[1:]] == ["0001.jpg", "0066.jpg"]
    assert test.take == 1 and len(H.footage(tmp_path, subjects=(1,))) == 1

def test_both_forms_agree(copies):
    for a, b in zip(read(copies/"raw"), read(copies/"mmpose")):
        np.testing.assert_allclose(a.joints, b.joints, atol=1e-3)
        np.testing.assert_allclose(a.joints_2d, b.joints_2d, atol=1e-3)

def test_numbers():
    "World and back, and the published pixel of the pelvis"
    rng = np.random.default_rng(1)
    points = rng.normal(0, 800, (20, 3))
    for subject in H.EXTRINSICS:
        for camera in range(4):
            R = H.rotation(H.EXTRINSICS[subject][camera, :3])
            np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
            assert np.linalg.det(R) > 0
            np.testing.assert_allclose(H.world_to_camera(H.camera_to_world(points, subject, camera), subject, camera), points, atol=1e-8)
    np.testing.assert_allclose(H.to_pixels(POSE[0], 0), (473.684, 444.942), atol=0.0017)

def test_every_file_name_has_one_take():
    "Thirty names for each subject, each a take of its own"
    for subject in H.EXTRINSICS:
        takes = []
        for action in H.ACTIONS:
            names = [n for n, renamed in H.RENAMED.items() if renamed == action and subject == 1] or [action]
            for number in ("", " 1", " 2", " 3"):
                try: takes.append(H.take_number(subject, names[0] + number))
                except ValueError: pass
        assert sorted(takes) == [(action, take) for action in sorted(H.ACTIONS) for take in (1, 2)]

# Quirks and recoveries

def test_world_in_place_of_camera(root):
    "Camera-frame poses and pixels are not there: the world's, through the tables"
    write_cdf(H.file_of(root, S1, None, H.WORLD), H.camera_to_world(all_32(walk()), 1, 0))
    for kind in H.MONO, H.D2: shutil.rmtree(at(root, kind).parent)
    for i, shot in enumerate(read(root)):
        np.testing.assert_allclose(shot.joints, walk()[i], atol=1e-3)
        np.testing.assert_allclose(shot.joints_2d, H.to_pixels(walk()[i], 0), atol=1e-3)

def test_no_masks(root):
    for kind in H.BOXES, H.MASKS: shutil.rmtree(at(root, kind).parent)
    for i, shot in enumerate(read(root)):
        assert shot.mask is None
        np.testing.assert_allclose(shot.box, H.joints_box(H.to_pixels(walk()[i], 0)), rtol=1e-6)

def test_swapped_masks(root, copies):
    "Boxes and silhouettes in each other's folders are told apart"
    boxes, silhouettes = at(root, H.BOXES).parent, at(root, H.MASKS).parent
    boxes.rename(root/"x"); silhouettes.rename(boxes); (root/"x").rename(silhouettes)
    shots, told = said(lambda: read(root))
    assert any("ground_truth_bb: holds silhouette masks, expected box masks" in t for t in told)
    for a, b in zip(shots, read(copies/"raw")):
        np.testing.assert_array_equal(a.mask, b.mask); np.testing.assert_array_equal(a.box, b.box)

@pytest.mark.parametrize("both, mask", [(H.BOXES, False), (H.MASKS, True)])
def test_one_kind_of_masks(root, both, mask):
    "Two folders of boxes give no masks, two of silhouettes no boxes"
    other = ({H.BOXES, H.MASKS} - {both}).pop()
    shutil.copy(at(root, both, "mat"), at(root, other, "mat"))
    shots, told = said(lambda: read(root))
    assert len(told) == 1 and (shots[0].mask is not None) == mask
    assert np.allclose(shots[0].box, H.joints_box(H.to_pixels(POSE, 0))) == mask

@pytest.mark.parametrize("stored", [lambda m: 255 * m, lambda m: m > 0, lambda m: np.stack([m, 0 * m, 0 * m], -1), lambda m: m * 1.0])
def test_masks_as_stored(root, copies, stored):
    "255 for 1, logical, a third dimension, floating point"
    boxes = [rectangle(p) for p in H.to_pixels(walk(), 0)]
    for kind, make in ((H.BOXES, lambda b: b), (H.MASKS, silhouette)): write_masks(at(root, kind, "mat"), [stored(make(b)) for b in boxes])
    for a, b in zip(read(root), read(copies/"raw")):
        np.testing.assert_array_equal(a.mask, b.mask); np.testing.assert_array_equal(a.box, b.box)

def test_silhouettes_as_video(root):
    masks = [silhouette(rectangle(p)) for p in H.to_pixels(walk(), 0)]
    at(root, H.MASKS, "mat").unlink()
    write_video(at(root, H.MASKS, "mp4"), [np.repeat(255 * m[..., None], 3, -1) for m in masks])
    for shot, mask in zip(read(root, train_stride=2), masks[::2], strict=True): assert (shot.mask != mask).mean() < 1e-3

def test_missing_tail(root, monkeypatch):
    "The last mask serves the rest; a long tail is said"
    boxes = [rectangle(p) for p in H.to_pixels(walk(), 0)]
    write_masks(at(root, H.MASKS, "mat"), [silhouette(b) for b in boxes[:2]])
    shots, told = said(lambda: read(root))
    np.testing.assert_array_equal(shots[-1].mask, silhouette(boxes[1]))
    assert told == []
    monkeypatch.setattr(H, "TAIL", 1)
    assert "has 2 masks for 6 frames" in said(lambda: read(root))[1][0]

def test_box_of_something_else(root):
    "A box that does not hold the pelvis, and an empty one: the joints' box"
    mask = np.zeros((1002, 1000), np.uint8); mask[:50, :50] = 1
    write_masks(at(root, H.BOXES, "mat"), [mask, mask * 0] * 3)
    for i, shot in enumerate(read(root)): np.testing.assert_allclose(shot.box, H.joints_box(H.to_pixels(walk()[i], 0)), rtol=1e-6)

def test_short_video(root):
    "Fewer frames than poses: what is there, and a word about it"
    write_video(at(root, H.VIDEOS, "mp4"), (grey(i) for i in range(4)))
    shots, told = said(lambda: read(root))
    assert len(shots) == 4 and "has 4 frames and 6 poses; the last 2 poses are left out" in told[0]

def test_skipped_files(root):
    "_ALL and hidden files are no sequences"
    for name in ("_ALL.54138969", "_ALL 1.54138969", "._Directions 1.54138969"):
        for kind, ending in ((H.MONO, "cdf"), (H.VIDEOS, "mp4")): (at(root, kind).parent/f"{name}.{ending}").touch()
    assert [s.stem for s in H.sequences(root, 1)] == ["Directions 1"] and len(H.footage(root)) == 1

def test_corrupt_video_is_left_out(root, tmp_path):
    for stem, take in (("Directions", 2), ("Directions 1", 1)):
        for kind, ending in ((H.MONO, "cdf"), (H.VIDEOS, "mp4")):
            path = H.file_of(root, H.Sequence(11, stem, "Directions", take, (0,)), 0, kind, ending)
            path.parent.mkdir(parents=True, exist_ok=True); path.touch()
    videos, told = said(lambda: H.footage(root, subjects=(11,)))
    assert [v.name for v in videos] == ["S11/Directions 1.54138969"] and "S11/Directions.54138969" in told[0]

def test_shifted_take(tmp_path):
    "Three takes of S9 lie 200 mm beside the picture: boxes move, 2D joints are no labels, the 3D pose stays"
    from xvae.data.skeletons import from_directions, directions, subject_lengths
    import torch
    bones = from_directions(directions(torch.tensor(POSE - POSE[0])), subject_lengths(9).double()).numpy() + POSE[0]
    stored = H.world_to_camera(H.camera_to_world(bones, 9, 0) + (200, 0, 0), 9, 0)[None].repeat(FRAMES, 0)
    for stem, shifted in (("Greeting", True), ("Greeting 1", False)):
        sequence = H.Sequence(9, stem, "Greeting", 2 - (stem != "Greeting"), (0,))
        given = H.mask_box(raw(tmp_path, sequence, joints=stored)[0])
        shot = next(next(v for v in H.footage(tmp_path) if v.name == f"S9/{stem}.54138969").shots())
        np.testing.assert_allclose(shot.joints, stored[0], rtol=1e-6)
        right, wrong = H.to_pixels(bones, 0), H.to_pixels(stored[0], 0)
        np.testing.assert_allclose(shot.joints_2d, right if shifted else wrong, atol=1e-3)
        assert (shot.confidence == (0 if shifted else 1)).all()
        np.testing.assert_allclose(shot.box[:2] - given[:2], (right - wrong)[0] if shifted else (0, 0), atol=1e-3)

def test_memory_is_flat(tmp_path):
    "Ten times as many frames take no more memory"
    peaks = []
    for n in (4, 40):
        raw(tmp_path/str(n), n=n, joints=np.repeat(POSE[None], n, 0))
        (video,) = H.footage(tmp_path/str(n), train_stride=1)
        tracemalloc.start()
        assert sum(1 for _ in video.shots()) == n
        peaks.append(tracemalloc.get_traced_memory()[1]); tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]

# Damage

def cut_off(path, part=0.5): path.write_bytes(path.read_bytes()[:int(part * path.stat().st_size)])
def poses(root, change): write_cdf(at(root, H.MONO), all_32(change(walk())))
def with_nan(joints): joints[2, 5, 1] = np.nan; return joints
def growing(joints): return joints[:, :1] + (joints - joints[:, :1]) * np.linspace(0.9, 1.1, len(joints))[:, None, None]

RAW = dict( # damage to a raw copy: what is done, the file named, what is said
    no_root=(lambda r: shutil.rmtree(r), "", "no such folder"),
    empty_root=(lambda r: shutil.rmtree(r/"S1"), "", "no Human3.6M"),
    no_poses=(lambda r: shutil.rmtree(r/"S1/MyPoseFeatures"), H.MONO, "no poses of any video"),
    no_video=(lambda r: at(r, H.VIDEOS, "mp4").unlink(), "Directions 1.54138969.mp4", "expected a video for"),
    half_poses=(lambda r: shutil.copy(at(r, H.VIDEOS, "mp4"), r/"S1/Videos/Posing.54138969.mp4"), "Posing.54138969.cdf", "expected poses for"),
    other_camera=(lambda r: at(r, H.MONO).rename(at(r, H.MONO).with_name("Directions 1.123.cdf")), "Directions 1.123", "expected .54138969"),
    other_number=(lambda r: at(r, H.MONO).rename(at(r, H.MONO).with_name("Directions 7.54138969.cdf")), "Directions 7", "expected Directions 1 or"),
    cut_off_poses=(lambda r: cut_off(at(r, H.MONO)), "Directions 1.54138969.cdf", "expected a whole CDF file"),
    empty_poses=(lambda r: at(r, H.MONO).write_bytes(b""), "Directions 1.54138969.cdf", "expected a whole CDF file"),
    other_variable=(lambda r: write_cdf(at(r, H.MONO), all_32(walk()), "Pos"), "Directions 1.54138969.cdf", "variable Pose"),
    seventeen=(lambda r: write_cdf(at(r, H.MONO), walk()), "Directions 1.54138969.cdf", "(1, 6, 51), expected (1, frames, 96)"),
    nan=(lambda r: poses(r, with_nan), "Directions 1.54138969.cdf", "row 2 is not a number"),
    metres=(lambda r: poses(r, lambda j: j / 1000), "Directions 1.54138969.cdf", "look like metres"),
    world_frame=(lambda r: poses(r, lambda j: H.camera_to_world(j, 1, 0)), "Directions 1.54138969.cdf", "in the frame of the camera"),
    root_centred=(lambda r: poses(r, lambda j: j - j[:, :1]), "Directions 1.54138969.cdf", "0.00 m away"),
    left_for_right=(lambda r: poses(r, lambda j: j[:, MIRROR]), "Directions 1.54138969.cdf", "point backwards"),
    mirrored=(lambda r: poses(r, lambda j: j * (-1, 1, 1)), "Directions 1.54138969.cdf", "point backwards"),
    left_leg_first=(lambda r: poses(r, lambda j: j[:, LEFT_LEG_FIRST]), "Directions 1.54138969.cdf", "left leg first"),
    other_order=(lambda r: poses(r, lambda j: j[:, [0, 1, 2, 3, 4, 5, 6, 8, 7, *range(9, 17)]]), "Directions 1.54138969.cdf", "mm long, expected"),
    not_rigid=(lambda r: poses(r, growing), "Directions 1.54138969.cdf", "rigid"),
    other_subject=(lambda r: (r/"S1").rename(r/"S5"), "Directions 1.54138969.cdf", "for S5"),
    other_pixels=(lambda r: write_cdf(at(r, H.D2), all_32(H.to_pixels(walk(), 1))), "D2_Positions", "expected less than 1"),
    few_pixels=(lambda r: write_cdf(at(r, H.D2), all_32(H.to_pixels(walk(3), 0))), "D2_Positions", "3 rows, expected 6"),
    nan_pixels=(lambda r: write_cdf(at(r, H.D2), all_32(H.to_pixels(walk(), 0)) * np.nan), "D2_Positions", "not a number"),
    cut_off_video=(lambda r: cut_off(at(r, H.VIDEOS, "mp4")), "Directions 1.54138969.mp4", "expected a whole video"),
    cut_off_behind_index=(lambda r: (write_video(at(r, H.VIDEOS, "mp4"), map(grey, range(8)), movflags="faststart"),
                                     cut_off(at(r, H.VIDEOS, "mp4"), 0.8)), "Directions 1.54138969.mp4", "expected a whole video"),
    noise_video=(lambda r: at(r, H.VIDEOS, "mp4").write_bytes(bytes(range(256)) * 99), "Directions 1.54138969.mp4", "expected a whole video"),
    small_video=(lambda r: write_video(at(r, H.VIDEOS, "mp4"), [grey(0, 500)] * 6), "Directions 1.54138969.mp4", "1000 x 500 px, expected 1000 x 1002"),
    slow_video=(lambda r: write_video(at(r, H.VIDEOS, "mp4"), [grey(0)] * 6, 25), "Directions 1.54138969.mp4", "25 frames a second, expected 50"),
    no_box=(lambda r: at(r, H.BOXES, "mat").rename(at(r, H.BOXES, "mat").with_name("x.mat")), "ground_truth_bb", "expected box masks"),
    cut_off_masks=(lambda r: cut_off(at(r, H.MASKS, "mat")), "ground_truth_bs", "expected a whole MATLAB 7.3 file"),
    older_masks=(lambda r: at(r, H.MASKS, "mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(500)), "ground_truth_bs", "expected a whole MATLAB 7.3 file"),
    other_masks=(lambda r: write_masks(at(r, H.MASKS, "mat"), [rectangle(POSE[:, :2] + 500)], "Mask"), "ground_truth_bs", "variable Masks"),
    no_masks=(lambda r: write_masks(at(r, H.MASKS, "mat"), []), "ground_truth_bs", "Masks has no cells"),
    turned_masks=(lambda r: write_masks(at(r, H.MASKS, "mat"), [silhouette(rectangle(p)).T for p in H.to_pixels(walk(), 0)]),
                  "ground_truth_bs", "(1000, 1002) rows and columns, expected (1002, 1000)"),
)

@pytest.mark.parametrize("damage, names, says", RAW.values(), ids=RAW)
def test_damaged_raw(root, damage, names, says):
    "One line: the file, what was expected, what to do"
    damage(root)
    refused(root, names, says)

def refused(root, names, says):
    with pytest.raises((ValueError, FileNotFoundError)) as error: read(root)
    told = str(error.value)
    assert names in told and says in told and "expected" in told and ";" in told and len(told.splitlines()) == 1

def column(root, name):
    with np.load(npz(root)) as file: return file[name].copy()

def every(name, change_): return lambda r: change(r, **{name: change_(column(r, name))})
def first(name, value):
    def damage(root):
        rows = column(root, name); rows[0] = value
        change(root, **{name: rows})
    return damage

def pickled(root):
    names = column(root, "imgname").astype(object)
    with np.load(npz(root)) as file: rows = {k: file[k] for k in file.files} | dict(imgname=names)
    np.savez(npz(root), **rows)

MMPOSE = dict(
    cut_off_list=(lambda r: cut_off(npz(r)), "h36m_train.npz", "expected a whole .npz"),
    empty_list=(lambda r: npz(r).write_bytes(b""), "h36m_train.npz", "expected a whole .npz"),
    pickled_list=(pickled, "h36m_train.npz", "plain arrays"),
    empty_archive=(lambda r: np.savez(npz(r)), "h36m_train.npz", "has no imgname, center"),
    no_key=(lambda r: change(r, S=None), "h36m_train.npz", "has no S, expected"),
    no_rows=(lambda r: change(r, **{k: column(r, k)[:0] for k in H.FIELDS}), "h36m_train.npz", "has no rows"),
    fewer_names=(lambda r: change(r, imgname=column(r, "imgname")[:4]), "h36m_train.npz", "expected (4, 2)"),
    sixteen=(every("S", lambda S: S[:, 1:]), "h36m_train.npz", "(6, 16, 4), expected (6, 17, 4)"),
    other_names=(first("imgname", "im0001.jpg"), "h36m_train.npz", "imgname is 'im0001.jpg'"),
    millimetres=(every("S", lambda S: S * 1000), "h36m_train.npz, S1_Directions_1.54138969", "expected metres, they look like millimetres"),
    nan=(first("S", np.nan), "h36m_train.npz", "row 0 is not a number"),
    nan_pixels=(first("part", np.nan), "h36m_train.npz", "2D joint is not a number"),
    nan_box=(first("scale", np.nan), "h36m_train.npz", "a box does not hold the pelvis"),
    scale_in_px=(every("scale", lambda s: s / 200), "h36m_train.npz", "a box does not hold the pelvis"),
    root_centred=(every("S", lambda S: S - S[:, :1] * (1, 1, 1, 0)), "h36m_train.npz", "not root-centred"),
    left_leg_first=(every("S", lambda S: S[:, LEFT_LEG_FIRST]), "h36m_train.npz", "left leg first"),
    left_for_right=(every("S", lambda S: S[:, MIRROR]), "h36m_train.npz", "point backwards"),
    other_pixels=(every("part", lambda p: p + (30, 0, 0)), "h36m_train.npz", "expected less than 1"),
    no_picture=(lambda r: next(r.rglob("*_000006.jpg")).unlink(), "_000006.jpg", "no such file, expected what fps10/h36m_train.npz lists"),
    no_pictures=(lambda r: shutil.rmtree(r/"images"), "_000001.jpg", "no such file"),
    cut_off_picture=(lambda r: cut_off(next(r.rglob("*_000006.jpg"))), "_000006.jpg", "expected a whole picture"),
    cropped_pictures=(lambda r: __import__("PIL.Image").Image.fromarray(grey(0)[:500]).save(next(r.rglob("*_000006.jpg"))), "_000006.jpg", "1000 x 500 px"),
)

@pytest.mark.parametrize("damage, names, says", MMPOSE.values(), ids=MMPOSE)
def test_damaged_mmpose(root, damage, names, says):
    damage(root)
    refused(root, names, says)

def test_subset_and_strangers(copies):
    assert len(H.footage(copies/"raw", subjects=(1, 5))) == 1
    for subjects, says in (((9,), "nothing of S9"), ((2,), "subjects has 2")):
        with pytest.raises((ValueError, FileNotFoundError), match=says): H.footage(copies/"raw", subjects=subjects)

# The fixtures, which were written from the same documents by other hands

def test_fixture(tmp_path):
    "All that a reader must return, and one of the shifted takes"
    fixtures = pytest.importorskip("xvae.data.fixtures")
    folder = fixtures.write_fixture("human36m", tmp_path, subjects=(9,), actions=("SittingDown",), frames=4)
    truth, videos = fixtures.known("human36m", tmp_path), H.footage(folder, test_stride=1)
    assert {v.name for v in videos} == set(truth)
    for video in videos:
        row, shots = truth[video.name], list(video.shots())
        assert (video.subject, video.take, video.camera, len(shots)) == (9, int(row["take"]), int(row["camera"]), len(row["joints"]))
        shifted = (9, video.name.split("/")[1].rpartition(".")[0]) in H.SHIFTED
        for i, shot in enumerate(shots):
            assert fixtures.read_slate(shot.image) == i
            np.testing.assert_allclose(shot.joints, row["joints"][i], atol=1e-3)
            there = H.world_to_camera(row["world"][i].double().numpy() - (200.0 * shifted, 0, 0), 9, video.camera)
            np.testing.assert_allclose(shot.joints_2d, H.to_pixels(there, video.camera), atol=1e-3)
            assert (shot.confidence == (not shifted)).all()

def test_fixture_of_mmpose(tmp_path):
    fixtures = pytest.importorskip("xvae.data.fixtures")
    folder = fixtures.write_fixture("human36m_mmpose", tmp_path, subjects=(1,), actions=("WalkDog",), frames=6)
    truth, videos = fixtures.known("human36m_mmpose", tmp_path), H.footage(folder)
    assert len(videos) == len(truth) == 8 and {v.action for v in videos} == {"WalkDog"}
    for video in videos:
        row = truth[f"S1/S1_{video.name.split('/')[1].replace(' ', '_')}"]
        for i, shot in enumerate(video.shots()):
            np.testing.assert_allclose(shot.joints, row["joints"][i], atol=1e-3)
            np.testing.assert_allclose(shot.box, [*row["center"][i], row["side"][i]], atol=1e-3)
            assert fixtures.read_slate(shot.image) == 5 * i
