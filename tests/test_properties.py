"What metrics, losses and splits promise, tried on anything: hypothesis looks for what breaks it"
import math
import numpy as np, pytest, torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from xvae.data.cameras import from_crop, to_crop
from xvae.data.cmu import DEAL, split_trials
from xvae.data.records import random_fraction
from xvae.data.sketches import REACH, boundary_f, chamfer, distance_rmse, ink_ratio, split_photos, to_distance, to_strokes
from xvae.data.skeletons import bone_lengths, directions, from_directions
from xvae.gaussians import kl_to_prior, log_likelihood, posterior
from xvae.io import checksum, load_tensors, save_tensors, short_digest
from xvae.latents import splits
from xvae.losses import falling, same_person
from xvae.metrics import auc3d, mpjpe, n_mpjpe, pa_mpjpe, pck3d, procrustes_align
from xvae.training import learning_rate, target_steps

settings.register_profile("quick", max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("quick")

seeds, sizes = st.integers(0, 2**31), st.floats(1e-2, 1e4)
dice = lambda seed: torch.Generator().manual_seed(seed)
poses = st.builds(lambda seed, n, size: size * torch.randn(n, 17, 3, generator=dice(seed), dtype=torch.float64), seeds, st.integers(1, 5), st.floats(1, 1e3))
sketches = st.builds(lambda seed, n, ink: (torch.rand(n, 16, 16, generator=dice(seed)) < ink).byte() * 255, seeds, st.integers(1, 4), st.floats(0, 0.5))

def turned(seed):
    "A random rotation"
    q, r = torch.linalg.qr(torch.randn(3, 3, generator=dice(seed), dtype=torch.float64))
    q = q * r.diagonal().sign()
    return q * torch.linalg.det(q)

def near(a, b, eps=1e-6): torch.testing.assert_close(torch.as_tensor(a), torch.as_tensor(b), rtol=eps, atol=eps, check_dtype=False)

# Metrics

@given(poses, seeds, st.floats(-1e3, 1e3))
def test_errors_are_distances(pose, seed, shift):
    "Nothing to itself wherever it stands, the same both ways, and no way round is shorter"
    other, third = (pose + torch.randn(pose.shape, generator=dice(seed + k), dtype=torch.float64) * 50 for k in (0, 1))
    near(mpjpe(pose, pose + shift), 0.0, 1e-9 * (1 + abs(shift)))
    near(mpjpe(pose, other), mpjpe(other, pose))
    assert mpjpe(pose, third, "none").le(mpjpe(pose, other, "none") + mpjpe(other, third, "none") + 1e-9).all()

@given(poses, seeds, sizes, st.floats(-1e3, 1e3))
def test_aligned_errors_know_no_place_size_and_turn(pose, seed, size, shift):
    other = pose + torch.randn(pose.shape, generator=dice(seed), dtype=torch.float64) * 50
    moved = size * pose @ turned(seed) + shift
    near(pa_mpjpe(moved, other), pa_mpjpe(pose, other), 1e-5)
    near(pa_mpjpe(moved, pose), 0.0, 1e-5 * pose.abs().max().item())
    near(n_mpjpe(size * pose, other), n_mpjpe(pose, other), 1e-5)

@given(poses, seeds)
def test_alignment_is_the_best_there_is(pose, seed):
    "No other turn, size and place leaves smaller squares"
    target = pose + torch.randn(pose.shape, generator=dice(seed), dtype=torch.float64) * 100
    aligned = procrustes_align(pose, target)
    left = lambda x: (x - target).square().sum((1, 2))
    middle = aligned.mean(1, keepdim=True)
    for other in ((aligned - middle) @ turned(seed) + middle, 1.01 * (aligned - middle) + middle, aligned + 0.1):
        assert (left(aligned) <= left(other) * (1 + 1e-9) + 1e-9).all()

@given(poses, seeds)
def test_shares_are_shares(pose, seed):
    other = pose + torch.randn(pose.shape, generator=dice(seed), dtype=torch.float64) * 100
    assert 0 <= auc3d(pose, other) <= 1 and 0 <= pck3d(pose, other) <= 1 and pck3d(pose, pose) == 1

# Sketches

@given(sketches, sketches)
def test_measures_of_strokes(a, b):
    "Bounds, the same both ways, and nothing between a sketch and itself"
    n = min(len(a), len(b))
    a, b = a[:n] > 0, b[:n] > 0
    f = boundary_f(a, b)
    assert ((0 <= f) & (f <= 1 + 1e-6)).all() and (boundary_f(a, a) == 1).all()
    near(f, boundary_f(b, a)); near(chamfer(a, b), chamfer(b, a))
    assert (chamfer(a, a) == 0).all() and (chamfer(a, b) >= 0).all() and (ink_ratio(a, a) == 1).all()

@given(sketches)
def test_maps_keep_their_strokes(ink):
    maps = to_distance(ink)
    assert ((0 <= maps) & (maps <= 1)).all() and torch.equal(to_strokes(maps), ink > 0)
    assert (distance_rmse(maps, maps) == 0).all() and (distance_rmse(maps, 1 - maps) <= REACH * 16 + 1e-6).all()

# Losses

@given(seeds, st.floats(0, 100))
def test_divergence_from_the_prior(seed, size):
    "Never negative, nothing for the prior itself, and what sampling gives"
    q = posterior(size * torch.randn(6, 8, generator=dice(seed), dtype=torch.float64))
    assert kl_to_prior(q).ge(-1e-9).all()
    near(kl_to_prior(posterior(torch.zeros(1, 8))), [0.0])
    near(kl_to_prior(q), torch.distributions.kl_divergence(q, torch.distributions.Normal(torch.zeros(()).double(), 1.0)).sum(-1), 1e-8)

@given(seeds, st.floats(1e-2, 1e2))
def test_likelihood_is_highest_at_what_was_seen(seed, sigma):
    x, off = torch.randn(2, 3, 4, generator=dice(seed))
    assert (log_likelihood(x, x, sigma) == 0).all() and (log_likelihood(x, x + off, sigma) <= 0).all()
    near(log_likelihood(x, x + off, sigma), log_likelihood(x + off, x, sigma), 1e-4)

@given(st.floats(0, 1), sizes, sizes, st.floats(0, 1), st.floats(0, 1))
def test_prices_fall_from_start_to_end(done, start, end, hold, until):
    price = falling(done, start, end, hold, until)
    assert min(start, end) * (1 - 1e-9) <= price <= max(start, end) * (1 + 1e-9)
    assume(until > hold)
    near(falling(0.0, start, end, hold, until), start); near(falling(1.0, start, end, hold, until), end)

@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_partners_are_of_the_same_person(people):
    who = torch.tensor(people)
    partner = same_person(who)
    assert torch.equal(who[partner], who) and sorted(partner.tolist()) == list(range(len(who)))
    assert all(people.count(p) == 1 or partner[i] != i for i, p in enumerate(people))

@given(st.integers(0, 10_000), st.integers(1, 10_000), st.one_of(st.none(), st.integers(0, 50)))
def test_target_steps(targets, pairs, most):
    m = target_steps(targets, pairs, most)
    assert 0 <= m <= max(targets // pairs, 0) and (most is None or m <= most)

@given(st.integers(1, 5000), st.floats(1e-6, 1), st.sampled_from(["constant", "cosine"]), st.data())
def test_learning_rates(steps, peak, schedule, data):
    rate = learning_rate(data.draw(st.integers(0, steps - 1)), steps, peak, schedule)
    assert 0 <= rate <= peak * (1 + 1e-9)

# Splits

@given(st.integers(1, 500), st.floats(1e-6, 1), st.floats(1e-6, 1), seeds)
def test_parts_lie_within_larger_parts(n, a, b, seed):
    small, large = (random_fraction(n, f, seed).tolist() for f in sorted((a, b)))
    assert set(small) <= set(large) <= set(range(n)) and small == sorted(set(small)) and small

@given(st.lists(st.integers(0, 20), min_size=1, max_size=60), st.floats(0.01, 0.99), seeds)
def test_no_group_is_on_both_sides(groups, share, seed):
    group = torch.tensor(groups)
    train, test = split_photos(len(group), share, seed, group)
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(len(group))) and len(test)
    assert not set(group[train].tolist()) & set(group[test].tolist())

@given(st.sets(st.text("0123456789_", min_size=1, max_size=6), min_size=len(DEAL), max_size=60), st.randoms())
def test_no_trial_is_in_two_parts(names, order):
    "Whatever the order in which a folder gives them"
    shuffled = list(names)
    order.shuffle(shuffled)
    parts = split_trials(shuffled)
    assert parts == split_trials(sorted(names)) and set(parts["paired"]) <= set(parts["unpaired"])
    apart = [set(parts[k]) for k in ("unpaired", "validation", "test")]
    assert set.union(*apart) == names and sum(map(len, apart)) == len(names) and all(apart)

@given(st.integers(12, 60), st.integers(2, 5), seeds)
def test_folds_hold_out_everything_once(n, folds, seed):
    groups = torch.randint(0, 10, (n,), generator=dice(seed))
    assume(len(groups.unique()) >= folds)
    pairs = list(splits(n, None, folds, groups).split(np.zeros(n), groups=groups))
    assert sorted(int(i) for _, test in pairs for i in test) == list(range(n))
    for train, test in pairs: assert not set(groups[train].tolist()) & set(groups[test].tolist())

# What goes there and back

@given(poses)
def test_bones(pose):
    "Directions and lengths are the pose"
    pelvis = pose - pose[:, :1]
    near(from_directions(directions(pelvis), bone_lengths(pelvis)), pelvis, 1e-6)

@given(seeds, st.floats(1, 1e4), st.floats(-1e4, 1e4))
def test_crops(seed, side, place):
    points, centre, sides = torch.randn(4, 17, 2, generator=dice(seed)).double() * 100, torch.full((4, 2), place).double(), torch.full((4, 1), side).double()
    near(from_crop(to_crop(points, centre, sides), centre, sides), points, 1e-6)

json = st.recursive(st.none() | st.booleans() | st.integers(-2**53, 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8)

@given(st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8), seeds, max_size=4),
    st.dictionaries(st.text(max_size=5), json, max_size=3))
def test_files_of_tensors(tmp_path_factory, names, about):
    "What is saved comes back, whatever it is called; and the digest is of it alone"
    assume(not {"sha256", "sha256 of the tensors"} & about.keys() and "__metadata__" not in names)
    tensors = {k: torch.randn(seed % 4, 1 + seed % 3, generator=dice(seed)).to([torch.float32, torch.float16, torch.int64][seed % 3]) for k, seed in names.items()}
    save_tensors(path := tmp_path_factory.mktemp("t")/"t.safetensors", tensors, about)
    again, said = load_tensors(path)
    assert said == about and again.keys() == tensors.keys() and all(torch.equal(again[k], v) and again[k].dtype == v.dtype for k, v in tensors.items())
    assert checksum(again, "") == checksum(tensors, "")

@given(st.dictionaries(st.text(max_size=5), json, max_size=4))
def test_digests_know_no_order(about):
    back = dict(reversed(about.items()))
    assert short_digest(about) == short_digest(back) and len(short_digest(about)) == 12

@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@given(pose=poses, joint=st.integers(1, 16))
def test_a_broken_joint_is_no_number(bad, pose, joint):
    "It makes the error of its pose nothing finite and leaves the others alone"
    broken = pose.clone()
    broken[0, joint, 0] = bad
    for metric in (mpjpe, pa_mpjpe):
        errors, right = metric(broken, pose + 1, "none"), metric(pose, pose + 1, "none")
        assert not math.isfinite(errors[0]) and torch.equal(errors[1:], right[1:])
