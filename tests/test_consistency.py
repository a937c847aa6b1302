"The mean teacher's pieces against closed forms, and an oracle whose 3D joints are those of the people in the pictures"
from dataclasses import replace
import math
import pytest, torch
from torch import nn
from conftest import ROOT
from xvae.data.cameras import fit_weak_camera, weak_project
from xvae.experiments import LAPTOP, SMOKE, plan
from xvae.metrics import pa_mpjpe
from xvae.tasks import consistency
from xvae.tasks.consistency import (
    OWN, SPACE, Regressor, all_paired, disagreement, follow, mean_teacher, oracle, ramp, supervision, train_mean_teacher, unmirrored, view_of, wild_joints)
from xvae.tasks.pose import PoseSettings, load_data, mirrored, plain, pose_pairs, used_pairs
from xvae.training import joint_steps, target_steps

CMU = ROOT.parent/"shared/data/cmu"

@pytest.fixture(scope="module")
def data(): return load_data(SMOKE)

@pytest.fixture
def raw(data):
    torch.manual_seed(0)
    return pose_pairs(data.pairs, data.wild, replace(SMOKE, augment=False))()

# The mean teacher

def test_two_views_of_the_same_pictures(raw):
    "Each row is mirrored where it says so, in its picture as in its joints"
    a, b = view_of(raw, replace(SMOKE, colour_noise=0.0)), view_of(raw, replace(SMOKE, colour_noise=0.0))
    assert (a.flip != b.flip).any() and a.flip.any() and not a.flip.all()
    assert torch.equal(a.batch.x, torch.where(a.flip[:, None, None, None], raw.x.flip(-1), raw.x))
    assert torch.equal(unmirrored(a.batch.y, a.flip[: len(raw.y)]), raw.y)
    assert torch.equal(unmirrored(a.batch.info["joints_2d"], a.flip), raw.info["joints_2d"])

def test_no_augmentation_no_difference(raw):
    view = view_of(raw, replace(SMOKE, augment=False))
    assert view.batch is raw and not view.flip.any()

def test_who_agrees_in_spite_of_a_mirror_pays_nothing():
    "One that sees a mirror image and says the mirrored pose; the teacher gets no gradient"
    joints, flip = torch.randn(6, 17, 3, requires_grad=True), torch.tensor([True, False] * 3)
    said = torch.where(flip[:, None, None], mirrored(joints.detach()), joints.detach()).requires_grad_()
    assert disagreement(joints, unmirrored(said, flip), SMOKE) == 0 < disagreement(joints, said, SMOKE)
    disagreement(joints, said, SMOKE).backward()
    assert said.grad is None and joints.grad is not None

def test_disagreement_in_nats():
    "One coordinate of one pose in two, off by sigma: a quarter of a nat"
    a = torch.zeros(2, 17, 3)
    b = a.clone()
    b[0, 3, 1] = SMOKE.sigma_y
    assert disagreement(a, b, SMOKE).item() == pytest.approx(0.25)

def test_supervision(data, raw):
    "The truth costs nothing in 3D, and in 2D what a weak camera leaves"
    n = len(raw.y)
    camera = fit_weak_camera(raw.y, raw.info["joints_2d"][:n], torch.ones(n, 17))
    batch = replace(raw, info={k: v[:n] for k, v in raw.info.items()} | dict(joints_2d=weak_project(raw.y, camera)))
    terms = supervision(raw.y, camera, batch, SMOKE)
    assert terms["sup"] == 0 and terms["2d"] < 1e-6
    batch.info["joints_2d"][:, 2, 0] += SMOKE.sigma_2d
    assert supervision(raw.y, camera, batch, SMOKE)["2d"].item() == pytest.approx(0.5 * SMOKE.reprojection, rel=1e-3)

def test_the_ramp():
    assert [ramp(0), ramp(1)] == [pytest.approx(math.exp(-5)), 1.0] and ramp(0.1) < ramp(0.2) < ramp(40 / 150) == 1

def test_the_teacher_is_a_mean_and_then_an_exponential_one():
    "The first of what it is the mean of are the weights that both began with, as it counts from one"
    teacher, student, expected = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False), 0.0
    with torch.no_grad(): teacher.weight.fill_(0)
    for step in range(1, 30):
        with torch.no_grad(): student.weight.fill_(step % 7)
        follow(teacher, student, step, 0.9)
        decay = min(1 - 1 / (step + 1), 0.9)
        expected = decay * expected + (1 - decay) * (step % 7)
        if step == 1: assert teacher.weight.item() == pytest.approx(0.5)
        if step == 5: assert teacher.weight.item() == pytest.approx(2.5) # of 0 to 5
    assert teacher.weight.item() == pytest.approx(expected, rel=1e-4)

@pytest.fixture(scope="module")
def taught(data):
    return train_mean_teacher(replace(SMOKE, steps=150, hidden=64, batch=16, wild_batch=16), data)

def test_it_learns(data, taught):
    "Pictures that it has seen, in a few steps, better than the mean pose; the teacher is not the student"
    joints = taught.teacher.poses(data.pairs)
    mean = data.pairs.joints.mean(0).expand_as(joints)
    assert pa_mpjpe(joints, data.pairs.joints) < pa_mpjpe(mean, data.pairs.joints)
    assert (joints[:, 0] == 0).all() and not torch.equal(joints, taught.student.poses(data.pairs))
    assert set(taught.curves[0]) == {"step", "sup", "2d", "consistency"} and taught.curves[0]["consistency"] < taught.curves[0]["sup"]

def test_agreement_alone_teaches_nothing(data, taught):
    "The two agree more and more, and no pose is nearer to the truth than the mean one"
    s = replace(SMOKE, steps=150, hidden=64, batch=16, wild_batch=16, sup=0.0, reprojection=0.0, rival=(("consistency", 1.0),))
    alone, error = train_mean_teacher(s, data), lambda joints: (joints - data.pairs.joints).norm(dim=-1).mean()
    said = [row["consistency"] for row in alone.curves]
    assert sum(said[-3:]) / 3 < 0.5 * max(said)
    assert error(alone.student.poses(data.pairs)) > error(data.pairs.joints.mean(0)) > error(taught.student.poses(data.pairs))

def test_pictures_without_3d_are_agreed_on(data):
    without = replace(SMOKE, rival=(("consistency", 0.0),))
    assert mean_teacher(SMOKE, data) != mean_teacher(without, data)

def test_pairs_are_agreed_on_too(data):
    "Labelled pictures are among those that student and teacher see twice"
    s = replace(SMOKE, wild_batch=0)
    assert mean_teacher(s, data) != mean_teacher(replace(s, rival=(("consistency", 0.0),)), data)

def test_training_counts_the_teachers_steps_from_one(data, monkeypatch):
    counted = []
    monkeypatch.setattr(consistency, "follow", lambda teacher, student, step, decay: counted.append(step))
    train_mean_teacher(SMOKE, data)
    assert counted == list(range(1, joint_steps(SMOKE, len(data.pairs)) + 1))

def test_a_setting_that_it_does_not_have(data):
    with pytest.raises(ValueError, match="rival has depth: expected only consistency, memory"): mean_teacher(replace(SMOKE, rival=(("depth", 1),)), data)

def test_what_a_search_may_vary():
    usual = {k: OWN[k] if k in OWN else getattr(PoseSettings, k) for k in SPACE}
    assert all(usual[k] in v and 3 <= len(v) <= 4 for k, v in SPACE.items())

def test_sizes_are_those_of_ours():
    "Encoder and the decoder of poses have as many weights as ours"
    from xvae.tasks.pose import PoseModel
    count = lambda net: sum(p.numel() for p in net.parameters())
    mine, ours = Regressor(plain(LAPTOP)), PoseModel(plain(LAPTOP))
    assert count(mine.encoder) == count(ours.vae_x.encoder) and count(mine.joints[1]) == count(ours.vae_y.decoder)

# The oracle

def test_the_joints_are_those_of_the_people_in_the_pictures(data):
    "Pelvis at 0, and through the best weak camera as far off the labelled 2D joints as perspective makes them; others' joints are far off"
    joints, u, c = wild_joints(SMOKE, data.wild), data.wild.joints_2d, data.wild.confidence
    off = lambda y: ((weak_project(y / 1000, fit_weak_camera(y / 1000, u, c)) - u).norm(dim=-1) * c).sum() / c.sum()
    assert (joints[:, 0] == 0).all() and off(joints) < 0.05 < 0.15 < off(joints.roll(1, 0))

@pytest.mark.parametrize("change", [dict(data_seed=1), dict(data="human36m")], ids=str)
def test_joints_of_others_are_refused(data, change):
    with pytest.raises(ValueError, match="other people|nobody knows"): wild_joints(replace(SMOKE, **change), data.wild)

@pytest.mark.skipif(not CMU.is_dir(), reason="no CMU trials in ../shared/data/cmu")
def test_real_motion():
    "The oracle knows the joints of people in real motion too, from the same trials"
    its = load_data(replace(SMOKE, motion="cmu"), CMU)
    assert wild_joints(replace(SMOKE, motion="cmu"), its.wild, its.root).isfinite().all()
    with pytest.raises(ValueError, match="other people"): wild_joints(SMOKE, its.wild)

def test_another_seed_has_its_own(data):
    s = replace(SMOKE, data_seed=10)
    other = load_data(s)
    assert wild_joints(s, other.wild).isfinite().all()

@pytest.mark.parametrize("fraction", [0.1, 1.0])
def test_all_pictures_are_pairs(data, fraction):
    "Half of them wild, as in a batch of ours; steps and target steps as for the pairs of the run"
    s = replace(SMOKE, fraction=fraction)
    settings, known = all_paired(s, data)
    pairs = used_pairs(s, data)
    studio = known.pairs.joints[known.pairs.subject < 100]
    assert known.pairs.joints.isfinite().all() and len(used_pairs(settings, known)) == len(known.pairs)
    assert {tuple(p.flatten().tolist()) for p in studio} <= {tuple(p.flatten().tolist()) for p in pairs.joints}
    assert len(known.pairs) == 2 * len(data.wild) == 2 * len(studio)
    assert (settings.batch, settings.wild_batch) == (s.batch + s.wild_batch, 0)
    assert joint_steps(settings, len(known.pairs)) == joint_steps(s, len(pairs))
    assert target_steps(len(known.library), len(known.pairs), settings.m_most) == target_steps(len(data.library), len(pairs), s.m_most)

def test_the_oracle_runs_with_the_settings_of_ours(data):
    "It is planned with all settings of the full method, unlike methods that have no codes"
    assert plan("oracle", SMOKE, 0).settings == plan("ours", SMOKE, 0).settings != plan("mean_teacher", SMOKE, 0).settings
    assert oracle(SMOKE, data) != oracle(replace(SMOKE, d_s=8), data)

def test_no_target_steps_where_ours_has_none(data):
    settings, known = all_paired(replace(SMOKE, m_most=0), data)
    assert settings.m_most == 0 and len(known.library) == 0
