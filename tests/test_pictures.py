"Own pictures and videos: what lies beside them is found and used, and damage is one line that says what to do"
import json, pickle, shutil
import av, numpy as np, pytest, torch
from PIL import Image
from safetensors.torch import save_file
from torchvision.models import segmentation
from conftest import sent
from test_pose2d import NOISE, cut_off, refused, save, shots
from xvae.data.fixtures import cells, known, write_fixture
from xvae.data.pictures import BODY_25, BODY_25B, COCO_18, FROM_BODY_25, FROM_BODY_25B, FROM_COCO_18, FROM_HALPE_26, HALPE_26, MARGIN, PERSON
from xvae.data.pictures import deeplab, footage, foreground, frame_mask, openpose_people, read_openpose, read_video, write_masks
from xvae.data.pose2d import lsp
from xvae.data.prepare import main
from xvae.data.prepared import PreparedPoses
from xvae.data.skeletons import JOINTS

def test_fixture(tmp_path):
    "A folder that somebody else wrote from the same description"
    write_fixture("pictures", tmp_path)
    truth = {name: {k: v.numpy() for k, v in row.items()} for name, row in known("pictures", tmp_path).items()}
    stills, film = footage(tmp_path/"pictures")
    found = dict(zip([*sorted(n for n in truth if "." in n), *(f"run {i}" for i in range(12))], shots([stills, film])))
    assert found.keys() == truth.keys() and (stills.take, film.take) == (0, 1)
    for name, row in truth.items():
        shot, people = found[name], row.get("confidence", np.zeros((0, 17)))
        if "picture" in row: assert np.abs(shot.image.astype(float) - row["picture"]).mean() < 4
        else: assert np.abs(cells(shot.image) - row["cells"]).mean() < 4
        if not len(people): assert not shot.confidence.any()
        else:
            best, lacks = people.mean(1).argmax(), [0] if name == "clara.png" else [] # COCO has no pelvis
            expected = np.where(np.isin(np.arange(17), lacks), 0, people[best])
            assert np.allclose(shot.confidence, expected, atol=1e-4)
            assert np.abs(shot.joints_2d - row["joints_2d"][best])[shot.confidence > 0].max() < 1e-3
    assert np.array_equal(found["anna.jpg"].mask, truth["anna.jpg"]["mask"]) and found["ben.jpg"].mask is None
    assert np.abs(cells(found["run 2"].mask) - truth["run 2"]["mask"]).max() < 1e-6 and found["run 3"].mask is None
    assert np.array_equal(found["run 4"].box, found["run 3"].box)

# OpenPose

def person(names=BODY_25, seed=0, confidence=0.9):
    "Everything seen somewhere in a picture of 70 x 60 px"
    xy = np.random.default_rng(seed).uniform(8, 52, (len(names), 2)).round(3)
    if names is BODY_25: xy[8] = (xy[9] + xy[12]) / 2 # as it always is
    return np.column_stack([xy, np.full(len(names), confidence)])

def text(*people, key="pose_keypoints_2d"): return json.dumps(dict(version=1.3, people=[{key: p.ravel().tolist()} for p in people]))

def write(path, content):
    path.write_text(content, encoding="utf-8")
    return path

@pytest.mark.parametrize("names, where, lacks", [(BODY_25, FROM_BODY_25, ["Spine", "Head"]), (COCO_18, FROM_COCO_18, ["Pelvis", "Spine", "Head"])])
@pytest.mark.parametrize("key", ["pose_keypoints_2d", "pose_keypoints"])
def test_openpose(tmp_path, names, where, lacks, key):
    "Both models, old and new key; the box is around all that was seen"
    points, confidence, box = read_openpose(write(tmp_path/"a.json", text(someone := person(names), key=key)))
    assert [JOINTS[j] for j in range(17) if confidence[j] == 0] == lacks
    assert all(np.allclose(points[j], someone[k, :2]) for j, k in enumerate(where) if k >= 0)
    low, high = someone[:, :2].min(0), someone[:, :2].max(0)
    assert np.allclose(box, [*(low + high) / 2, MARGIN * (high - low).max()])

def test_who_is_seen_best(tmp_path):
    people = [person(seed=s, confidence=c) for s, c in enumerate((0.5, 0.9, 0.7))]
    assert np.allclose(read_openpose(write(tmp_path/"a.json", text(*people)))[0][3], people[1][11, :2])

def test_uncertain_joints_do_not_count(tmp_path):
    "Neither as joints nor for the box; of fewer than four there is no person"
    someone = person()
    someone[4] = 500, 500, 0.2
    points, confidence, box = read_openpose(write(tmp_path/"a.json", text(someone)))
    assert confidence[16] == 0 and box[2] < 100
    someone[3:, 2] = 0.1
    assert read_openpose(write(tmp_path/"a.json", text(someone))) is None

def test_nobody(tmp_path):
    assert openpose_people(write(tmp_path/"a.json", text())) == [] and read_openpose(tmp_path/"a.json") is None
    assert read_openpose(write(tmp_path/"a.json", text(0 * person()))) is None

def numbers(*values): return json.dumps(dict(people=[dict(pose_keypoints_2d=list(values))]))

# Orders of joints

FIGURE = dict(Nose=(0, -70), Neck=(0, -55), UpperNeck=(0, -56), HeadTop=(0, -85), Head=(0, -80), MidHip=(0, 0), Hip=(0, 0), Eye=(3, -74), Ear=(7, -73),
              Shoulder=(17, -54), Elbow=(24, -30), Wrist=(20, -8), Knee=(11, 42), Ankle=(12, 85), BigToe=(18, 94), SmallToe=(22, 92), Heel=(11, 91))

def figure(names, at=(60, 95), size=1.0, confidence=0.9):
    "Somebody who stands and faces us, the own left on the right of the picture"
    def place(name):
        if name in FIGURE: return FIGURE[name]
        x, y = (10, 0) if name[1:] == "Hip" else FIGURE[name[1:]]
        return (x if name[0] == "L" else -x), y
    return np.column_stack([size * np.array([place(n) for n in names], float) + at, np.full(len(names), confidence)])

def longer(person, joints): return np.concatenate([person, np.random.default_rng(0).uniform(0, 99, (joints - len(person), 3))])

@pytest.mark.parametrize("names, where, joints", [(BODY_25, FROM_BODY_25, 25), (BODY_25B, FROM_BODY_25B, 25), (BODY_25B, FROM_BODY_25B, 135),
                                                  (COCO_18, FROM_COCO_18, 18), (HALPE_26, FROM_HALPE_26, 26), (HALPE_26, FROM_HALPE_26, 136)])
def test_order_is_recognised(tmp_path, names, where, joints):
    "Every joint that the two have in common lies where its name says, whatever the model"
    someone = figure(names)
    points, confidence, _ = read_openpose(write(tmp_path/"a.json", text(longer(someone, joints))))
    for j, name in enumerate(JOINTS):
        theirs = [n for n in (name, *dict(Thorax=("Neck", "UpperNeck"), Pelvis=("MidHip", "Hip"), Head=("HeadTop",)).get(name, ())) if n in names and n != "Head"]
        assert bool(theirs) == (confidence[j] > 0) == (where[j] >= 0), name
        if theirs: assert np.allclose(points[j], someone[names.index(theirs[0]), :2], atol=1e-3), name

@pytest.mark.parametrize("names, where", [(BODY_25, FROM_BODY_25), (BODY_25B, FROM_BODY_25B)])
@pytest.mark.parametrize("hidden", ["Hip Knee Ankle Toe Heel", "Eye Ear Nose", "Hip", "L"])
def test_order_of_somebody_half_seen(tmp_path, names, where, hidden):
    "From the upper body, without the hips, from one side"
    someone = figure(names)
    someone[[any(h in n for h in hidden.split()) for n in names]] = 0
    points, confidence, _ = read_openpose(write(tmp_path/"a.json", text(someone)))
    assert all(np.allclose(points[j], someone[k, :2], atol=1e-3) for j, k in enumerate(where) if confidence[j]) and confidence.any()

def test_order_by_the_others(tmp_path):
    "Where too little is seen to tell, a file of the same folder tells; where none does, it is an error and no guess"
    face = figure(BODY_25B)
    face[5:] = 0
    for name in "ab": save(tmp_path/f"{name}.png", np.zeros((200, 120, 3), np.uint8))
    write(tmp_path/"a_keypoints.json", text(face))
    assert "too little is seen to tell the joints of BODY_25 from those of BODY_25B" in refused(lambda: shots(footage(tmp_path)))
    write(tmp_path/"b_keypoints.json", text(figure(BODY_25B)))
    found = shots(footage(tmp_path))[0]
    assert [JOINTS[j] for j in range(17) if found.confidence[j]] == ["Nose"]

def test_both_orders_on_real_motion():
    "The project's own made-up people, 500 of them: none is taken for the other order, and few can't be told"
    from xvae.data.pictures import order_of_25
    from xvae.data.rendered import procedural_motion, wild_set
    points = (wild_set(500, procedural_motion(0), 32, seed=1).joints_2d.numpy() + 1) * 250
    points[:, 0] = (points[:, 1] + points[:, 4]) / 2
    for names, where, other in (BODY_25, FROM_BODY_25, BODY_25B), (BODY_25B, FROM_BODY_25B, BODY_25):
        people = np.zeros((500, 25, 3))
        for j, k in enumerate(where):
            if k >= 0: people[:, k] = np.column_stack([points[:, j], np.full(500, 0.9)])
        told = [order_of_25(person) for person in people]
        assert other not in told and told.count(names) > 490

@pytest.mark.parametrize("joints, told", [(15, "OpenPose's MPI"), (16, "MPII"), (17, "COCO's own order or Human3.6M's"), (19, "BODY_19"), (23, "BODY_23"),
                                          (59, "BODY_59"), (65, "BODY_65"), (95, "BODY_95"), (133, "COCO-WholeBody"), (14, "LSP")])
def test_other_orders_are_refused_by_name(tmp_path, joints, told):
    line = refused(lambda: read_openpose(write(tmp_path/"a.json", text(longer(figure(COCO_18[:14]), joints)))))
    assert told in line and f"a person has {3 * joints} numbers" in line and "; run OpenPose again" in line

@pytest.mark.parametrize("content, told", [
    ([dict(image_id="a.jpg", category_id=1, keypoints=[1.0] * 51, score=2.0)], "AlphaPose's or COCO's"), (dict(version=0.1, bodies=[dict(joints=[1.0] * 51)]), "AlphaPose's form 'cmu'"),
    ([dict(keypoints=[[1.0, 2.0]] * 17, keypoint_scores=[1.0] * 17)], "MMPose's"), (dict(meta_info={}, instance_info=[]), "MMPose's"),
    (dict(images=[], annotations=[]), "a list of COCO's form"),
])
def test_other_programs_are_named(tmp_path, content, told):
    assert told in refused(lambda: read_openpose(write(tmp_path/"a.json", json.dumps(content))))

@pytest.mark.parametrize("content, told", [
    ("", "not a whole JSON file"), (text(person())[:-40], "not a whole JSON file"), ("\x00\x01", "not a whole JSON file"),
    ("[]", "has no list of people"), ("7", "has no list of people"), ("{}", "has no list of people"), ('{"people": 3}', "has no list of people"),
    ('{"people": [3]}', "has no list of people"), ('{"people": [{"face_keypoints_2d": []}]}', "has no list 'pose_keypoints_2d'"),
    ('{"people": [{"pose_keypoints_2d": 3}]}', "has no list 'pose_keypoints_2d'"),
    (text(person()[:15]), "a person has 45 numbers, expected 75 (BODY_25) or 54 (COCO)"), (numbers(), "a person has 0 numbers"),
    (numbers(*[1.0] * 74), "a person has 74 numbers"),
    (numbers(*[float("nan")] * 75), "a joint is not a number"), (numbers(*[float("inf")] * 75), "a joint is not a number"),
    (numbers(*["1"] * 75), "a joint is not a number"), (numbers(*[None] * 54), "a joint is not a number"),
    (text(person() / [70, 60, 1]), "--keypoint_scale 0"), (text(person() / [35, 30, 1] - [1, 1, 0]), "--keypoint_scale 0"),
    (text(person() + [900, 0, 0]), "none of its joints lies inside its 70 x 60 px"),
])
def test_damaged_openpose(tmp_path, content, told):
    save(tmp_path/"a.png", NOISE[0])
    line = refused(lambda: shots(footage(write(tmp_path/"a_keypoints.json", content).parent)))
    assert line.startswith(f"{tmp_path/'a_keypoints.json'}: ") and told in line and "; " in line

# Boxes

@pytest.mark.parametrize("content", ["[10, 20, 30, 20]", '{"bbox": [10, 20, 30.0, 20]}'])
def test_box(tmp_path, content):
    "Goes before OpenPose's"
    save(tmp_path/"a.png", NOISE[0])
    write(tmp_path/"a_bbox.json", content)
    write(tmp_path/"a_keypoints.json", text(person()))
    (shot,) = shots(footage(tmp_path))
    assert shot.box.tolist() == [24.5, 29.5, 30] and shot.confidence.sum() > 10

@pytest.mark.parametrize("content, told", [
    ("", "not a whole JSON file"), ("[1, 2, 3", "not a whole JSON file"), ("[1, 2, 3]", "not a box"), ("[1, 2, 3, 4, 5]", "not a box"), ("{}", "not a box"),
    ('{"bbox": "1"}', "not a box"), ("[1, 2, NaN, 4]", "not a box"), ("[1, 2, 3, null]", "not a box"), ("[10, 10, 0, 20]", "not a box"),
    ("[30, 30, -10, -10]", "not a box"), ("[0.1, 0.1, 0.5, 0.8]", "not a box"), ("[900, 10, 30, 30]", "shows nothing of the picture, expected a box inside 70 x 60 px"),
    ("[10, -99, 30, 30]", "shows nothing of the picture"),
])
def test_damaged_box(tmp_path, content, told):
    save(tmp_path/"a.png", NOISE[0])
    line = refused(lambda: shots(footage(write(tmp_path/"a_bbox.json", content).parent)))
    assert line.startswith(f"{tmp_path/'a_bbox.json'}: ") and told in line and "; " in line

# Videos

def write_video(path, n=5, turn=0, **options):
    "Frames with a bright corner that moves to the right"
    frames = np.full((n, 48, 64, 3), 30, np.uint8)
    for i in range(n): frames[i, :16, 8 * i:8 * i + 16] = 220
    with av.open(str(path), "w", options=options) as video:
        stream = video.add_stream("libx264", rate=25, options=dict(crf="4"))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        if turn: stream.set_display_rotation(turn)
        video.start_encoding()
        for frame in frames: video.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        video.mux(stream.encode())
    return frames

@pytest.mark.parametrize("turn", [0, 90, -90, 180])
def test_video(tmp_path, turn):
    "Frames are upright as a player shows them"
    frames = write_video(tmp_path/"a.mp4", turn=turn)
    found = list(read_video(tmp_path/"a.mp4"))
    assert len(found) == 5
    for frame, truth in zip(found, frames): assert np.abs(frame.astype(float) - np.rot90(truth, turn // 90)).mean() < 4

def test_video_with_keypoints(tmp_path):
    "In a folder of their own; a frame without a person keeps the box, the first without is whole"
    write_video(tmp_path/"run.mp4")
    (tmp_path/"json").mkdir()
    for i, people in {1: [person(COCO_18)], 2: [], 4: [person(seed=1)]}.items(): write(tmp_path/f"json/run_{i:012}_keypoints.json", text(*people))
    save(frame_mask(tmp_path/"run.mp4", 3), np.full((48, 64), 255, np.uint8))
    (film,) = footage(tmp_path)
    found = list(sent(film).shots())
    assert (film.name, film.take, len(film.files)) == ("run.mp4", 1, 5)
    assert found[0].box.tolist() == [31.5, 23.5, 64]
    assert np.array_equal(found[1].box, found[2].box) and np.array_equal(found[1].box, found[3].box) and found[4].box[2] != found[1].box[2]
    assert [int(shot.confidence.any()) for shot in found] == [0, 1, 0, 0, 1] and [shot.mask is not None for shot in found] == [False] * 3 + [True, False]

def followed(tmp_path, frames, **beside):
    "The shots of a video with these people in its frames; None = no file"
    write_video(tmp_path/"run.mp4", len(frames))
    for i, people in enumerate(frames):
        if people is not None: write(tmp_path/f"run_{i:012}_keypoints.json", text(*people))
    for name, content in beside.items(): write(tmp_path/f"run_{name}.json", content)
    return shots(footage(tmp_path))

def small(x, confidence): return figure(BODY_25, (x, 24), 0.2, confidence)

@pytest.mark.parametrize("turned", [False, True])
def test_one_of_two_is_followed(tmp_path, turned):
    "Whoever is seen best in each frame changes, the list's order too; the person who was followed first is followed"
    at = np.linspace(15, 30, 12)
    frames = [[small(x, 0.9 if i % 3 == 0 else 0.5), small(70 - x, 0.6)][::-1 if turned and i % 2 else 1] for i, x in enumerate(at)]
    found = followed(tmp_path, frames)
    assert np.allclose([shot.box[0] for shot in found], at, atol=1)

def test_nobody_takes_the_place(tmp_path):
    "A person whom OpenPose misses for some frames keeps the box; after many somebody else is taken"
    frames = [[small(15, 0.9), small(50, 0.6)], *[[small(50, 0.9)]] * 3, [small(50, 0.9), small(17, 0.5)], *[[small(50, 0.9)]] * 20]
    found = followed(tmp_path, frames)
    assert np.allclose([shot.box[0] for shot in found[:6]], [15, 15, 15, 15, 17, 17], atol=1)
    assert [bool(shot.confidence.any()) for shot in found[:6]] == [True, False, False, False, True, False]
    assert abs(found[14].box[0] - 17) < 1 and abs(found[-1].box[0] - 50) < 1 and found[-1].confidence.any()

def test_found_again_after_frames_without_a_file(tmp_path):
    frames = [[small(15, 0.9), small(50, 0.6)], *[None] * 28, [small(50, 0.9), small(16, 0.5)]]
    assert abs(followed(tmp_path, frames)[-1].box[0] - 16) < 1

def test_a_drawn_box_says_who(tmp_path):
    "In a video and in a picture the joints are those of the person in the box, not of the one seen best"
    two = [small(15, 0.9), small(50, 0.6)]
    film = followed(tmp_path/"film", [two] * 3, bbox="[40, 4, 20, 40]") if (tmp_path/"film").mkdir() is None else None
    (tmp_path/"still").mkdir()
    save(tmp_path/"still/a.png", NOISE[0])
    write(tmp_path/"still/a_keypoints.json", text(*two)); write(tmp_path/"still/a_bbox.json", "[40, 4, 20, 40]")
    for shot in (*film, *shots(footage(tmp_path/"still"))):
        seen = shot.confidence > 0
        assert abs(shot.joints_2d[seen, 0].mean() - 50) < 3 and shot.box.tolist() == [49.5, 23.5, 40]

def test_one_box_for_a_video(tmp_path):
    write_video(tmp_path/"run.mp4")
    write(tmp_path/"run_bbox.json", "[4, 4, 20, 30]")
    assert {tuple(shot.box.tolist()) for shot in shots(footage(tmp_path))} == {(13.5, 18.5, 30)}

def sound_alone(path):
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 8000
        file.mux(stream.encode(sound)); file.mux(stream.encode())

@pytest.mark.parametrize("damage, told", [
    (lambda path: cut_off(path), "unreadable after 0 frames"),
    (lambda path: cut_off(path, 0.7), "unreadable after 0 frames"),
    (lambda path: path.write_bytes(b""), "unreadable after 0 frames"),
    (lambda path: path.write_text("<html>not found</html>", encoding="utf-8"), "unreadable after 0 frames"),
    (lambda path: path.write_bytes(bytes(range(256)) * 40), "unreadable after 0 frames"),
    (sound_alone, "has no pictures"),
    (lambda path: (write_video(path, 40, movflags="faststart"), cut_off(path, 0.6)), "after "),
    (lambda path: write_video(path, 0), "has no pictures"),
    (lambda path: write(path.parent/"run_000000000005_keypoints.json", text(person())), "is of a frame that run.mp4 lacks, expected 0 to 4"),
    (lambda path: save(frame_mask(path, 1), NOISE[0, ..., 0]), "is 70 x 60, expected 64 x 48"),
    (lambda path: write(path.parent/"run_bbox.json", "[90, 90, 10, 10]"), "shows nothing of the picture"),
    (lambda path: write(path.parent/"run_000000000002_keypoints.json", text(person() + [999, 0, 0])), "none of its joints lies inside its 64 x 48 px"),
])
def test_damaged_video(tmp_path, damage, told):
    write_video(tmp_path/"run.mp4")
    damage(tmp_path/"run.mp4")
    line = refused(lambda: shots(footage(tmp_path)))
    assert line.startswith(str(tmp_path)) and told in line and "; " in line

# The folder

def test_listing_opens_nothing(tmp_path):
    "Pieces of 500 pictures, sorted by name, hidden and other files left alone"
    for name in "b.JPG", "a.png", "._a.png", "notes.txt", "c.heic": write(tmp_path/name, "no picture")
    (tmp_path/"images").mkdir()
    for i in range(600): write(tmp_path/f"images/{i:03}.jpeg", "")
    pieces = footage(tmp_path)
    assert [(p.name, len(p.files)) for p in pieces] == [("pictures 00001-00500", 500), ("pictures 00501-00602", 102)]
    assert pieces[0].files[0].name == "000.jpeg" and pieces[1].files[-1].name == "b.JPG"

@pytest.mark.parametrize("damage, told", [
    (lambda root: shutil.rmtree(root), "no pictures here, expected .jpg"),
    (lambda root: (root/"a.png").unlink(), "no pictures here, expected .jpg"),
    (lambda root: save(root/"a.jpg", NOISE[1]), "has the name of a.jpg, expected another"),
    (lambda root: save(root/"images/a.bmp", NOISE[1]), "has the name of a.bmp, expected another"),
    (lambda root: write(root/"b_keypoints.json", text()), "belongs to nothing here, expected a picture b.jpg"),
    (lambda root: write(root/"b_bbox.json", "[1, 2, 3, 4]"), "belongs to nothing here, expected a picture b.jpg"),
    (lambda root: [(root/k).mkdir() or write(root/k/"a_keypoints.json", text()) for k in "xy"], "is there twice"),
    (lambda root: cut_off(root/"a.png"), "not a whole picture"),
    (lambda root: write(root/"a.png", ""), "not a whole picture"),
    (lambda root: save(root/"masks/a.png", NOISE[0, :50, :, 0]), "is 70 x 50, expected 70 x 60"),
    (lambda root: (save(root/"masks/a.png", NOISE[0]), cut_off(root/"masks/a.png")), "not a whole picture"),
])
def test_damaged_folder(tmp_path, damage, told):
    save(tmp_path/"mine/a.png", NOISE[0])
    damage(tmp_path/"mine")
    line = refused(lambda: shots(footage(tmp_path/"mine")))
    assert line.startswith(str(tmp_path/"mine")) and told in line and "; " in line

def test_sideways_picture_with_mask(tmp_path):
    "Joints, box and mask belong to the picture as it is seen"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(NOISE[0]).save(tmp_path/"a.jpg", exif=exif)
    save(tmp_path/"masks/a.png", np.full((70, 60), 255, np.uint8))
    (shot,) = shots(footage(tmp_path))
    assert shot.image.shape == (70, 60, 3) and shot.mask.all() and shot.box.tolist() == [29.5, 34.5, 70]

# Foreground

@pytest.fixture(scope="session")
def model():
    "The smallest of the three, with random weights"
    torch.manual_seed(0)
    return segmentation.deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, aux_loss=True).eval()

@pytest.fixture
def weights(tmp_path, model):
    torch.save(model.state_dict(), tmp_path/"weights.pth")
    return tmp_path/"weights.pth"

class RedPeople(torch.nn.Module):
    "Sees a person where there is more red than usual"
    def __init__(self):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.zeros(1))
    def forward(self, x):
        assert x.ndim == 4 and min(x.shape[2:]) == 520
        out = self.bias.expand(len(x), 21, *x.shape[2:]).clone()
        out[:, PERSON] = x[:, 0]
        return dict(out=out)

@pytest.mark.parametrize("size", [(60, 70), (700, 300), (520, 520)])
def test_foreground(size):
    "Red, normalised, in the right place and at the picture's size"
    picture = np.zeros((*size, 3), np.uint8)
    picture[..., 1:], picture[10:40, 20:50] = 255, (255, 0, 0)
    mask = foreground(RedPeople(), picture)
    assert mask.dtype == np.uint8 and mask.shape == size and np.array_equal(mask, picture[..., 0] // 255)

@pytest.mark.parametrize("name", ["deeplabv3_resnet50", "deeplabv3_resnet101"])
@pytest.mark.parametrize("aux", [True, False])
def test_kind_from_parameters(tmp_path, monkeypatch, name, aux):
    "The depth comes from the names, with or without the auxiliary classifier; nothing is fetched"
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", None)
    with torch.device("meta"): state = getattr(segmentation, name)(weights=None, weights_backbone=None, aux_loss=aux).state_dict()
    monkeypatch.setattr("xvae.data.pictures._state", lambda path: state)
    with torch.device("meta"): model = deeplab(tmp_path/"x.pth")
    assert model.state_dict().keys() == state.keys() and not model.training

def test_masks_are_kept(tmp_path, weights):
    "Once for each picture and frame, for LSP as well; those that are there stay"
    from test_pose2d import write_leeds
    save(tmp_path/"mine/a.png", NOISE[0])
    write_video(tmp_path/"mine/run.mp4", 2)
    write_leeds(tmp_path/"lsp/lsp_dataset")
    save(tmp_path/"lsp/lsp_dataset/masks/im0002.png", by_hand := np.eye(60, 70, dtype=np.uint8))
    model, every = deeplab(weights), lambda: footage(tmp_path/"mine") + lsp(tmp_path/"lsp")
    assert [write_masks(every(), model, progress=False) for _ in range(2)] == [3 + 3, 0]
    found = shots(every())
    assert all(shot.mask.shape == shot.image.shape[:2] for shot in found) and np.array_equal(found[4].mask, by_hand)
    assert np.array_equal(found[0].mask, foreground(model, found[0].image))
    assert not [p for p in tmp_path.rglob(".*")] and len(list((tmp_path/"mine/masks").iterdir())) == 3
    assert write_masks(every()[:1], model, again=True, progress=False) == 1

def test_masks_on_the_way(tmp_path, weights, capsys):
    "The command makes the masks that are missing, and stores them; Human3.6M has its own"
    save(tmp_path/"data/pictures/a.png", NOISE[0])
    asked = ["pictures", "--root", tmp_path/"data", "--out", tmp_path/"cache"]
    assert main(asked) == 0 and not PreparedPoses(tmp_path/"cache/pictures").has_mask.any()
    assert main([*asked, "--deeplab", weights]) == 0 and PreparedPoses(tmp_path/"cache/pictures").has_mask.all()
    assert (tmp_path/"data/pictures/masks/a.png").is_file() and "without a mask" in capsys.readouterr().out
    assert main(["human36m", *asked[1:], "--deeplab", weights]) == 1 and "--deeplab: Human3.6M has masks of its own" in capsys.readouterr().err

def rewrite(how):
    def damage(path):
        state = torch.load(path, weights_only=True)
        torch.save(how(state) or state, path)
    return damage

class Runs:
    def __reduce__(self): return print, ("this must not run",)

@pytest.mark.parametrize("damage, told", [
    (lambda path: path.unlink(), "no such file, expected deeplabv3_resnet101_coco"),
    (lambda path: cut_off(path), "not a whole file of weights"),
    (lambda path: path.write_bytes(b""), "not a whole file of weights"),
    (lambda path: path.write_text("<html>not found</html>", encoding="utf-8"), "not a whole file of weights"),
    (lambda path: path.write_bytes(pickle.dumps(Runs(), protocol=2)), "not a whole file of weights"),
    (lambda path: torch.save(torch.ones(3), path), "holds a Tensor, expected parameters by name"),
    (lambda path: torch.save({}, path), "these are no weights of"),
    (lambda path: torch.save({"fc.weight": torch.ones(3)}, path), "these are no weights of"),
    (rewrite(lambda s: {k: v for k, v in s.items() if "classifier.4" not in k}), "does not fit deeplabv3_mobilenet_v3_large"),
    (rewrite(lambda s: {k: v[:2] if "classifier.4" in k else v for k, v in s.items()}), "does not fit deeplabv3_mobilenet_v3_large with 21 classes"),
    (rewrite(lambda s: s | {"extra": torch.ones(1)}), "does not fit"),
    (rewrite(lambda s: {f"module.{k}": v for k, v in s.items()}), "these are no weights of"),
])
def test_damaged_weights(weights, damage, told, capsys):
    damage(weights)
    line = refused(lambda: deeplab(weights))
    assert line.startswith(f"{weights}: ") and told in line and "nothing is downloaded here" in line
    assert "must not run" not in capsys.readouterr().out

def test_safetensors(tmp_path, model):
    save_file(model.state_dict(), tmp_path/"weights.safetensors")
    assert torch.equal(deeplab(tmp_path/"weights.safetensors").classifier[4].bias, model.classifier[4].bias)
    cut_off(tmp_path/"weights.safetensors")
    assert "not a whole file of weights" in refused(lambda: deeplab(tmp_path/"weights.safetensors"))

# All the way

def test_prepared(tmp_path):
    "From a folder to what a model gets"
    from xvae.data.prepared import PreparedPoses, prepare
    save(tmp_path/"mine/a.png", NOISE[0])
    save(tmp_path/"mine/masks/a.png", np.full((60, 70), 255, np.uint8))
    write(tmp_path/"mine/a_keypoints.json", text(someone := person()))
    write(tmp_path/"mine/a_bbox.json", "[5, 5, 50, 40]")
    write_video(tmp_path/"mine/run.mp4")
    prepare("pictures", footage(tmp_path/"mine"), tmp_path/"cache", size=50)
    poses = PreparedPoses(tmp_path/"cache/pictures")[torch.arange(6)]
    image, around = poses.images[0].permute(1, 2, 0).numpy().astype(float), NOISE[0, :50, 5:55].astype(float)
    assert poses.take.tolist() == [0, 1, 1, 1, 1, 1] and poses.images.shape == (6, 3, 50, 50) and np.abs(image - around).mean() < 12
    assert torch.isnan(poses.joints).all() and poses.masks[0].all()
    hip = 2 * (someone[BODY_25.index("RHip"), :2] - [29.5, 24.5]) / 50
    assert np.allclose(poses.joints_2d[0, 1], hip, atol=1e-5) and (poses.confidence[0] > 0).sum() == 15
