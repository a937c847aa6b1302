"Others' ways to train the same two VAEs: their losses by hand and by others' code, where gradients go, and that each is a run like ours"
import math
from dataclasses import fields, replace
import pandas as pd, pytest, torch
from torch import nn
from torch.distributions import Normal
from xvae import peers, training
from xvae.arms import Arm
from xvae.experiments import LAPTOP, PRESETS, SMOKE, do_run, job, load_model, plan
from xvae.frames import failed
from xvae.gaussians import kl_to_prior
from xvae.io import load_tensors, save_tensors
from xvae.losses import Weights, total_loss
from xvae.models import CrossModalVAE, SourceVAE, TargetVAE
from xvae.networks import mlp
from xvae.peers import OBJECTIVES, dmvae, equipped, mmvae_plus, mmvae_pp
from xvae.tables import LABELS
from xvae.task import task_of
from xvae.tasks.methods import SEES
from xvae.tasks.pose import METHODS, PEERS, SPACE, load_data
from xvae.tasks.pose_latents import latent_metrics, load_strangers
from xvae.tasks.swaps import Judge, swap_numbers
from xvae.training import Batch, joint_loss, target_loss, tensor_pairs, tensor_targets, train

each = pytest.mark.parametrize("name", PEERS)
D_X, D_Y, D_T, D_S = 6, 4, 3, 2

def net(n_in, n_out): return nn.Sequential(nn.Linear(n_in, 8), nn.Tanh(), nn.Linear(8, n_out))

def toy(seed=0):
    "Two small VAEs without BatchNorm, in 64 bits"
    torch.manual_seed(seed)
    vae_x = SourceVAE(net(D_X, 7), net(D_T + D_S, D_X), 7, D_T, D_S)
    return equipped(CrossModalVAE(vae_x, TargetVAE(net(D_Y, 7), net(D_T, D_Y), 7, D_T)), "mmvae_plus").double()

def batch(seed=0, n=5):
    noise = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(n, d, generator=noise, dtype=torch.float64) for d in (D_X, D_Y))

@pytest.fixture
def means(monkeypatch):
    "Every sample is its posterior's mean, in our code and in others'"
    monkeypatch.setattr(Normal, "rsample", lambda self, shape=(): self.loc.expand(*shape, *self.loc.shape))
    monkeypatch.setattr(peers, "auxiliary", lambda model, n: torch.zeros(n, D_S, dtype=torch.float64))

def total(terms): return sum(terms.values()).item()

# By hand

def test_dmvae_by_hand(means):
    "Three bounds, number by number, where decoders pass codes on as they are"
    vae_x = SourceVAE(nn.Identity(), nn.Identity(), 3, d_t=2, d_s=1)
    model = CrossModalVAE(vae_x, TargetVAE(nn.Identity(), nn.Identity(), 2, d_t=2)).double()
    w = Weights(beta_x=0.5, beta_y=0.25, beta_s=2.0, sigma_x=0.3, sigma_y=0.2)
    noise = torch.Generator().manual_seed(1)
    x, y = (torch.randn(4, d, generator=noise, dtype=torch.float64) for d in (3, 2))
    e = model.encode(x, y)
    kl = lambda m, s: 0.5 * (m * m + s * s - 1 - 2 * math.log(s))
    loss = 0.0
    for i in range(4):
        t, s, v = ([(q.mean[i, k].item(), q.stddev[i, k].item()) for k in range(q.mean.shape[1])] for q in (e.q_t, e.q_s, e.q_w))
        joint = []
        for (m1, s1), (m2, s2) in zip(t, v):
            precision = 1 + 1 / s1**2 + 1 / s2**2
            joint.append(((m1 / s1**2 + m2 / s2**2) / precision, precision**-0.5))
        for code, beta in ((t, 0.5), (v, 0.25), (joint, 0.5)):
            drawn = [m for m, _ in code] + [s[0][0]]
            loss += sum((x[i, k].item() - drawn[k]) ** 2 for k in range(3)) / (2 * 0.3**2)
            loss += sum((y[i, k].item() - drawn[k]) ** 2 for k in range(2)) / (2 * 0.2**2)
            loss += beta * sum(kl(*its) for its in code) + 2.0 * kl(*s[0])
    assert total(dmvae(model, e, x, y, w)[0]) == pytest.approx(loss / 4, abs=1e-9)

def test_mmvae_plus_by_hand(means):
    "Densities written out: shared codes against the mixture, the private code against its own"
    model, (x, y), w = toy(), batch(), Weights(beta_x=0.7, sigma_x=0.3, sigma_y=0.2)
    e, loss = model.encode(x, y), 0.0
    density = lambda z, m, s: math.prod(math.exp(-((a - b) ** 2) / (2 * c * c)) / (c * math.sqrt(2 * math.pi)) for a, b, c in zip(z, m, s))
    draw, pose = (lambda decode, *codes: decode(*(torch.tensor([c], dtype=torch.float64) for c in codes))[0] for _ in range(2))
    for i in range(len(x)):
        t, s, v = ((q.mean[i].tolist(), q.stddev[i].tolist()) for q in (e.q_t, e.q_s, e.q_w))
        for code, private in ((t, s[0]), (v, [0.0] * D_S)):
            loss += (x[i] - draw(model.vae_x.decode, code[0], private)).square().sum().item() / (2 * 0.3**2)
            loss += (y[i] - pose(model.vae_y.decode, code[0])).square().sum().item() / (2 * 0.2**2)
            mixture = 0.5 * density(code[0], *t) + 0.5 * density(code[0], *v)
            loss += 0.7 * math.log(mixture / density(code[0], [0.0] * D_T, [1.0] * D_T))
        loss += 0.7 * math.log(density(s[0], *s) / density(s[0], [0.0] * D_S, [1.0] * D_S))
    assert total(mmvae_plus(model, e, x, y, w)[0]) == pytest.approx(loss / len(x), abs=1e-9)

def test_mmvae_pp_by_hand(means):
    model, (x, y), w = toy(), batch(), Weights(beta_x=0.5, beta_y=0.25, beta_s=2.0, sigma_x=0.3, sigma_y=0.2)
    e, none = model.encode(x, y), torch.zeros(5, D_S, dtype=torch.float64)
    of = lambda a, b, sigma: ((a - b) ** 2).sum(1).mean().item() / (2 * sigma**2)
    loss = of(x, model.vae_x.decode(e.q_t.mean, e.q_s.mean), 0.3) + of(x, model.vae_x.decode(e.q_w.mean, none), 0.3)
    loss += of(y, model.vae_y.decode(e.q_t.mean), 0.2) + of(y, model.vae_y.decode(e.q_w.mean), 0.2)
    loss += sum(beta * kl_to_prior(q).mean().item() for beta, q in ((0.5, e.q_t), (0.25, e.q_w), (2.0, e.q_s)))
    assert total(mmvae_pp(model, e, x, y, w)[0]) == pytest.approx(loss, abs=1e-9)

# By others' code

def multivae():
    "MultiVae's models, and adapters that give it our encoders and decoders"
    models = pytest.importorskip("multivae.models", reason="MultiVae, whose losses are compared with ours, is not installed: pip install xvae[bench]")
    from multivae.models import base

    class Encoder(base.BaseEncoder):
        def __init__(self, encode, d_own):
            super().__init__()
            self.latent_dim, self.style_dim, self.encode = D_T, d_own, encode
        def forward(self, x):
            shared, private = self.encode(x)
            return base.ModelOutput(embedding=shared.mean, log_covariance=2 * shared.stddev.log(),
                                    style_embedding=private.mean, style_log_covariance=2 * private.stddev.log())

    class Decoder(base.BaseDecoder):
        def __init__(self, decode, d):
            super().__init__()
            self.latent_dim, self.decode = d, decode
        def forward(self, z): return base.ModelOutput(reconstruction=self.decode(z))

    return models, Encoder, Decoder

def theirs(kind, model, w, own_y, **config):
    "One of MultiVae's models on our networks; y has a private code of `own_y` dimensions that is the prior and is not decoded"
    models, Encoder, Decoder = multivae()
    prior = lambda y: Normal(torch.zeros(len(y), own_y, dtype=y.dtype), torch.ones(len(y), own_y, dtype=y.dtype))
    encoders = dict(x=Encoder(model.vae_x.encode, D_S), y=Encoder(lambda y: (model.vae_y.encode(y), prior(y)), own_y))
    decoders = dict(x=Decoder(lambda z: model.vae_x.decode(z[:, :D_T], z[:, D_T:]), D_T + D_S),
                    y=Decoder(lambda z: model.vae_y.decode(z[:, :D_T]), D_T + own_y))
    about = dict(n_modalities=2, latent_dim=D_T, input_dims=dict(x=(D_X,), y=(D_Y,)), decoder_dist_params=dict(x=dict(scale=w.sigma_x), y=dict(scale=w.sigma_y)))
    return getattr(models, kind)(getattr(models, kind + "Config")(**about, **config), encoders, decoders).double()

def constant(w): return D_X * math.log(w.sigma_x * math.sqrt(2 * math.pi)) + D_Y * math.log(w.sigma_y * math.sqrt(2 * math.pi)) # of both likelihoods

def data(x, y, **masks):
    "A batch as MultiVae has it; masks say which rows are there"
    from multivae.data.datasets.base import DatasetOutput
    return DatasetOutput(data=dict(x=x, y=y), **masks)

SEEDS = range(5)

def difference(ours, other):
    "Between two losses; pytest -rP shows it"
    print(f"ours {ours:.9f}, theirs {other:.9f}, difference {abs(ours - other):.1e}")
    return abs(ours - other)

def same_gradients(model, *losses):
    "Whether every weight of the two VAEs is moved alike"
    parts = [p for k, p in model.named_parameters() if k != "vae_x.log_scale"]
    ours, other = (torch.autograd.grad(loss, parts) for loss in losses)
    return all(torch.allclose(a, b, rtol=1e-6, atol=1e-9) and a.any() for a, b in zip(ours, other))

@pytest.mark.parametrize("seed", SEEDS)
def test_eq7_is_multivaes_dmvae_without_its_joint_term(means, seed):
    "But for one KL each of z_t and w_t, on other weights and another batch for each seed"
    model, (x, y), w = toy(seed), batch(seed), Weights(sigma_x=0.4, sigma_y=0.2)
    other = theirs("DMVAE", model, w, 0, modalities_specific_dim=dict(x=D_S, y=0))(data(x, y))
    eq7, _ = total_loss(model, model.encode(x, y), x, y, w)
    ours = total(eq7) - (eq7["sup.kl_t"] + eq7["cross.kl_w"]).item()
    assert difference(ours, (other.metrics["x"] + other.metrics["y"]).item() - 2 * constant(w)) < 1e-6

@pytest.mark.parametrize("seed", SEEDS)
def test_dmvae_is_multivaes(means, seed):
    "With its joint term, and whatever the weights of the KL terms"
    model, (x, y), w = toy(seed), batch(seed), Weights(beta_x=0.5, beta_y=0.5, beta_s=2.0, sigma_x=0.4, sigma_y=0.2)
    config = dict(modalities_specific_dim=dict(x=D_S, y=0), beta=0.5, modalities_specific_betas=dict(x=2.0, y=1.0))
    other = theirs("DMVAE", model, w, 0, **config)(data(x, y)).loss
    ours = sum(dmvae(model, model.encode(x, y), x, y, w)[0].values())
    assert difference(ours.item(), other.item() - 3 * constant(w)) < 1e-6
    assert same_gradients(model, ours, other)

def test_halves_of_a_pair_are_multivaes(means):
    "From y alone its bound is our target step, from x alone Eq. 2"
    model, (x, y), w = toy(), batch(), Weights(sigma_x=0.4, sigma_y=0.2)
    there, not_there = torch.ones(5, dtype=torch.bool), torch.zeros(5, dtype=torch.bool)
    other = theirs("DMVAE", model, w, 0, modalities_specific_dim=dict(x=D_S, y=0))
    only_y, only_x = (other(data(x, y, masks=dict(x=a, y=b))).metrics for a, b in ((not_there, there), (there, not_there)))
    numbers = lambda d, sigma: d * math.log(sigma * math.sqrt(2 * math.pi))
    assert difference(total(target_loss(model, y, w)), only_y["y"].item() - numbers(D_Y, 0.2)) < 1e-6
    terms, _ = dmvae(model, model.encode(torch.cat([x, x]), y), torch.cat([x, x]), y, replace(w, unpaired_x=1.0))
    alone = sum(v for k, v in terms.items() if k.startswith("unpaired_x")).item()
    assert difference(alone, only_x["x"].item() - numbers(D_X, 0.4)) < 1e-6

@pytest.mark.parametrize("seed", SEEDS)
def test_mmvae_plus_is_multivaes(means, seed):
    "With one sample; theirs is the mean over encoders, ours the sum"
    model, (x, y), w = toy(seed), batch(seed), Weights(beta_x=0.5, beta_y=0.5, sigma_x=0.4, sigma_y=0.2)
    config = dict(modalities_specific_dim=D_S, K=1, beta=0.5, prior_and_posterior_dist="normal", loss="iwae_looser")
    other = 2 * theirs("MMVAEPlus", model, w, D_S, **config)(data(x, y)).loss / len(x)
    ours = sum(mmvae_plus(model, model.encode(x, y), x, y, w)[0].values())
    assert difference(ours.item(), other.item() - 2 * constant(w)) < 1e-6
    assert same_gradients(model, ours, other)

# Where gradients go

def reached(term, model):
    "Which parts of a model a term teaches"
    model.zero_grad()
    term.backward(retain_graph=True)
    x = model.vae_x
    parts = dict(trunk=x.encoder, head_t=x.head_t, head_s=x.head_s, drawing=x.decoder, encoder_y=model.vae_y.encoder, decoder_y=model.vae_y.decoder)
    return {k for k, part in parts.items() if any(p.grad is not None and p.grad.any() for p in part.parameters())}

def test_own_view_teaches_no_shared_code():
    "MMVAE++, pictures with target and without"
    model, (x, y) = toy(), batch()
    terms, _ = mmvae_pp(model, model.encode(torch.cat([x, x]), y), torch.cat([x, x]), y, Weights(unpaired_x=1.0))
    for name in ("vae_x.x", "unpaired_x.x"): assert reached(terms[name], model) == {"trunk", "head_s", "drawing"}
    assert reached(terms["vae_y.y"], model) == {"decoder_y"}
    assert reached(terms["cross.x"], model) == {"encoder_y", "drawing"}
    assert reached(terms["sup.y"], model) == {"trunk", "head_t", "decoder_y"}

def test_target_takes_no_private_code():
    "MMVAE+: what x is made of when y is seen teaches the scale of its prior and not the head of z_s"
    model, (x, y) = toy(), batch()
    terms, _ = mmvae_plus(model, model.encode(x, y), x, y, Weights())
    assert reached(terms["cross.x"], model) == {"encoder_y", "drawing"} and model.vae_x.log_scale.grad.any()
    assert reached(terms["vae_x.x"], model) == {"trunk", "head_t", "head_s", "drawing"}

@pytest.mark.parametrize("name", OBJECTIVES)
def test_pose_of_sources_without_target_can_be_taught(name):
    "A task's own loss on y decoded from z_t reaches the encoder from every row"
    model, (x, y) = toy(), batch()
    e = model.encode(torch.cat([x, x]), y)
    _, y_from_z = OBJECTIVES[name](model, e, torch.cat([x, x]), y, Weights())
    assert y_from_z.shape == (10, D_Y) and reached(y_from_z[5:].sum(), model) == {"trunk", "head_t", "decoder_y"}

@pytest.mark.parametrize("odd", [dict(cross=0.0), dict(sup=2.0), dict(detach_t=True), dict(cross_s="prior")], ids=str)
@pytest.mark.parametrize("name", [name for name in OBJECTIVES if name != "eq7"])
def test_levers_of_eq7_are_refused(name, odd):
    "What would have no effect is no setting"
    with pytest.raises(ValueError, match=f"objective '{name}' with {next(iter(odd))}="):
        joint_loss(toy(), Batch(*batch()), Weights(objective=name, **odd))

def test_unknown_objective():
    with pytest.raises(ValueError, match="objective 'mvae': expected one of eq7, dmvae, mmvae_plus, mmvae_pp"): joint_loss(toy(), Batch(*batch()), Weights(objective="mvae"))

# Two stages, a code that is not there, checkpoints

def small(objective="eq7", d_s=3):
    torch.manual_seed(0)
    vae_x = SourceVAE(mlp(D_X, 16), mlp(3 + d_s, 16, D_X), 16, d_t=3, d_s=d_s)
    return equipped(CrossModalVAE(vae_x, TargetVAE(mlp(D_Y, 16), mlp(3, 16, D_Y), 16, d_t=3)), objective)

def weights_of(name, steps):
    "Weights of a peer over training, and the first step of its second stage"
    s = METHODS[name](replace(SMOKE, sigma_picture=None, sigma_x=0.3, sigma_y=0.3))
    return s, None if s.stage is None else math.ceil(s.stage * steps)

def trained(name, steps=20, checkpoint=None, stop=None):
    s, second = weights_of(name, steps)
    model = small(s.objective, 0 if s.d_s == 0 else 3)
    noise = torch.Generator().manual_seed(1)
    x, y, more = (torch.randn(40, d, generator=noise) for d in (D_X, D_Y, D_Y))
    curves = train(model, tensor_pairs(x, y, 8), tensor_targets(more, 8), steps, 2, s.weights, lr=1e-2, schedule="cosine", second=second,
                   checkpoint=checkpoint, save_every=6, log_every=1, callbacks=(lambda step, *_: step == stop or None,))
    return model.state_dict(), curves

@pytest.mark.parametrize("stop", [8, 15])
@each
def test_goes_on_from_a_checkpoint(name, stop, tmp_path):
    "A run that was cut off, in the first or the second stage, ends bit for bit where another does"
    trained(name, checkpoint=tmp_path/"c", stop=stop)
    assert load_tensors(tmp_path/"c")[1]["step"] < stop
    (cut, curves), (whole, all_curves) = trained(name, checkpoint=tmp_path/"c"), trained(name)
    assert [k for k in whole if not torch.equal(whole[k], cut[k])] == [] and curves == all_curves

def test_checkpoint_from_before_there_were_peers(tmp_path):
    "One that does not say what nobody could say yet goes on, one of another objective does not"
    trained("spurr", checkpoint=tmp_path/"c", stop=8)
    tensors, meta = load_tensors(tmp_path/"c")
    for k in ("objective", "fixed", "second"): del meta["run"][k]
    save_tensors(tmp_path/"c", tensors, meta)
    assert [k for k, v in trained("spurr")[0].items() if not torch.equal(v, trained("spurr", checkpoint=tmp_path/"c")[0][k])] == []
    trained("mmvae_pp", checkpoint=tmp_path/"d", stop=8)
    with pytest.raises(ValueError, match="the checkpoint of another run: .*objective is mmvae_pp, expected dmvae"): trained("dmvae", checkpoint=tmp_path/"d")

def test_second_stage_leaves_translations_alone(monkeypatch):
    "From its first step on nothing moves but the head of z_s and what draws, and these had not moved before; no targets are drawn"
    states, drawn, real = {}, [], training.target_loss
    monkeypatch.setattr(training, "target_loss", lambda *its: drawn.append(1) or real(*its))
    s, second = weights_of("staged", 20)
    begin = {k: v.clone() for k, v in small().state_dict().items()}
    def look(step, terms, model): states[step] = {k: v.clone() for k, v in model.state_dict().items()}
    model, noise = small(), torch.Generator().manual_seed(1)
    x, y = (torch.randn(40, d, generator=noise) for d in (D_X, D_Y))
    train(model, tensor_pairs(x, y, 8), tensor_targets(y, 8), 20, 2, s.weights, lr=1e-2, schedule="cosine", second=second, callbacks=(look,))
    moved = lambda a, b: {k for k in a if not torch.equal(a[k], b[k])}
    late = {k for k in begin if k.startswith(("vae_x.head_s", "vae_x.decoder"))}
    assert second == 14 and moved(begin, states[13]) == begin.keys() - late and moved(states[13], states[19]) == late
    assert len(drawn) == 14 * 2 and all(p.requires_grad for p in model.parameters()) and all(m.training for m in model.modules())

def test_two_stages_translate_as_the_first_alone():
    "Eqs. 3 and 6 and target steps, for as many steps as the first stage has; so pose numbers say nothing of the second"
    s, second = weights_of("staged", 20)
    noise = torch.Generator().manual_seed(1)
    x, y, more = (torch.randn(40, d, generator=noise) for d in (D_X, D_Y, D_Y))
    def translations(s, steps, second):
        model = small()
        train(model, tensor_pairs(x, y, 8), tensor_targets(more, 8), steps, 2, s.weights, lr=1e-2, schedule="cosine", second=second)
        with torch.no_grad(): return model.eval().translate(x)
    alone = replace(s, stage=None, vae_x=0.0, cross=0.0)
    assert torch.equal(translations(s, 20, second), translations(alone, second, None))
    assert not torch.equal(translations(s, 20, second), translations(alone, 20, None))

def test_each_stage_has_its_own_schedule():
    rates = [training.learning_rate(step, 100, 1.0, "cosine", 70) for step in range(100)]
    assert rates[:70] == [training.learning_rate(step, 70, 1.0, "cosine") for step in range(70)]
    assert rates[70:] == [training.learning_rate(step, 30, 1.0, "cosine") for step in range(30)]

@pytest.mark.parametrize("task", PRESETS)
def test_no_private_code(task, recwarn):
    "d_s = 0 is a model without, None one with as many dimensions as d_latent"
    s = PRESETS[task]["smoke"]
    none, usual = (task_of(s).build(replace(s, d_s=d)) for d in (0, None))
    x = torch.rand(3, none.vae_x.encoder.recipe["in_channels"], s.image_size, s.image_size)
    e = none.eval().encode(x, task_of(s).fake_batch(s).y[:3])
    assert e.q_s.mean.shape == (3, 0) and kl_to_prior(e.q_s).tolist() == [0, 0, 0] and usual.vae_x.head_s.out_features == 2 * s.d_latent
    assert torch.equal(none.swap(x, x.flip(0)), none.swap(x, x)) and none.sample(2).x.shape[0] == 2 and not recwarn.list

# Runs

@pytest.fixture(scope="module")
def results(tmp_path_factory): return tmp_path_factory.mktemp("results")

@each
def test_is_a_run_like_ours(name, results):
    "It trains, is stored and found, its weights give its numbers again, and whether it has failed can be told from its curves"
    j = job("smoke", device="cpu", results_dir=results)
    run = do_run(plan(name, j.settings, 0), j)
    assert all(math.isfinite(v) for v in run.metrics.values()) and do_run(plan(name, j.settings, 0), j).environment == run.environment
    again = task_of(run.settings).evaluate(load_model(j.results, run), load_data(run.settings), run.settings)
    assert again == pytest.approx(run.metrics, rel=1e-4)
    curves = pd.read_csv(results/"runs"/run.id/"curves.csv")
    assert curves["sup.y"].notna().all() and failed([run], j) == set()

def test_codes_that_are_not_there_can_be_asked(results):
    "All that is computed of codes is computed of a model without a private one: it tells nothing, and a swap is A"
    j = job("smoke", device="cpu", results_dir=results)
    run = do_run(plan("spurr", j.settings, 0), j)
    model, data = load_model(j.results, run), load_data(run.settings)
    people = load_strangers(run.settings)
    numbers = latent_metrics(model, data, people, run.settings.sigma_y) | swap_numbers(model, Judge().eval(), people)
    assert [k for k, v in numbers.items() if not math.isfinite(v)] == []
    assert [numbers[k] for k in ("pose_z_s", "pose_zs_sample", "kl_s")] == [0, 0, 0]
    assert numbers["swap_to_a"] == numbers["swap_own"] and numbers["iou_a"] == numbers["iou_own"] and numbers["tint_a"] == numbers["tint_own"]

@pytest.mark.parametrize("name", OBJECTIVES)
def test_sketches_too(name, results):
    "Any objective trains photos and sketches"
    j = job("smoke", device="cpu", results_dir=results, task="sketch")
    run = do_run(plan("ours", j.settings, 0, objective=name), j)
    assert all(math.isfinite(v) for v in run.metrics.values()) and load_model(j.results, run)

@each
def test_has_what_ours_has(name):
    "Data, networks, batches, steps and weights of likelihoods; what differs is said here"
    ours, theirs = (vars(plan(m, LAPTOP, 0).settings) for m in ("ours", name))
    assert {k for k in ours if ours[k] != theirs[k]} <= {"d_s", "objective", "stage", "price_s", "price_s_start"}
    assert name in LABELS and SEES[name] == SEES["ours"] and Arm(name).run(job("laptop", device="cpu"), 0).method == name

@each
def test_search_varies_three_things(name):
    "The usual value is among those tried, and a value that is tried reaches the run"
    usual = plan(name, LAPTOP, 0).settings
    assert len(SPACE[name]) == 3 and {"lr", "beta_x"} < SPACE[name].keys() <= {f.name for f in fields(usual)}
    for k, values in SPACE[name].items():
        assert getattr(usual, k) in values and len(set(values)) == len(values) >= 3
        for v in values: assert getattr(plan(name, replace(LAPTOP, **{k: v}), 0).settings, k) == v

@each
def test_shared_codes_have_one_beta(name):
    "What a search sets for z_t holds for w_t; the price of a private code is constant, and of its own with DMVAE alone"
    for beta in SPACE[name]["beta_x"]:
        s = plan(name, replace(LAPTOP, beta_x=beta), 0).settings
        assert s.weights().beta_x == s.weights().beta_y == beta and (s.price_s is not None) is (name == "dmvae") and s.price_s_start is None
