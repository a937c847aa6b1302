"The rivals get what ours gets and nothing more, train one head for those that need it, and survive the least of data"
from dataclasses import replace
import pytest, torch
from xvae.data.cameras import weak_project
from xvae.experiments import SMOKE
from xvae.tasks import rivals
from xvae.tasks.pose import UNITS, load_data, used_pairs
from xvae.tasks.methods import RIVALS, SEES
from xvae.tasks.rivals import Lifter, lift, look, matches, train_head, train_lifter, trained_head, warped

WITH_HEAD = "martinez", "chen_ramanan", "aign", "aign_pairs"
OWN = dict(martinez=(("lifter", 2e-3),), aign=(("prior", 2.0),), aign_pairs=(("prior", 2.0),)) # settings of those that have some
each = pytest.mark.parametrize("rival", RIVALS.values(), ids=RIVALS)

@pytest.fixture(scope="module")
def data(): return load_data(SMOKE)

@pytest.fixture(autouse=True)
def no_head(): rivals.last_head.clear()

@pytest.fixture
def trained(monkeypatch):
    "The arguments of every head that is trained"
    calls = []
    monkeypatch.setattr(rivals, "train_head", lambda *args: (calls.append(args), train_head(*args))[1])
    return calls

def with_joints(poses, rows, value):
    "The set with 3D joints of some rows replaced"
    joints = poses.joints.clone()
    joints[rows] = value
    return replace(poses, joints=joints)

# The head

def test_one_head_for_all(data, trained):
    "Also if the data were loaded anew in between, as they are for every run, and a rival has settings of its own"
    for name in WITH_HEAD: RIVALS[name](replace(SMOKE, rival=OWN.get(name, (("name", name),))), load_data(SMOKE))
    assert len(trained) == 1

def test_another_run_has_another_head(data, trained):
    "Another seed, setting, label or picture"
    labels = replace(data.wild, joints_2d=data.wild.joints_2d + 1)
    pictures = replace(data.pairs, images=255 - data.pairs.images)
    trained_head(SMOKE, data)
    for run in ((SMOKE, data, 1), (replace(SMOKE, fraction=0.5), data), (SMOKE, replace(data, wild=labels)), (SMOKE, replace(data, pairs=pictures))):
        before = len(trained)
        trained_head(*run)
        assert len(trained) == before + 1

def test_a_head_that_failed_is_not_kept(data):
    with pytest.raises(ValueError, match="expected 'constant' or 'cosine'"): trained_head(replace(SMOKE, schedule="step"), data)
    assert rivals.last_head == {}

# What they may see

@each
def test_unused_pairs_are_not_seen(rival, data):
    "3D joints of pairs that `fraction` leaves out"
    s = replace(SMOKE, fraction=0.25)
    used = torch.isin(data.pairs.joints[:, 1, 0], used_pairs(s, data).joints[:, 1, 0])
    assert rival(s, data) == rival(s, replace(data, pairs=with_joints(data.pairs, ~used, torch.nan)))

def test_test_poses_are_not_seen(data):
    "A head is the same without them"
    heads = [train_head(SMOKE, d) for d in (data, replace(data, test=with_joints(data.test, slice(None), torch.nan)))]
    assert all(torch.equal(a, b) for a, b in zip(*(h.state_dict().values() for h in heads)))

def blind(poses):
    "The set with nothing to see and nothing known"
    return replace(poses, images=torch.zeros_like(poses.images), joints_2d=torch.full_like(poses.joints_2d, torch.nan))

@pytest.mark.parametrize("name", [name for name in RIVALS if not SEES[name][2]])
def test_who_needs_no_library_knows_none(name, data):
    library = torch.full_like(data.library, torch.nan)
    assert RIVALS[name](SMOKE, data) == RIVALS[name](SMOKE, replace(data, library=library))

@pytest.mark.parametrize("name", [name for name in RIVALS if not SEES[name][1]])
def test_who_needs_no_other_pictures_sees_none(name, data):
    assert RIVALS[name](SMOKE, data) == RIVALS[name](SMOKE, replace(data, wild=blind(data.wild)))

# The same again

@each
def test_same_numbers_again(rival, data):
    "From whatever state the generator is in, which is left as it was"
    first = rival(SMOKE, data)
    rivals.last_head.clear()
    torch.manual_seed(77)
    state = torch.random.get_rng_state()
    assert rival(SMOKE, data) == first and torch.equal(torch.random.get_rng_state(), state)
    assert set(first) == set(UNITS)

@each
def test_one_pair_is_enough(rival, data):
    s = replace(SMOKE, fraction=1e-6)
    assert len(used_pairs(s, data)) == 1
    assert all(torch.tensor(v).isfinite() for v in rival(s, data).values())

# Lifting

def test_a_pose_is_lifted_alone_as_in_company(data):
    u, y = data.pairs.joints_2d, data.pairs.joints
    lifter = train_lifter(SMOKE, u, y)
    assert torch.allclose(lift(lifter, u)[7:8], lift(lifter, u[7:8]), atol=1e-2)
    assert (lift(lifter, u)[:, 0] == 0).all()

def test_lifter_learns(data):
    "From true 2D joints, a few hundred steps bring it within 100 mm of poses that it has seen"
    u, y = data.pairs.joints_2d, data.pairs.joints
    lifter = train_lifter(replace(SMOKE, steps=300, hidden=128, augment=False), u, y)
    assert (lift(lifter, u) - y).norm(dim=-1).mean() < 100

def test_a_coordinate_that_never_moves_is_no_trouble():
    u, y = torch.zeros(4, 17, 2), torch.zeros(4, 17, 3)
    assert Lifter(u, y, 8).eval()(u).isfinite().all()

# Matching

def test_a_pose_of_the_library_is_found_and_restored(data):
    "Through a weak camera, wherever it puts the person: the exemplar's own camera is found again"
    camera = torch.tensor([[0.8, 0.3, -0.1]]).expand(50, 3)
    seen = weak_project(data.library[:50] / 1000, camera)
    found = matches(seen, data.library)[:, 0]
    assert torch.equal(found, torch.arange(50))
    assert torch.allclose(warped(data.library[found], seen), data.library[:50], atol=0.1)

def test_best_match_first(data):
    u = data.test.joints_2d[:20]
    fit = (look(u) @ look(data.library[..., :2]).T)
    order = fit.gather(1, matches(u, data.library, k=8, batch=7))
    assert torch.equal(order[:, 0], fit.max(1).values) and (order.diff(dim=1) <= 0).all()
