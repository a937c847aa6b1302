"Kundu et al., our build: a prior that knows poses and stays as it is, a puppet that hides nothing, energies that take turns"
from dataclasses import replace
import pytest, torch
from xvae.data.cameras import weak_project
from xvae.data.skeletons import MIRROR, PARENTS, bone_lengths, directions
from xvae.experiments import SMOKE
from xvae.tasks.pose import load_data, mean_pose_metrics, used_pairs
from xvae.tasks.parts import DEPTH, OWN, PUPPET, PartModel, PosePrior, another, boxes, canonical, drawn_back, energies, facing, frames, framed, kundu, loss_pixels, part_maps, placed, train_parts, train_prior, turned
from xvae.tasks.rivals import rival_settings, seeded

own = rival_settings(SMOKE, **OWN)
STANDING = torch.tensor([0.9, 0.0, 0.0])

@pytest.fixture(scope="module")
def data(): return load_data(SMOKE)

@pytest.fixture(scope="module")
def poses(data): return data.library

@pytest.fixture(scope="module")
def lengths(data): return bone_lengths(data.pairs.joints).mean(0)

@pytest.fixture(scope="module")
def prior(poses, lengths): return train_prior(poses, lengths, own, 250)

def model_of(lengths):
    "Untrained, in training mode"
    prior = PosePrior(lengths, own.code).eval().requires_grad_(False)
    return seeded(lambda: PartModel(SMOKE, prior, own), 0)

# The canonical view

def test_a_turned_pose_has_the_same_canonical_one(poses):
    angle = torch.linspace(0, 6.2, len(poses))
    cs = torch.stack([angle.cos(), angle.sin()], -1)
    assert torch.allclose(canonical(turned(poses, cs)), canonical(poses), atol=0.5)
    assert torch.allclose(turned(canonical(poses), facing(poses)), poses, atol=0.1)

def test_hips_on_a_vertical_line_are_no_trouble():
    joints = torch.zeros(1, 17, 3); joints[:, 4, 1], joints[:, 1, 1] = 100, -100
    assert torch.equal(facing(joints), torch.tensor([[1.0, 0.0]])) and canonical(joints).isfinite().all()

def test_placed_turns_and_does_no_more(poses):
    "As the product of three rotations"
    azimuth, tilt = torch.tensor(0.7), torch.tensor([0.2, -0.3])
    turn = lambda axis, a: torch.linalg.matrix_exp(a * torch.tensor({"x": [[0., 0, 0], [0, 0, -1], [0, 1, 0]], "y": [[0., 0, -1], [0, 0, 0], [1, 0, 0]], "z": [[0., -1, 0], [1, 0, 0], [0, 0, 0]]}[axis]))
    expected = poses @ (turn("z", tilt[1]) @ turn("x", tilt[0]) @ turn("y", azimuth)).T
    n = len(poses)
    assert torch.allclose(placed(poses, torch.stack([azimuth.cos(), azimuth.sin()]).expand(n, 2), tilt.expand(n, 2)), expected, atol=0.2)

# The prior

def test_prior_decodes_bodies(lengths):
    "Whatever the code"
    body = PosePrior(lengths, 8).decode(2 * torch.rand(50, 8) - 1)
    assert torch.allclose(bone_lengths(body), lengths.expand(50, -1), atol=0.1) and (body[:, 0] == 0).all()

def test_prior_learns(poses, prior):
    "It rebuilds poses better than their mean directions do, in whatever direction they look"
    error = lambda made: (directions(made) - directions(poses)).norm(dim=-1).mean()
    mean = directions(canonical(poses)).mean(0)
    worst = (directions(canonical(poses)) - mean).norm(dim=-1).mean()
    assert error(prior.through(poses)) < 0.7 * worst
    assert not prior.training and not any(p.requires_grad for p in prior.parameters())

def test_noise_fills_the_cube(poses, lengths, prior):
    "Without it the codes of poses keep to a small part, and random codes mean nothing"
    quiet = train_prior(poses, lengths, rival_settings(replace(SMOKE, rival=(("noise", 0.0),)), **OWN), 250)
    with_noise, without = (p.encode(canonical(poses)).std(0).mean() for p in (prior, quiet))
    assert with_noise > 1.5 * without

def test_prior_stays_as_it_is(data, lengths):
    "Training the rest moves the encoder and the painter, and not the prior"
    s, pairs = replace(SMOKE, steps=4, rival=(("start", 0.5),)), data.pairs
    model = train_parts(s, data)
    prior = train_prior(torch.cat([data.library, pairs.joints]), lengths, own, 2, 4 * s.target_batch)
    assert all(torch.equal(a, b) for a, b in zip(model.pose.prior.state_dict().values(), prior.state_dict().values()))
    fresh = seeded(lambda: PartModel(s, prior, own), 0)
    for part in "pose", "painter":
        moved = zip(getattr(model, part).named_parameters(), getattr(fresh, part).parameters())
        assert all((a != b).any() for (name, a), b in moved if not name.startswith("prior")), part

# The puppet

def test_part_maps_one_by_one(poses):
    "A pixel's part by its distance to every bone, without broadcasting"
    joints, camera, S = poses[:1] / 1000, STANDING[None], 16
    u, maps = weak_project(joints, camera)[0], part_maps(joints, camera, S)[0]
    for row, column in ((3, 8), (8, 8), (12, 6), (0, 0)):
        at, weight, blob = torch.tensor([(2 * column + 1) / S - 1, (2 * row + 1) / S - 1]), [], []
        for j in range(1, 17):
            a, e = u[PARENTS[j]], u[j] - u[PARENTS[j]]
            t = min(max(((at - a) @ e / (e @ e)).item(), 0.0), 1.0)
            r = max(0.9 * PUPPET[j - 1] / 1000, 2 / S)
            blob.append(-((at - a - t * e) ** 2).sum() / (2 * r * r))
            weight.append(blob[-1] - (joints[0, j, 2] + joints[0, PARENTS[j], 2]) / 2 / DEPTH)
        expected = torch.stack(weight).softmax(0) * max(blob).exp()
        assert torch.allclose(maps[:, row, column], expected, atol=1e-4)

def test_a_pixel_aside_is_a_pixel_aside(poses):
    joints, S = poses[:20] / 1000, 32
    camera = STANDING.expand(20, 3)
    moved = part_maps(joints, camera + torch.tensor([0, 2 / S / 0.9, 0]), S)
    assert torch.allclose(moved[..., 1:], part_maps(joints, camera, S)[..., :-1], atol=1e-3)

def test_the_nearer_part_hides_the_other(poses):
    "From behind, what was hidden hides"
    joints = torch.zeros(1, 17, 3)
    joints[:, 1:, 1] = torch.linspace(1, 2, 16) # all others far away
    joints[0, 11:14] = torch.tensor([[-0.3, -0.3, -0.3], [0.3, -0.3, -0.3], [0.3, -0.3, -0.3]]) # upper arms across one another
    joints[0, 14:17] = torch.tensor([[0.0, -0.6, 0.3], [0.0, 0.0, 0.3], [0.0, 0.0, 0.3]])
    left, right = (part_maps(joints * torch.tensor([1, 1, sign]), STANDING[None], 64)[0, (11, 14), 23, 32] for sign in (1, -1))
    assert left[0] > 0.9 * left.sum() and right[1] > 0.9 * right.sum()

def test_silhouettes_do_not_know_left_from_right(poses):
    "The failure that is why pixels begin late"
    joints, camera = poses[:50] / 1000, STANDING.expand(50, 3)
    a, b = (part_maps(j, camera, 32) for j in (joints, joints[:, list(MIRROR)]))
    assert torch.allclose(a.sum(1), b.sum(1), atol=1e-3) and (a - b).abs().max() > 0.5

# Painting

def test_parts_are_the_only_way(data, lengths, monkeypatch):
    "Where the puppet passes no gradient on, the encoder of poses gets none"
    x = data.pairs[:8]
    def reached():
        model = model_of(lengths)
        loss_pixels(model, model.look(x), model.look(x).flip(0))["pixels"].backward()
        return {k: any(p.grad is not None and (p.grad != 0).any() for p in getattr(model, k).parameters()) for k in ("pose", "painter")}
    assert reached() == dict(pose=True, painter=True)
    paint = PartModel.paint
    monkeypatch.setattr(PartModel, "paint", lambda self, joints, camera, worn: paint(self, joints.detach(), camera.detach(), worn))
    assert reached() == dict(pose=False, painter=True)

def test_another_of_the_same_person():
    person = torch.randint(5, (200,), generator=torch.Generator().manual_seed(0))
    rows, draw = torch.arange(200), another(person)
    drawn = torch.stack([draw(rows) for _ in range(20)])
    assert (person[drawn] == person).all() and (drawn != rows).all()
    assert torch.equal(another(torch.arange(3))(torch.tensor([2, 0])), torch.tensor([2, 0]))

def test_both_pictures_have_one_light(data):
    "Of a single picture: both are the same, or its mirror"
    a, b = frames(data.pairs[:1], SMOKE, 12)()
    same = (a == b).flatten(1).all(1) | (a == b.flip(-1)).flatten(1).all(1)
    assert same.all() and len(a.unique(dim=0)) > 2

def test_framed_is_where_it_should_be(poses, data):
    box = boxes(data.pairs.joints_2d)
    joints = poses[:len(box)] / 1000
    assert torch.allclose(boxes(weak_project(joints, framed(joints, box))), box, atol=1e-4)

# Energies

def test_reach_within_two_costs_nothing():
    assert drawn_back(torch.tensor([[-2.0, 0.0, 2.0]])) == 0 and drawn_back(torch.tensor([[3.0, -4.0]])) == 5

def test_an_energy_left_out_is_left_out(data, lengths):
    "Without those that paint, the painter is as it was made"
    s = replace(SMOKE, rival=(("pixels", 0), ("back", 0)))
    terms = {}
    model = train_parts(s, data, watch=lambda step, now: terms.update(now))
    fresh = model_of(lengths)
    assert all(torch.equal(a, b) for a, b in zip(model.painter.parameters(), fresh.painter.parameters()))
    assert set(terms) == {"3d.joints", "3d.reach", "2d.joints", "2d.reach"}

@pytest.mark.parametrize("name, moves", [("3d", True), ("2d", True), ("pixels", False), ("back", False)])
def test_running_statistics_are_those_of_both_kinds_of_pictures(data, lengths, name, moves):
    "Turns that paint see pairs alone, or no real picture, and leave them as they are"
    model = model_of(lengths).train()
    its = {k: v.clone() for k, v in model.pose.named_buffers()}
    energies(model, data.pairs, data, SMOKE)[name]()
    same = [torch.equal(v, its[k]) for k, v in model.pose.named_buffers() if "running" in k]
    assert len(same) > 0 and all(same) != moves

def test_unknown_setting(data):
    with pytest.raises(ValueError, match="rival has pixel: expected only pixels, back"): kundu(replace(SMOKE, rival=(("pixel", 1.0),)), data)

def test_learns(data):
    "In 200 steps, from pictures that it has seen: better than the mean pose by a fifth"
    s = replace(SMOKE, steps=200, batch=16, augment=False)
    seen = replace(data, test=used_pairs(s, data))
    assert kundu(s, seen)["mpjpe"] < 0.8 * mean_pose_metrics(s, seen)["mpjpe"]
