"A tiny valid file of every format that the package reads, and its reader: what tools/fuzz.py damages"
import hashlib, json, shutil
from dataclasses import replace
import numpy as np, torch
from PIL import Image
from scipy.io import savemat
from safetensors.torch import save_file
from torch.nn import Flatten, Linear, Sequential
from xvae import CrossModalVAE, SourceVAE, TargetVAE, mlp
from xvae.data import amass, cmu, fixtures, human36m, openmoji, pictures, pose2d, prepare, prepared, records, shoev2, sketches
from xvae.experiments import Run, SMOKE, computed, find_run, job, load_model, read_run, save_run
from xvae.frames import last_loss
from xvae.io import contents, kept, load_tensors, save_tensors, short_digest
from xvae.task import task_of
from xvae.training import adam, load_checkpoint, save_checkpoint

FORMS = {} # name: folder -> (file to damage, () -> what its reader makes of it)

def form(make):
    "Register a function of FORMS"
    FORMS[make.__name__] = make
    return make

def several(name, function, *cases):
    "Register a function of (folder, case) for each case"
    for case in cases: FORMS[f"{name}_{case}"] = lambda folder, case=case: function(folder, case)

def picture(size=48): return (np.add.outer(np.arange(size) * 5, np.arange(size) * 3)[..., None] * [1, 2, 3] % 256).astype(np.uint8)

# Pictures, videos and what lies beside them

def still(folder, ending):
    Image.fromarray(picture()).save(path := folder/f"photo.{ending}")
    return path, lambda: pose2d.read_picture(path)

several("picture", still, "jpg", "png", "bmp", "tif", "webp")

@form
def mask(folder):
    Image.fromarray(picture()[..., 0] // 128 * 255).save(path := folder/"mask.png")
    return path, lambda: pose2d.read_mask(path, (48, 48))

@form
def picture_human36m(folder):
    Image.fromarray(np.kron(picture(25), np.ones((40, 40, 1), np.uint8))).save(path := folder/"S1_Directions_1.54138969_000001.jpg")
    return path, lambda: human36m.read_picture(path)

def film(path, side):
    fixtures.write_video(path, (np.roll(np.kron(picture(20), np.ones((side // 20, side // 20, 1), np.uint8)), 20 * i, 1) for i in range(4)), (side, side))

@form
def video(folder):
    film(path := folder/"run.mp4", 80)
    return path, lambda: list(pictures.read_video(path))

@form
def video_human36m(folder):
    film(path := folder/"Directions.54138969.mp4", 1000)
    return path, lambda: list(human36m.frames(path, 4, 3))

def keypoints(folder, model):
    points = fixtures.to_pixels(fixtures.ANCHOR, 0)
    (path := folder/"photo_keypoints.json").write_text(fixtures.openpose([(points, np.full(17, 0.9))], model == "coco"), encoding="utf-8")
    return path, lambda: pictures.read_openpose(path)

several("openpose", keypoints, "body25", "coco")

@form
def box(folder):
    (path := folder/"photo_bbox.json").write_text('{"bbox": [10, 20, 100.5, 200]}', encoding="utf-8")
    return path, lambda: pictures.read_box(path)

def network(folder, ending):
    state = dict(weight=torch.arange(600.0).reshape(20, 30), bias=torch.ones(20))
    torch.save(state, path := folder/"weights.pth") if ending != "safetensors" else save_file(state, path := folder/"weights.safetensors")
    if ending == "named": path = path.rename(folder/f"weights-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth") # as published ones are
    return path, lambda: pictures._state(path)

several("deeplab", network, "named", "pth", "safetensors")

# Lists of joints

def leeds(folder, name):
    rng = np.random.default_rng(0)
    flags = rng.permutation(14 * 20).reshape(1, 14, 20) < (20 if name == "lsp" else 240)
    joints = np.concatenate([rng.uniform(5, 150, (2, 14, 20)), flags])
    savemat(path := folder/"joints.mat", dict(joints=joints if name == "lsp" else joints.transpose(1, 0, 2)))
    return path, lambda: [pose2d.label(f"im{i:04}.jpg", *row, np.ones(14), pose2d.FROM_LSP, path) for i, row in enumerate(zip(*pose2d.lsp_joints(path)[:2])) if row[1].sum() >= pose2d.LEAST]

several("joints", leeds, "lsp", "lspet")

def mpii(folder, how):
    rng, annolist, cases = np.random.default_rng(4), [], ("A", "Ab", "V", "M", "N", "t")
    for i, case in enumerate(cases):
        persons = [fixtures.mpii_person(rng.uniform(20, 200, (17, 2)), letter.upper(), rng)[0] for letter in case]
        annolist.append(fixtures.struct(image=fixtures.struct(name=f"{i + 1:09}.jpg"), annorect=fixtures.structs(persons), frame_sec=7.0, vididx=1.0))
    savemat(path := folder/"mpii_human_pose_v1_u12_1.mat", dict(RELEASE=fixtures.release(annolist, cases)), do_compression=how == "packed")
    return path, lambda: [pose2d.label(name, *row, pose2d.FROM_MPII, path) for name, *row in pose2d._mpii_rows(path, False, 1.0) if row[1].sum() >= pose2d.LEAST]

several("mpii_mat", mpii, "plain", "packed")

@form
def mpii_json(folder):
    rng = np.random.default_rng(0)
    people = [dict(image=f"{i:09}.jpg", joints=rng.uniform(5, 150, (16, 2)).round(2).tolist(), joints_vis=[1] * 15 + [0]) for i in range(4)]
    (path := folder/"train.json").write_text(json.dumps(people), encoding="utf-8")
    return path, lambda: [pose2d.label(name, points, known, known * 1.0, pose2d.FROM_MPII, path) for name, points, known in pose2d.json_people(path)]

# Human3.6M's own files

def poses(folder, kind):
    dims = dict(positions=3, pixels=2)[kind]
    rows = (np.arange(6 * 32 * dims).reshape(6, -1) % 991).astype(np.float32)
    fixtures.write_cdf(path := folder/"Directions.54138969.cdf", rows)
    return path, lambda: human36m.read_cdf(path, dims)

several("cdf", poses, "positions", "pixels")

@form
def masks_human36m(folder):
    fixtures.write_masks(path := folder/"Directions.54138969.mat", [picture(40)[..., 0] // 128 for _ in range(3)])
    return path, lambda: (human36m.kind_of(path), list(human36m.masks(path, range(3))))

@form
def list_human36m(folder):
    n, rng = 4, np.random.default_rng(0)
    np.savez(path := folder/"h36m_train.npz", imgname=np.array([f"S1/S1_Directions_1.54138969/S1_Directions_1.54138969_{i + 1:06}.jpg" for i in range(n)]),
        center=rng.uniform(400, 600, (n, 2)), scale=rng.uniform(1, 2, n), part=rng.uniform(0, 1000, (n, 17, 3)), S=rng.uniform(-1, 5, (n, 17, 4)))
    return path, lambda: human36m.read_list(path)

# Motion

def body(folder):
    "Of a body's 6,890 vertices those that joints are made of"
    fixtures.write_smplh(whole := folder/"male/model.npz", 1.0, -1)
    with np.load(whole) as z: arrays = {k: z[k] for k in ("v_template", "shapedirs", "J_regressor", "kintree_table")}
    small = {k: v[:, :104] if k == "J_regressor" else v if k == "kintree_table" else v[:104] for k, v in arrays.items()}
    np.savez(path := folder/"model.npz", **small)
    return path, lambda: amass.read_body(path)

def of_amass(folder, what):
    if what == "body": return body(folder)
    turns, places = fixtures.walk(20, 120.0, 0)
    np.savez(path := folder/f"01_01_{what}.npz", **fixtures.recording_keys(what, 120.0, "male", np.zeros(16), turns, places))
    return path, lambda: amass.read_recording(path)

several("amass", of_amass, "body", "poses", "stageii")

def of_cmu(folder, ending):
    bones, motion = fixtures.cmu_bones(1.0), fixtures.cmu_walk(12, 0)
    texts = {"01.asf": fixtures.asf_text(bones), "01_01.amc": fixtures.amc_text(motion)} if ending != "bvh" else {"01_01.bvh": fixtures.bvh_text(bones, motion)}
    for name, text in texts.items(): (folder/name).write_text(text, encoding="utf-8", newline="\r\n")
    path = next(folder.glob(f"*.{ending}"))
    return path, lambda: [t.joints for t in cmu.clips(folder, fps=120)]

several("motion", of_cmu, "asf", "amc", "bvh")

# Shoes and emojis

SHOE = [np.array([[40, 180], [40, 100], [115, 140], [216, 180], [42, 180]], float), np.array([[40, 188], [218, 188]], float)]

@form
def sketch_svg(folder):
    shoev2.write_svg(path := folder/"1031000079_1.svg", SHOE)
    return path, lambda: shoev2.read_ink(path)

@form
def sketch_png(folder):
    shoev2.write_png(path := folder/"1031000079_1.png", SHOE, "png_beside")
    return path, lambda: shoev2.read_ink(path)

@form
def photo_shoe(folder):
    shoev2.write_photo(path := folder/"1031000079.png", SHOE, (90, 30, 60))
    return path, lambda: shoev2.read_photo(path, 32)

@form
def list_shoes(folder):
    (path := folder/"sketch_train.txt").write_text("".join(f"103100007{i}_{k}.svg\n" for i in range(5) for k in (1, 2)), encoding="utf-8")
    return path, lambda: shoev2.in_order(shoev2.read_list(path), path)

@form
def coordinates_shoes(folder):
    names = dict(train=["1031000079_1", "1031000079_2"], test=["1031000080_1"])
    shoev2.write_coordinates(folder, names, {name: SHOE for side in names.values() for name in side})
    path = folder/"ShoeV2_Coordinate"
    return path, lambda: {k: shoev2.draw_strokes(v) for k, v in shoev2.read_coordinates(path).items()}

@form
def h5_shoes(folder):
    names = dict(train=["1031000079_1", "1031000079_2"], test=["1031000080_1"])
    shoev2.write_hdf5(folder, names, {name: SHOE for side in names.values() for name in side})
    (folder/"photos").mkdir()
    path = folder/"train_svg_sim_spa_png.h5"
    return path, lambda: (lambda copy: (copy.lists, [copy.sketches[n]() for n in copy.lists["train"][1]]))(shoev2.hdf5(folder))

@form
def emoji(folder):
    shutil.copy(openmoji.drawings()["1F45F"], path := folder/"1F45F.svg")
    return path, lambda: openmoji.ink(path, 32)

# What the package keeps

def few(n=4):
    rng = torch.Generator().manual_seed(0)
    zeros = {k: torch.zeros(n, dtype=torch.long) for k in ("subject", "action", "take", "camera")}
    return records.PoseSet(torch.zeros(n, 3, 8, 8, dtype=torch.uint8), torch.ones(n, 8, 8, dtype=torch.uint8), torch.randn(n, 17, 3, generator=rng),
        torch.randn(n, 17, 2, generator=rng), torch.ones(n, 17), **zeros, factors=torch.zeros(n, 2), actions=("walk",), factor_names=("a", "b"))

def once(folder, make, save, load):
    "A part of the cache, which is made again where it is damaged"
    read = lambda: kept(folder, dict(part="part"), (), make, save, load)
    read()
    return next(folder.glob("*.safetensors")), read

@form
def tensors(folder):
    save_tensors(path := folder/"some.safetensors", dict(a=torch.arange(60.0).reshape(3, 20), b=torch.ones(5, dtype=torch.long)), dict(names=["x", "y"], step=3))
    return path, lambda: load_tensors(path)

@form
def cache_poses(folder): return once(folder, few, records.save_set, records.load_set)

@form
def cache_sketches(folder):
    some = sketches.SketchSet(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.ones(3, 8, 8, dtype=torch.uint8), torch.tensor([0, 0, 1]), torch.zeros(2, 1), ("f",), ("a", "b"))
    return once(folder, lambda: some, records.save_set, sketches.load_sketches)

@form
def cache_contents(folder):
    for i in range(3): (folder/f"{i}.txt").write_text(f"file {i}", encoding="utf-8")
    files = sorted(folder.glob("*.txt"))
    contents(files, folder)
    return folder/"contents.json", lambda: contents(files, folder)

@form
def library(folder):
    save_tensors(path := folder/prepare.LIBRARY, dict(joints=few().joints), dict(seed=0, poses=4, files="", version=2))
    return path, lambda: prepare.load_poses(folder)

def cache(folder):
    Image.fromarray(picture()).save(folder/"im0001.png")
    points = np.stack([np.linspace(5, 40, 14), np.linspace(5, 40, 14)], 1)
    person = pose2d.label(folder/"im0001.png", points, np.ones(14, bool), np.ones(14), pose2d.FROM_LSP, folder/"im0001.png")
    footage = pose2d.in_pieces([person] * 3, folder/"im0001.png")
    return prepared.prepare("set", footage, folder/"out", size=16), lambda: prepared.prepare("set", footage, folder/"out", size=16)[:]

@form
def prepared_part(folder):
    path = next(cache(folder)[0].folder.glob("*.zip"))
    return path, lambda: prepared.read_part(path)

@form
def prepared_pictures(folder):
    poses, _ = cache(folder)
    path = next(poses.folder.glob("*.zip"))
    return path, lambda: poses[:]

@form
def prepared_again(folder):
    "A damaged part or index is made again by the command that made it"
    poses, again = cache(folder)
    return poses.folder/prepared.INDEX, again

@form
def prepared_index(folder):
    poses, _ = cache(folder)
    return poses.folder/prepared.INDEX, lambda: prepared.PreparedPoses(poses.folder)[:]

def tiny(): return CrossModalVAE(SourceVAE(mlp(6, 5), mlp(4, 5, 6), d_t=2, d_s=2), TargetVAE(mlp(3, 4), mlp(2, 4, 3), d_t=2))

@form
def model(folder):
    torch.manual_seed(0)
    m = tiny()
    m.encode(torch.ones(2, 6), torch.ones(2, 3)) # heads get their size
    m.save(folder)
    return folder/"model.safetensors", lambda: CrossModalVAE.load(folder)

@form
def checkpoint(folder):
    torch.manual_seed(0)
    m = Sequential(Flatten(), Linear(6, 3))
    o = adam(m)
    m(torch.ones(2, 6)).sum().backward(); o.step()
    save_checkpoint(path := folder/"run.safetensors", m, o, 3, [dict(step=0, loss=1.5), dict(step=2, loss=1.25)], dict(seed=0))
    def read():
        fresh = Sequential(Flatten(), Linear(6, 3))
        other = adam(fresh)
        return load_checkpoint(path, fresh, other, dict(seed=0)), fresh, other.state_dict()["state"]
    return path, read

RUN = Run("mean_pose", SMOKE, 0, dict(mpjpe=101.25, pa_mpjpe=88.5), dict(torch="2.0", seconds=1.5))

def stored(folder, part):
    save_run(folder, RUN, [{"step": i, "sup.y": 2.5 - i / 10, "total": 3.0} for i in range(20)])
    place = folder/"runs"/RUN.id
    return place/part

@form
def run_found(folder):
    path = stored(folder, "run.json")
    return path, lambda: find_run(folder, replace(RUN, metrics={}, environment={}))

@form
def run_read(folder):
    path = stored(folder, "run.json")
    return path, lambda: read_run(path)

@form
def curves(folder):
    path, j = stored(folder, "curves.csv"), job("smoke", device="cpu", results_dir=folder)
    return path, lambda: last_loss(j, RUN.id)

def numbers(folder, ending):
    stored(folder, "")
    save_tensors(folder/"runs"/RUN.id/"model.safetensors", {})
    j, path = job("smoke", device="cpu", results_dir=folder), folder/"runs"/RUN.id/f"odd.{ending}"
    path.with_suffix(".json").write_text('{\n "a": 1.5,\n "b": -2\n}\n', encoding="utf-8")
    save_tensors(path.with_suffix(".safetensors"), dict(x=torch.arange(30.0)), dict(numbers=short_digest(dict(a=1.5, b=-2))))
    return path, lambda: computed(RUN, j, "odd", None)

several("computed", numbers, "json", "safetensors")

@form
def weights(folder):
    run = replace(RUN, method="ours")
    torch.manual_seed(0)
    path = folder/"runs"/run.id/"model.safetensors"
    save_tensors(path, task_of(SMOKE).build(SMOKE).state_dict())
    return path, lambda: load_model(folder, run)
