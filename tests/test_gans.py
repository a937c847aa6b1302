"The translators get what ours gets and nothing more, know which sketch belongs to which photo only where they may, and learn"
from dataclasses import replace
import pytest, torch
from torch import nn
from xvae.data.records import random_fraction
from xvae.experiments import PRESETS, computed, do_run, job, load_model, plan, weights_of
from xvae.tasks.gans import AUTHORS, GANS, SEES, Block, Buffer, Generators, ResNet, UNet, cyclegan_batches, held, judged, patch_scores, pix2pix_turns, play, train_pix2pix
from xvae.tasks.rivals import rival_settings
from xvae.tasks.sketch import UNITS, SketchSettings, discard, load_data, mean_sketch, pictures, predict, sketch_metrics
from xvae.training import Batch

SMOKE = PRESETS["sketch"]["smoke"]
HALF = replace(SMOKE, fraction=0.5)
each = pytest.mark.parametrize("name", GANS)

@pytest.fixture(scope="module")
def data(): return load_data(SMOKE)

def same(a, b): return all(torch.equal(v, b[k]) for k, v in a.items())
def weights(name, s, data, seed=0): return GANS[name].train(s, data, seed).state_dict()
def those_with(name, column, value): return name in [k for k, sees in SEES.items() if sees[column] is value]

def with_train(data, **changes): return data._replace(train=replace(data.train, **changes))

def spoiled(values, rows):
    "The same with some rows inverted"
    out = values.clone()
    out[rows] = 255 - out[rows]
    return out

def shuffled(photo):
    "Other sketches to the same photos, as many to each"
    return photo[torch.randperm(len(photo), generator=torch.Generator().manual_seed(5))]

# What they may see

@each
def test_discarded_photos_are_not_seen(name, data):
    kept = torch.isin(torch.arange(len(data.train)), random_fraction(len(data.train), HALF.fraction))
    assert 0 < kept.sum() < len(kept)
    other = with_train(data, photos=spoiled(data.train.photos, ~kept))
    assert same(weights(name, HALF, data), weights(name, HALF, other))

@each
def test_unpaired_sketches_are_seen_only_by_those_that_may(name, data):
    _, unpaired = discard(data.train, HALF.fraction)
    other = with_train(data, sketches=spoiled(data.train.sketches, unpaired))
    assert same(weights(name, HALF, data), weights(name, HALF, other)) is not SEES[name][1]

@each
def test_pairing_is_known_only_to_those_that_may(name, data):
    "All photos are used here, so that whichever sketches belong to them, they are the same"
    other = with_train(data, photo=shuffled(data.train.photo))
    assert not torch.equal(other.train.photo, data.train.photo)
    assert same(weights(name, SMOKE, data), weights(name, SMOKE, other)) is not SEES[name][0]

@each
def test_test_photos_are_not_seen(name, data):
    other = data._replace(test=replace(data.test, photos=255 - data.test.photos, sketches=255 - data.test.sketches))
    assert same(weights(name, HALF, data), weights(name, HALF, other))

def test_batches_without_pairs_draw_photos_and_sketches_apart(data):
    "Of all photos that are kept, as often each, and of all sketches"
    marked = with_train(data, photos=torch.arange(len(data.train)).to(torch.uint8)[:, None, None, None].expand(-1, 3, 32, 32).contiguous())
    sample, n = cyclegan_batches(HALF, marked)
    torch.manual_seed(0)
    x, y, own = zip(*(sample() for _ in range(300)))
    drawn = (255 * torch.cat(x)[:, 0, 0, 0]).round().long().bincount(minlength=len(data.train))
    kept = random_fraction(len(data.train), HALF.fraction)
    assert (drawn > 0).nonzero()[:, 0].tolist() == kept.tolist() and drawn[kept].float().std() < 2 * drawn[kept].float().mean().sqrt()
    assert set(own) == {None} and n == len(discard(data.train, HALF.fraction)[0])
    assert len(torch.cat(y).flatten(1).unique(dim=0)) == len(data.train.sketches.flatten(1).unique(dim=0))

def test_batches_with_pairs_have_each_photo_with_its_own(data):
    marked = with_train(data, photos=torch.arange(len(data.train)).to(torch.uint8)[:, None, None, None].expand(-1, 3, 32, 32).contiguous(),
                        sketches=(data.train.photo < 20)[:, None, None].expand(-1, 32, 32).to(torch.uint8) * 255)
    x, y, own = cyclegan_batches(SMOKE, marked, paired=True)[0]()
    assert torch.equal(own[:, 0, 0, 0] == 0, (255 * x[:, 0, 0, 0]).round() < 20) and len(y) == len(x)

# The same again

@each
def test_same_numbers_again(name, data):
    "From whatever state the generator is in, which is left as it was; another seed gives others"
    first = GANS[name](HALF, data)
    torch.manual_seed(77)
    state = torch.random.get_rng_state()
    assert GANS[name](HALF, data) == first and torch.equal(torch.random.get_rng_state(), state)
    assert set(first) == set(UNITS) and not same(weights(name, HALF, data), weights(name, HALF, data, seed=1))

@each
def test_one_photo_is_enough(name, data):
    s = replace(SMOKE, fraction=1e-6)
    assert data.train.photo[discard(data.train, s.fraction)[0]].unique().numel() == 1
    assert all(v.isfinite().all() for v in weights(name, s, data).values())

def test_rounded_passes_see_the_weights_of_their_step():
    "In bfloat16 too, where PyTorch keeps rounded weights for as long as it may"
    net, said = nn.Linear(1, 1), []
    turn = lambda: dict(out=net(torch.ones(2, 1)).float().mean())
    play([(turn, net)], replace(SMOKE, bf16=True, schedule="constant"), 4, 0.5, watch=lambda step, terms: said.append(terms["out"].item()))
    assert (torch.tensor(said).diff() < -0.5).all() and net.weight.dtype is torch.float32

@each
def test_rounded_passes_are_others(name, data):
    few, rounded = (weights(name, replace(HALF, bf16=bf16, steps=1), data) for bf16 in (False, True))
    assert not same(few, rounded) and all(v.isfinite().all() for v in rounded.values())

@each
def test_unknown_settings_are_an_error(name, data):
    with pytest.raises(ValueError, match="rival has depth: expected only channels, patch, rate"):
        GANS[name].train(replace(SMOKE, rival=(("depth", 3),)), data)

# In the store

@each
def test_a_run_keeps_its_weights(name, tmp_path):
    "And what is computed from models is computed from it, trained again if they are gone"
    j = job("smoke", device="cpu", results_dir=tmp_path, task="sketch")
    run = do_run(plan(name, j.settings, 0, 0.5), j)
    assert set(run.metrics) == set(UNITS) and do_run(plan(name, j.settings, 0, 0.5), j) == run
    split = load_data(run.settings)
    assert GANS[name](run.settings, split, 0) == run.metrics == sketch_metrics(predict(load_model(tmp_path, run), split.test.photos), split.test, run.settings.level)
    weights_of(tmp_path, run).unlink()
    assert torch.equal(computed(run, j, "pictures", pictures)[1]["test"], pictures(load_model(tmp_path, run), split, run)[1]["test"])

# Pieces

def test_skips_join_what_is_of_one_size():
    "Every level is seen from the last: a change of the picture in a corner changes the map there and nowhere far, but through the bottom"
    net = UNet(1, 1, 4, 5, nn.Identity).eval()
    for p in net.parameters(): nn.init.constant_(p, 0.01)
    x = torch.zeros(1, 1, 64, 64, requires_grad=True)
    net(x)[0, 0, 0, 0].backward()
    assert x.grad[0, 0, :4, :4].abs().min() > x.grad[0, 0, 60:, 60:].abs().max() >= 0
    assert [len(net.down), len(net.up)] == [5, 5]

def test_dropout_is_off_at_rest():
    net, x = UNet(3, 1, 4, 5, dropout=0.5), torch.randn(4, 3, 32, 32)
    assert not torch.equal(net(x), net(x)) and torch.equal(net.eval()(x), net(x))
    assert not any(isinstance(m, nn.Dropout) for m in UNet(3, 1, 4).modules())

@pytest.mark.parametrize("levels, expected", [(8, [1, 2, 3]), (7, [1, 2, 3]), (6, [1, 2]), (5, [1, 2])])
def test_dropout_is_on_the_inner_half_but_not_on_the_innermost(levels, expected):
    "Counted from the innermost, which is 0; at 8 levels the authors have it on three"
    up = UNet(3, 1, 4, levels, dropout=0.5).up
    assert [i for i, part in enumerate(up) if any(isinstance(m, nn.Dropout) for m in part)] == expected

def test_a_block_adds_to_what_it_sees_and_mirrors_its_edges():
    "A grey picture stays grey to the edge, and what the last convolution gives is added"
    block, x = Block(4, nn.Identity), torch.ones(1, 4, 6, 6)
    out = block(x)
    assert torch.allclose(out, out[..., :1, :1].expand_as(out), atol=1e-6) and not torch.allclose(out, x)
    nn.init.zeros_(block.parts[3].weight); nn.init.zeros_(block.parts[3].bias)
    assert torch.equal(block(x), x)

@each
def test_a_resnet_where_the_authors_have_one(name):
    "With as many weights as theirs, but for the channels of a sketch"
    built = GANS[name].build(SketchSettings(rival=AUTHORS[name]))
    kind, millions = (UNet, 54.4) if name == "pix2pix" else (ResNet, 11.4)
    for net in filter(None, (built.to_sketch, built.to_photo)):
        assert type(net) is kind and sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)
    assert (built.to_photo is None) is (name == "pix2pix")

@pytest.mark.parametrize("net, least", [(UNet(3, 1, 2, 5), 32), (ResNet(3, 1, 2, 1), 4)])
def test_a_size_that_does_not_halve_is_an_error(net, least):
    with pytest.raises(ValueError, match=f"image size 50: expected a multiple of {least}"): net(torch.zeros(2, 3, 50, 50))

def test_scores_are_of_patches():
    "A change in a corner leaves the scores of the other corner alone"
    net = patch_scores(1, 4, 1, nn.Identity)
    x = torch.zeros(1, 1, 64, 64)
    y = x.clone(); y[..., :8, :8] = 1
    change = (net(x) - net(y))[0, 0].abs()
    assert change[0, 0] > 0 and change[8:, 8:].max() == 0

def test_a_held_discriminator_gets_no_gradient_and_passes_it_on():
    net, x = patch_scores(1, 4), torch.randn(2, 1, 32, 32, requires_grad=True)
    with held(net): judged(net(x), True).backward()
    assert x.grad.abs().max() > 0 and all(p.grad is None and p.requires_grad for p in net.parameters())

def test_turns_move_their_own_weights_alone():
    "The discriminator's turn leaves no gradient at the generator, nor the generator's at the discriminator"
    generators, scores = Generators(UNet(3, 1, 4)), patch_scores(4, 4)
    batch = Batch(torch.rand(2, 3, 32, 32), torch.rand(2, 1, 32, 32))
    (judge, _), (draw, _) = pix2pix_turns(generators, scores, lambda: batch, rival_settings(SketchSettings(), adversarial=1.0, l1=1.0))
    sum(judge().values()).backward()
    assert all(p.grad is None for p in generators.parameters())
    before = [p.grad.clone() for p in scores.parameters()]
    sum(draw().values()).backward()
    assert all(torch.equal(p.grad, g) for p, g in zip(scores.parameters(), before))
    assert all(p.grad is not None for p in generators.parameters())

def test_a_buffer_forgets_nothing_that_it_did_not_give():
    "Each picture is given at once or kept, and the kept are given before they are lost"
    torch.manual_seed(0)
    buffer, given = Buffer(4), []
    for i in range(50): given += buffer(torch.full((3, 1, 1, 1), 1.0) * torch.tensor([3 * i, 3 * i + 1, 3 * i + 2]).view(3, 1, 1, 1)).flatten().tolist()
    assert set(range(150)) - set(given) <= set(buffer.kept.flatten().tolist()) and len(given) == 150 and len(buffer.kept) == 4

# That they learn

LEARN = SketchSettings(n_photos=60, image_size=32, steps=150, batch=8)

def test_pix2pix_learns():
    "Closer than the mean sketch in a few steps, to photos that it has seen"
    data = load_data(LEARN)
    model = train_pix2pix(replace(LEARN, rival=(("rate", 2e-3), ("channels", 8))), data)
    seen = lambda maps: sketch_metrics(maps, data.train, LEARN.level)["distance RMSE"]
    assert seen(predict(model, data.train.photos)) < 0.8 * seen(mean_sketch(data.train, len(data.train)))

def test_diverged_training_is_noticed(tmp_path):
    j = job("smoke", device="cpu", results_dir=tmp_path, task="sketch")
    with pytest.raises(FloatingPointError, match="expected a number; nothing is stored"):
        do_run(plan("cyclegan", replace(j.settings, rival=(("rate", float("nan")),)), 0), j)
