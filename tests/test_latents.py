"Measures of the shared space at their edges: one pair, codes that say nothing, NaN, and what must not matter to them"
import math
from dataclasses import replace
import numpy as np
import pytest, torch
from torch.distributions import Normal
from xvae.data.fixtures import write_fixture
from xvae.data.human36m import footage
from xvae.data.prepared import prepare
from xvae.data.records import PoseData
from xvae.experiments import SMOKE
from xvae.latents import alignment, best_of_k, coverage, found, posterior_samples, prior_samples, probe, r2, spread_error
from xvae.tasks.pose import PoseModel, load_data
from xvae.tasks.pose_latents import LATENT_UNITS, beyond_limits, clips, encoded, flexion, known_poses, latent_arrays, latent_metrics
from xvae.tasks.pose_latents import load_strangers, nearest_known, plausibility, unevenness

@pytest.fixture(autouse=True)
def same_numbers(): torch.manual_seed(0)

def codes(n=60, d=4): return Normal(torch.randn(n, d), torch.rand(n, d) + 0.5)

# Alignment

def test_one_pair_has_no_other():
    with pytest.raises(ValueError, match="1 row: a partner that is another row needs at least 2"): alignment(codes(1), codes(1))

def test_collapsed_codes_are_found_by_chance():
    q = Normal(torch.ones(50, 4), torch.ones(50, 4))
    got = alignment(q, q)
    assert got["kl"] == got["w2"] == got["kl_mismatched"] == 0
    assert got["top1"] == pytest.approx(got["top1_chance"]) and got["top10"] == pytest.approx(0.2)

def test_all_are_found_among_few(): assert alignment(codes(5), codes(5))["top10"] == 1

def test_order_of_pairs_does_not_matter():
    a, b, order = codes(), codes(), torch.randperm(60)
    one, other = alignment(a, b), alignment(*(Normal(q.mean[order], q.stddev[order]) for q in (a, b)))
    assert {k: one[k] for k in ("kl", "w2", "top1", "top10")} == pytest.approx({k: other[k] for k in ("kl", "w2", "top1", "top10")})

def test_axes_do_not_matter_to_what_is_found():
    a, b, rotation = torch.randn(60, 4), torch.randn(60, 4), torch.linalg.qr(torch.randn(4, 4))[0]
    assert found(a, b, 5) == pytest.approx(found(a @ rotation, b @ rotation, 5))

@pytest.mark.parametrize("name, where", [("z_t", 0), ("w_t", 1)])
def test_diverged_codes_are_named(name, where):
    pair = [codes(), codes()]
    pair[where].mean[3, 1] = math.nan
    with pytest.raises(ValueError, match=f"{name} has NaN or infinity in row 3"): alignment(*pair)

def test_codes_of_two_lengths(): pytest.raises(ValueError, alignment, codes(60), codes(50)).match("expected N pairs")

# Probes

def factors(n=200): return torch.randn(n, 3)

@pytest.mark.parametrize("kind", ["linear", "nonlinear"])
def test_a_constant_code_tells_nothing(kind):
    assert probe(torch.ones(200, 4), factors(), kind) < 0.01
    assert probe(torch.ones(200, 4), torch.arange(200) % 2, kind) == pytest.approx(0.5)

def test_units_and_axes_do_not_matter_to_a_linear_probe():
    y = factors()
    code = torch.cat([y, torch.randn(200, 3)], 1) + 0.5 * torch.randn(200, 6)
    mixed = 1000 * code @ torch.linalg.qr(torch.randn(6, 6))[0] + 7
    assert probe(code, y) == pytest.approx(probe(mixed, 5 - 0.01 * y), abs=0.02)

def test_a_factor_that_does_not_vary_is_left_out():
    y = torch.cat([factors(), torch.full((200, 1), 0.3)], 1)
    assert probe(y[:, :3], y) > 0.99 and np.isnan(r2(y, y)[3])

def test_no_factors(): pytest.raises(ValueError, probe, torch.randn(20, 2), torch.zeros(20, 0)).match("no factor varies")

def test_neighbours_of_a_clip_are_kept_together():
    "A code that only says which clip it is"
    clip = torch.arange(200) // 4
    code, y = torch.randn(50, 6)[clip], torch.randn(50, 1)[clip]
    assert probe(code, y, "nonlinear") > 0.5 and probe(code, y, "nonlinear", groups=clip) < 0.05

def test_rare_class_counts_as_much(): assert probe(torch.randn(300, 2), (torch.arange(300) % 10 == 0).long()) == pytest.approx(0.5, abs=0.12)

def test_wide_codes_and_one_column():
    y = factors(100)
    assert probe(y @ torch.randn(3, 500) + torch.randn(100, 500), y) > 0.9
    assert probe(y[:, :1], y[:, 0]) > 0.99

# Doubts

def test_single_sample_and_k_of_three():
    y = torch.randn(500, 2)
    assert best_of_k(torch.ones(1, 5)).tolist() == [1]
    nominal, actual = coverage(torch.randn(3, 500, 2), y)
    assert nominal.tolist() == [0.5] and actual.item() == pytest.approx(0.5, abs=0.05)

def test_sure_and_wrong_or_unsure_and_right():
    y = torch.randn(500, 2)
    assert coverage(torch.zeros(39, 500, 2), y)[1].max() == 0
    assert coverage(100 * torch.randn(39, 500, 2), y)[1][9:].min() > 0.99
    assert spread_error(torch.zeros(39, 500, 2), y) == 0

def test_diverged_samples_are_named():
    with pytest.raises(ValueError, match="truth has NaN or infinity in row 2"): coverage(torch.zeros(3, 4, 1), torch.tensor([0, 0, math.nan, 0])[:, None])

# Poses

@pytest.fixture(scope="module")
def data(): return load_data(SMOKE)

@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return PoseModel(SMOKE).eval()

def rotation():
    R = torch.linalg.qr(torch.randn(3, 3))[0]
    return R * torch.linalg.det(R).sign()

def test_where_and_how_large_a_person_is_does_not_matter(data):
    pose, R = data.test.joints, rotation()
    assert torch.allclose(flexion(pose), flexion(0.5 * pose @ R + 100), atol=0.1)
    assert nearest_known(0.5 * pose @ R + 100, pose).max() < 0.1

def test_a_mirrored_person_bends_the_other_knee(data):
    pose = data.test.joints
    swapped = (pose * torch.tensor([-1.0, 1, 1]))[:, [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13]]
    assert torch.allclose(flexion(pose)[:, [1, 0, 3, 2]], flexion(swapped), atol=0.1)
    assert beyond_limits(pose).max() == 0

def test_collapsed_poses_have_numbers(data):
    assert all(map(math.isfinite, plausibility(torch.zeros(5, 17, 3), known_poses(data)).values()))
    assert unevenness(torch.zeros(4, 5, 17, 3)) == 1

def test_batches_do_not_matter(data, model):
    whole, parts = encoded(model, data.test, batch=60), encoded(model, data.test, batch=7)
    assert torch.allclose(whole.q_t.mean, parts.q_t.mean, atol=1e-4) and torch.allclose(whole.features, parts.features, atol=1e-4)

def test_same_numbers_again(data, model):
    "Whatever chance did before"
    one, _, other = prior_samples(model, 5), torch.rand(3), prior_samples(model, 5)
    q = encoded(model, data.test).q_t
    assert torch.equal(one, other) and torch.equal(posterior_samples(model, q, 3, 0.1), posterior_samples(model, q, 3, 0.1))

@pytest.mark.parametrize("collapsed", [False, True], ids=["untrained", "collapsed"])
def test_all_numbers_of_a_poor_model(data, model, collapsed):
    "Codes that are the same for all pictures and poses give numbers, none of them NaN; without strangers, appearance is left out"
    people = load_strangers(SMOKE)
    if collapsed:
        model = PoseModel(SMOKE).eval()
        for head in (model.vae_x.head_t, model.vae_x.head_s, model.vae_y.head): head.weight.data.zero_()
    got, without = latent_metrics(model, data, people), latent_metrics(model, data)
    assert got.keys() == LATENT_UNITS.keys() and all(map(math.isfinite, got.values()))
    assert without == {k: v for k, v in got.items() if "appearance" not in k}
    arrays = latent_arrays(model, data, people)
    assert sum(v.nbytes for v in arrays.values()) < 50_000 and "appearance" not in latent_arrays(model, data)

def test_one_subject_is_not_told_from_others(data, model):
    alone = replace(data, test=data.test[data.test.subject == 9])
    assert not [k for k in latent_metrics(model, alone) if k.startswith("subject")]
    assert clips(data.test[:3]) is None

def test_pictures_in_files(data, model, tmp_path):
    "The same numbers for prepared pictures as for pictures in memory"
    copies = write_fixture("human36m", tmp_path, subjects=(9,), actions=("Walking",), frames=4)
    mine = prepare("human36m", footage(copies, test_stride=1), tmp_path/"prepared", size=SMOKE.image_size)
    both = [latent_metrics(model, PoseData(data.pairs, data.wild, test, data.library)) for test in (mine, mine[:])]
    assert both[0] == both[1] and not [k for k in both[0] if "appearance" in k]
