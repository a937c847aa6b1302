"Volumes and depths: places are drawn, read and turned into millimetres as closed forms say, and both rivals learn"
from dataclasses import replace
import pytest, torch
from xvae.data.skeletons import MIRROR, bone_lengths
from xvae.metrics import mpjpe, pa_mpjpe
from xvae.experiments import SMOKE
from xvae.tasks import depths, rivals, volumes
from xvae.tasks.depths import DepthNet, depth_loss, geometric_loss, predict_depths, ratios, stages, train_depths
from xvae.tasks.pose import load_data, mirrored, network_input, pose_pairs
from xvae.tasks.volumes import (Hourglasses, as_large, crop_depths, floors, peaks, predict_volumes, skeleton_size, train_volumes,
                                volume_loss, with_depths)
from xvae.training import adam, learning_rate

@pytest.fixture(scope="module")
def data(): return load_data(SMOKE)

def places(poses): return torch.cat([poses.joints_2d, poses.joints[..., 2:] / 1000], -1)

# From the crop to millimetres

def test_both_conversions_undo_a_weak_camera(data):
    "Whatever its scale and place: of a skeleton of the right lengths nothing is lost"
    y, scale = data.test.joints, torch.linspace(5e-4, 3e-3, len(data.test))[:, None, None]
    seen, limbs = scale * y[..., :2] + 0.2, bone_lengths(y)
    assert torch.allclose(with_depths(seen, y[..., 2], limbs), y, atol=0.1)
    assert torch.allclose(as_large(torch.cat([seen, scale * y[..., 2:]], -1), limbs.sum(1)), y, atol=0.1)
    assert torch.allclose(crop_depths(y, seen), scale[..., 0] * y[..., 2], atol=1e-5)

def test_skeletons_have_the_size_that_was_asked_for(data):
    u, z = data.test.joints_2d, data.test.joints[..., 2]
    made = as_large(torch.cat([u, z[..., None] / 900], -1), 4321.0)
    assert torch.allclose(skeleton_size(made), torch.full((len(u),), 4321.0), atol=1.0) and (made[:, 0] == 0).all()

def test_no_other_unit_has_limbs_nearer_to_the_mean(data):
    "Of a fine grid of units none has a lower sum of squares, and the sum of all bones is not what is kept"
    u, z, limbs = data.test.joints_2d, data.test.joints[..., 2], bone_lengths(data.pairs.joints).mean(0)
    made = with_depths(u, z, limbs)
    off = lambda poses: (bone_lengths(poses) - limbs).square().sum(-1)
    flat, depth = u - u[:, :1], (z - z[:, :1])[..., None]
    grid = torch.stack([off(torch.cat([unit * flat, depth], -1)) for unit in torch.arange(1.0, volumes.WIDEST, 5)])
    assert (made[:, 0] == 0).all() and torch.equal(made[..., 2:], depth)
    assert (off(made) <= grid.amin(0) + 0.1).all()
    assert (skeleton_size(made) - limbs.sum()).abs().max() > 20

def test_nothing_seen_is_finite():
    nothing, far = torch.zeros(2, 17, 2), 1e4 * torch.randn(2, 17)
    limbs = torch.full((16,), 250.0)
    assert (with_depths(nothing, torch.zeros(2, 17), limbs) == 0).all() and with_depths(nothing, far, limbs).isfinite().all()

# Bins

@pytest.mark.parametrize("shape", [(16,), (9, 12), (4, 9, 12)])
def test_a_peak_is_read_where_it_was_drawn(shape):
    "In one, two or three directions, x last, to a twentieth of a bin; the arg max to half a bin"
    torch.manual_seed(0)
    at = 1.2 * torch.rand(5, 3, len(shape)) - 0.6
    maps = torch.ones(5, 3, *[1] * len(shape))
    for axis, n in enumerate(shape):
        bump = volumes.bumps(at[..., len(shape) - 1 - axis], n, 0.7)
        maps = maps * bump.view(5, 3, *[n if i == axis else 1 for i in range(len(shape))])
    inside = [i for i, n in enumerate(reversed(shape)) if n > 4]
    bin_width = torch.tensor([2 / n for n in reversed(shape)])
    assert (((peaks(maps) - at).abs() / bin_width)[..., inside] < 0.05).all()
    assert ((peaks(maps, 0) - at).abs() <= bin_width / 2 + 1e-6).all()

def test_the_higher_of_two_peaks_is_read():
    two = 0.6 * volumes.bumps(torch.tensor([[-0.5]]), 16, 1.0) + 0.4 * volumes.bumps(torch.tensor([[0.5]]), 16, 1.0)
    assert abs(peaks(two).item() + 0.5) < 0.01 and abs(peaks(two, 16).item() + 0.1) < 0.01

def test_volumes_without_a_peak_are_read_in_their_middle():
    assert torch.allclose(peaks(torch.zeros(2, 17, 4, 8, 8)), torch.zeros(2, 17, 3), atol=1e-5)
    assert torch.allclose(peaks(torch.full((2, 17, 4, 8, 8), -1.0)), torch.zeros(2, 17, 3), atol=1e-5)

def test_a_mirrored_pose_has_the_mirrored_volume(data):
    "Left and right exchanged, x turned round, depth left alone"
    a, b = (volumes.volumes(p, 16, 8) for p in (places(data.test), mirrored(places(data.test))))
    assert torch.allclose(a[:, list(MIRROR)].flip(-1), b, atol=1e-5)

def test_the_floor_is_what_volumes_cost(data):
    "Each direction read by itself, or all of a drawn volume at once"
    test, limbs = data.test, bone_lengths(data.pairs.joints).mean(0)
    read = peaks(volumes.volumes(places(test), 16, 16))
    found = floors(test, limbs, bins=(16,))
    whole = mpjpe(with_depths(read[..., :2], 1000 * read[..., 2], limbs), test.joints).item()
    assert found["centre of mass, 16 bins", "volumes"]["mpjpe"] == pytest.approx(whole, abs=0.05)
    assert found["exact", "depths"]["pa_mpjpe"] < 25 < found["arg max, 16 bins", "volumes"]["pa_mpjpe"]

# Hourglasses

def test_the_loss_is_the_mean_squared_error_of_all_volumes(data):
    "Of every box, times the boxes of a map"
    net, batch = Hourglasses(4, 8), pose_pairs(data.pairs, data.pairs, replace(SMOKE, wild_batch=0))()
    at = torch.cat([batch.info["joints_2d"], batch.y[..., 2:]], -1)
    said, _ = net.train()(batch.x)
    errors = [16 * 16 * (v - volumes.volumes(at, 16, d)).square().mean() for v, d in zip(said, (1, 4, 16))]
    assert torch.allclose(volume_loss(net, batch), sum(errors), rtol=1e-4)

def test_each_hourglass_hears_the_one_before(data):
    "What the second says changes with what the first said"
    net, x = Hourglasses(4, 8, depths=(1, 4)).eval(), network_input(data.test[:3], picture=SMOKE.picture)
    before = net(x)[0][1]
    with torch.no_grad(): net.stages[0].maps[-1].bias += 1
    assert not torch.allclose(net(x)[0][1], before)

def test_volumes_learn(data):
    "A few hundred steps on few pairs beat the mean pose"
    s = replace(SMOKE, steps=250, batch=16, lr=4e-3, augment=False, rival=(("width", 12), ("depths", (1, 8)), ("bins", 8)))
    pairs, limbs = data.pairs[:16], bone_lengths(data.pairs[:16].joints).mean(0)
    mean = pairs.joints.mean(0).expand(len(pairs), -1, -1)
    pred = predict_volumes(train_volumes(s, pairs), pairs, limbs, s.picture)
    assert mpjpe(pred, pairs.joints) < 0.7 * mpjpe(mean, pairs.joints) and pa_mpjpe(pred, pairs.joints) < 0.7 * pa_mpjpe(mean, pairs.joints)

# Depths

def test_bones_that_agree_cost_nothing():
    "A skeleton of the ratios' own lengths, at any scale; one with a longer shin costs what the variance says"
    torch.manual_seed(0)
    points = torch.randn(6, 17, 3)
    for a, b in sorted(bone for group in depths.GROUPS for bone in group): # outwards
        points[:, b] = points[:, a] + 0.4 * torch.nn.functional.normalize(torch.randn(6, 3), dim=1)
    one, seen = [torch.ones(len(group)) for group in depths.GROUPS], torch.ones(6, 17)
    cost = lambda p: geometric_loss(p[..., :2], p[..., 2], seen, one).item()
    assert cost(points) < 1e-5
    longer = points.clone()
    longer[:, 3] = points[:, 2] + 1.5 * (points[:, 3] - points[:, 2])
    spread = torch.tensor([0.4, 0.4, 0.6, 0.4])
    assert cost(longer) == pytest.approx(spread.var(correction=0).item(), rel=1e-2)

def test_bones_that_are_not_labelled_count_nothing(data):
    "Nor do they give gradients, which are finite where a bone has no length"
    u, c = torch.zeros(2, 17, 2), torch.ones(2, 17)
    c[:, 3] = 0
    z = torch.zeros(2, 17, requires_grad=True)
    geometric_loss(u, z, c, ratios(data.pairs.joints)).backward()
    assert z.grad.isfinite().all() and (z.grad[:, 3] == 0).all()

def test_front_and_back_are_the_same_to_bones(data):
    test, alike = data.test, ratios(data.pairs.joints)
    z = crop_depths(test.joints, test.joints_2d)
    cost = [geometric_loss(test.joints_2d, v, test.confidence, alike).item() for v in (z, -z, 0 * z)]
    assert cost[0] == pytest.approx(cost[1], rel=1e-5) and cost[2] > 3 * cost[0]

def test_depths_of_other_pictures_are_taught_by_bones_alone(data):
    "The error of depths reaches those of pairs, geometry those of the rest"
    torch.manual_seed(0)
    net, alike = DepthNet(4, 8), ratios(data.pairs.joints)
    batch = pose_pairs(data.pairs, data.wild, SMOKE)()
    n = len(batch.y)
    with torch.no_grad(): # depths that differ
        for p in net.depths[-1].parameters(): p.normal_(std=0.1)
    kept = []
    net.register_forward_hook(lambda net, x, out: kept.append(out[1]))
    def reached(**weights):
        loss = depth_loss(net, batch, alike, **weights)
        grad, = torch.autograd.grad(loss, kept[-1])
        return [bool((g != 0).any()) for g in (grad[:n], grad[n:])]
    assert reached(depth=1.0) == [True, False] and reached(geometry=1.0) == [False, True]

@pytest.mark.parametrize("steps", [1, 2, 6, 100, 3200])
def test_stages_fill_the_steps(steps):
    for alone in (0.0, 0.25, 0.5, 1.0):
        parts = stages(steps, alone)
        assert sum(parts) == steps and min(parts) >= 0 and parts[2] >= 1

def test_no_stage_sees_a_batch_of_another(data, monkeypatch):
    "Each draws its own, and has a rise and fall of the rate of its own"
    s, seen, made = replace(SMOKE, steps=100, batch=2, wild_batch=2), [], []
    def loss(net, batch, *_, **weights):
        seen.append((batch.x.double().sum().item(), len(weights), made[-1].param_groups[0]["lr"]))
        return 0 * next(net.parameters()).sum()
    monkeypatch.setattr(depths, "depth_loss", loss)
    monkeypatch.setattr(rivals, "adam", lambda model: (made.append(adam(model)), made[-1])[1])
    train_depths(s, data.pairs, data.wild)
    drawn, weights, rates = zip(*seen)
    steps = stages(100, 0.5)
    assert len(set(drawn)) == 100 and weights == (1,) * 50 + (2,) * 42 + (3,) * 8
    assert rates == tuple(learning_rate(i, n, lr, s.schedule) for n, lr in zip(steps, (s.lr, s.lr, s.lr / 10)) for i in range(n))

def test_depths_learn(data):
    "A few hundred steps on few pictures beat the mean pose"
    s = replace(SMOKE, steps=300, lr=4e-3, batch=12, wild_batch=4, augment=False, rival=(("width", 12), ("alone", 0.25)))
    pairs, size = data.pairs[:40], skeleton_size(data.pairs[:40].joints).mean()
    mean = pairs.joints.mean(0).expand(len(pairs), -1, -1)
    pred = predict_depths(train_depths(s, pairs, data.wild), pairs, size, s.picture)
    assert mpjpe(pred, pairs.joints) < 0.7 * mpjpe(mean, pairs.joints) and pa_mpjpe(pred, pairs.joints) < pa_mpjpe(mean, pairs.joints)

@pytest.mark.parametrize("module", [volumes, depths])
def test_defaults_are_among_what_is_searched(module):
    laptop = dict(lr=4e-3, colour_noise=0.4)
    assert all((module.OWN | laptop)[name] in values for name, values in module.SPACE.items())

def test_bone_ratios_are_those_of_the_pairs(data):
    mean = bone_lengths(data.pairs.joints).mean(0) # bone j - 1 leads to joint j
    thigh, shin = (mean[[j - 1, k - 1]].mean() for j, k in ((2, 5), (3, 6)))
    assert torch.allclose(ratios(data.pairs.joints)[0], torch.stack([thigh / thigh, thigh / thigh, thigh / shin, thigh / shin]), atol=1e-3)
