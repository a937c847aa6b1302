"""Nothing names a device: steps, evaluation and renderer run where their tensors are

A fake tensor has a shape, a dtype and a device, and nothing is computed; an operation on tensors of two devices fails as on
the real device, and so does whatever asks for a value (`.item()`, `if tensor:`). So an accelerator need not be there.
"""
import itertools
from dataclasses import replace
import pytest, torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import _disable_current_modes
import xvae.tasks.pose
from xvae.data.records import PoseData, PoseSet
from xvae.data.rendered import crop_box
from xvae.data.renderer import LOOK_NUMBERS, STUDIO_NUMBERS, WILD_NUMBERS, clutter, random_look, render, studio
from xvae.experiments import SMOKE, do_run, job, plan
from xvae.metrics import auc3d
from xvae.task import train_model
from xvae.tasks.pose import PoseModel, fake_batch, load_data, network_target, pose_extra, pose_metrics, pose_pairs, predict
from xvae.training import adam, joint_loss, target_loss, tensor_targets, update

@pytest.fixture
def fake():
    with FakeTensorMode():
        try: torch.zeros(1).to("cuda") + 1
        except RuntimeError as e: pytest.skip(f"PyTorch {torch.__version__} asks the driver for a fake tensor's device: {str(e).splitlines()[0]}")
        yield

def moved(model, device):
    "The model with fake weights on `device`; `model.to(device)` knows no fake tensors"
    for module, (kind, make) in itertools.product(model.modules(), (("_parameters", nn.Parameter), ("_buffers", lambda t: t))):
        found = getattr(module, kind)
        found |= {k: make(torch.empty_strided(t.shape, t.stride(), dtype=t.dtype, device=device)) for k, t in found.items() if t is not None}
    return model

def pose_model(device):
    with _disable_current_modes(): model = PoseModel(SMOKE)
    return moved(model, device)

def people(n=20, size=SMOKE.image_size):
    "A `PoseSet` of the right shapes, on the CPU, where data sets live"
    whole, rows = lambda *shape: torch.zeros(n, *shape, dtype=torch.uint8), [torch.ones(n, dtype=torch.int64) for _ in range(4)]
    return PoseSet(whole(3, size, size), whole(size, size), torch.rand(n, 17, 3), torch.zeros(n, 17, 2), torch.ones(n, 17), *rows, torch.zeros(n, 0))

def devices(tensors): return {t.device.type for t in tensors}

def joint_terms(model, batch, s=SMOKE): return joint_loss(model, batch, s.weights(), pose_extra(s))

@pytest.mark.parametrize("augment", [True, False])
def test_batches_are_where_they_are_asked_for(fake, augment):
    "What is drawn from data on the CPU is on the device; `fake_batch` has its shapes and types"
    batch = pose_pairs(people(), people(), replace(SMOKE, augment=augment), "cuda")()
    tensors, like = ([b.x, b.y, *b.info.values()] for b in (batch, fake_batch(SMOKE, "cuda")))
    assert devices(tensors) == {"cuda"}
    assert [(t.shape, t.dtype, t.device) for t in tensors] == [(t.shape, t.dtype, t.device) for t in like]

def test_losses(fake):
    "The joint step's loss and the y-only step's, from data sets on the CPU"
    model, targets = pose_model("cuda"), tensor_targets(network_target(people().joints, "cuda"), SMOKE.target_batch)
    terms = joint_terms(model, pose_pairs(people(), people(), SMOKE, "cuda")()) | target_loss(model, targets(), SMOKE.weights())
    assert devices(terms.values()) == {"cuda"} and len({k.partition(".")[0] for k in terms}) == 6

def test_adam(fake):
    "The optimiser's step, given gradients"
    model = pose_model("cuda")
    optimizer = adam(model)
    for p in model.parameters(): p.grad = torch.empty_like(p)
    optimizer.step()
    assert devices(t for state in optimizer.state.values() for t in state.values()) == {"cuda"}

def test_whole_steps(fake):
    "Forward, backward and update. On `meta`: autograd wants CUDA's driver even for fake tensors; and fused Adam knows no `meta`"
    model = pose_model("meta")
    optimizer = torch.optim.Adam(model.parameters(), foreach=True)
    update(optimizer, joint_terms(model, fake_batch(SMOKE, "meta")))
    assert devices(p.grad for p in model.parameters()) == {"meta"}
    update(optimizer, target_loss(model, torch.zeros(16, 17, 3, device="meta"), SMOKE.weights()))
    assert {name.partition(".")[0] for name, p in model.named_parameters() if p.grad is not None} == {"vae_y"}

@pytest.mark.parametrize("device", ["cuda", "meta"])
def test_stray_tensor_is_seen(fake, device):
    "These tests can fail: one tensor of a batch is left on the CPU"
    batch = fake_batch(SMOKE, device)
    batch.info["confidence"] = batch.info["confidence"].cpu()
    with pytest.raises(RuntimeError, match=f"devices.*{device}"): joint_terms(pose_model(device), batch)

def test_asking_for_a_value_is_seen(fake):
    "These tests can fail: a branch on what a tensor holds"
    with pytest.raises(Exception, match="_local_scalar_dense"): bool(fake_batch(SMOKE, "cuda").x.sum() > 0)

def test_evaluation(fake, monkeypatch):
    "Prediction and all metrics, but for the last `float`, from a test set on the CPU"
    monkeypatch.setattr(xvae.tasks.pose, "float", lambda x: x, raising=False)
    test = people(n=300)
    pred = predict(pose_model("cuda").eval(), test)
    assert pred.shape == test.joints.shape and devices([pred]) == {"cuda"}
    assert devices(pose_metrics(pred, test).values()) == devices([auc3d(pred, test.joints.to("cuda"))]) == {"cuda"}

def drawn(device, n=3, size=24):
    "Pictures of random people: on nothing, in a studio, in clutter"
    u = lambda *shape: torch.rand(n, *shape, device=device)
    joints = 500 * u(17, 3) + torch.tensor([0.0, 0, 4000], device=device)
    box, look = crop_box(joints), random_look(u(LOOK_NUMBERS))
    scenes = None, studio(joints, box, u(STUDIO_NUMBERS)), clutter(u(WILD_NUMBERS))
    return [picture for scene in scenes for picture in render(joints, look, box, size, scene)] + [look.factors()]

def test_renderer(fake): assert devices(drawn("cuda")) == {"cuda"}

@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_real_steps():
    "Two joint steps with their target steps, evaluation and renderer on the real device"
    data = PoseData(people(), people(), people(), torch.rand(60, 17, 3))
    model, curves = train_model(replace(SMOKE, steps=2), data, device="cuda")
    assert devices(drawn("cuda")) == devices(model.parameters()) == {"cuda"}
    assert all(torch.tensor([*curves[0].values(), *pose_metrics(predict(model, data.test), data.test).values()]).isfinite())

def test_compiled_steps(tmp_path):
    "Traced by torch.compile, the networks learn the same, keep the names of their weights, and go on from an untraced run's checkpoint"
    s, data = replace(SMOKE, steps=3, fraction=0.1), load_data(SMOKE)
    plain, curves = train_model(s, data, checkpoint=tmp_path/"plain")
    traced, told = train_model(s, data, checkpoint=tmp_path/"traced", mode="eager")
    assert not any(part._compiled_call_impl for part in traced.modules())
    ours, theirs = plain.state_dict(), traced.state_dict()
    assert ours.keys() == theirs.keys() and all(torch.allclose(ours[k].float(), theirs[k].float(), atol=1e-3) for k in ours)
    assert told[0] == pytest.approx(curves[0], rel=1e-4)
    gone_on, _ = train_model(s, data, checkpoint=tmp_path/"plain", mode="eager")
    assert all(torch.equal(v, ours[k]) for k, v in gone_on.state_dict().items()) # which was at its end
    with pytest.raises(RuntimeError, match="Unrecognized mode=fast"): train_model(s, data, mode="fast")

def test_compiled_runs_say_so(monkeypatch, tmp_path):
    "XVAE_COMPILE reaches the training of ours, and the run's record says it; a method that has its own training is not compiled"
    j = job("smoke", device="cpu", results_dir=tmp_path)
    monkeypatch.setenv("XVAE_COMPILE", "eager")
    ours, mean = (do_run(plan(m, j.settings, 0, 0.1), j) for m in ("ours", "mean_pose"))
    assert ours.environment["compiled"] == "eager" and "compiled" not in mean.environment
