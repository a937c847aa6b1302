"What Algorithm 1 promises beyond one undisturbed process: several of them, SIGKILL, and the same numbers again"
import importlib, os, signal
from dataclasses import replace
from functools import partial
import pytest, torch
import torch.distributed as dist
import torch.multiprocessing as mp
import xvae.task, xvae.training
from xvae.io import load_tensors, save_tensors
from xvae.experiments import checkpoint_of, do_run, find_run, job, plan
from xvae.losses import Weights
from xvae.models import CrossModalVAE, SourceVAE, TargetVAE
from xvae.networks import mlp
from xvae.training import average_gradients, tensor_pairs, tensor_targets, train

children = mp.get_context("forkserver") # they begin as copies of a process that has done nothing but import
children.set_forkserver_preload(["xvae.experiments"])

@pytest.fixture(autouse=True)
def one_thread():
    "Sums of floats depend on the number of threads; the child processes have one"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)

def files(folder): return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

# Several processes

def toy_model():
    torch.manual_seed(0)
    vae_x = SourceVAE(mlp(6, 16), mlp(3 + 3, 16, 6), 16, d_t=3, d_s=3)
    return CrossModalVAE(vae_x, TargetVAE(mlp(4, 16), mlp(3, 16, 4), 16, d_t=3))

def toy_training(path):
    "Five joint steps with two target steps each; `path` gets weights, buffers, and which rows were drawn"
    model, drawn = toy_model(), []
    noise = torch.Generator().manual_seed(1)
    x, y = (torch.randn(200, d, generator=noise) for d in (6, 4))
    def noted(sample):
        def draw():
            batch = sample()
            drawn.append(getattr(batch, "y", batch)[:, 0])
            return batch
        return draw
    train(model, noted(tensor_pairs(x, y, 8)), noted(tensor_targets(y, 8)), 5, 2, Weights(sigma_x=0.3, sigma_y=0.3), lr=1e-2)
    parts = dict(weight=model.named_parameters(), buffer=model.named_buffers())
    save_tensors(path, {f"{kind}/{k}": v.detach() for kind, named in parts.items() for k, v in named} | dict(drawn=torch.stack(drawn)))

def process(rank, folder):
    "One of two"
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    toy_training(folder/f"{rank}")
    weights = [torch.nn.Parameter(torch.zeros(n, 2)) for n in (3, 1, 4)]
    for w in weights[:2]: w.grad = torch.arange(w.numel()).view_as(w) * (1.0 + rank)
    average_gradients(torch.optim.SGD(weights))
    for w in weights[:2]: assert torch.equal(w.grad, torch.arange(w.numel()).view_as(w) * 1.5)
    assert weights[2].grad is None
    dist.destroy_process_group()

def test_two_processes(tmp_path):
    "They draw different batches and end with the same weights, which are not those of one process"
    mp.start_processes(process, (tmp_path,), nprocs=2, start_method="forkserver")
    toy_training(tmp_path/"alone")
    first, second, alone = (load_tensors(tmp_path/name)[0] for name in ("0", "1", "alone"))
    named = lambda kind: [k for k in first if k.startswith(kind)]
    assert [k for k in named("weight") if not torch.equal(first[k], second[k])] == []
    assert [k for k in named("weight") if torch.equal(first[k], alone[k])] == []
    assert named("buffer") and [k for k in named("buffer") if not torch.allclose(first[k], second[k])] == [] # BatchNorm counts the rows of both
    assert not (first["drawn"] == second["drawn"]).all(1).any() and first["drawn"].shape == (5 * 3, 8)
    assert torch.equal(first["drawn"], alone["drawn"])

# SIGKILL

STEPS = 8

def smoke(results, seed=0):
    "A run of 8 joint steps with 4 target steps each, and its job"
    j = job("smoke", device="cpu", results_dir=results)
    return plan("ours", replace(j.settings, steps=STEPS), seed), j

@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    "The run that nobody interrupts, and what it leaves"
    torch.set_num_threads(1)
    run, j = smoke(tmp_path_factory.mktemp("whole"))
    return do_run(run, j), files(j.results/"runs"/run.id)

def deadly_run(results, module, name, calls):
    "A run with a checkpoint every 3 joint steps, which is killed within the last of so many calls of a function"
    module, left = importlib.import_module(module), iter(range(calls))
    f = getattr(module, name)
    def deadly(*args, **kwargs):
        last, result = next(left) == calls - 1, f(*args, **kwargs)
        if last and name.startswith("save"): os.truncate(args[1 if name == "save_file" else 0], 1000)
        if last: os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(module, name, deadly)
    xvae.task.train = partial(train, save_every=3)
    do_run(*smoke(results))

@pytest.mark.parametrize("module, name, calls, goes_on_at", [
    pytest.param("xvae.training", "target_loss", 5 * 4 + 2, 3, id="in_a_target_step"),
    pytest.param("xvae.io", "save_file", 2, 3, id="at_the_second_checkpoint"),
    pytest.param("xvae.experiments", "save_tensors", 1, STEPS, id="while_storing"),
])
def test_killed_run_goes_on(whole, tmp_path, monkeypatch, module, name, calls, goes_on_at):
    "It leaves a checkpoint and no result; the next call goes on from there and stores what an uninterrupted run does"
    run, j = smoke(tmp_path)
    child = children.Process(target=deadly_run, args=(tmp_path, module, name, calls))
    child.start(); child.join()
    assert child.exitcode == -signal.SIGKILL
    assert checkpoint_of(run).exists() and find_run(j.results, run) is None
    assert [name for name in files(tmp_path) if not name.startswith("runs/.")] == []
    steps, seed_step = [], xvae.training.seed_step
    monkeypatch.setattr(xvae.training, "seed_step", lambda seed, step: (steps.append(step), seed_step(seed, step)))
    done, (uninterrupted, left) = do_run(run, j), whole
    assert steps == list(range(goes_on_at, STEPS)) and done.metrics == uninterrupted.metrics
    stored = files(j.results/"runs"/run.id)
    assert stored.keys() == left.keys() and [k for k in left if k != "run.json" and stored[k] != left[k]] == []
    assert not checkpoint_of(run).exists()

# The same numbers again

def test_seed_decides(whole, tmp_path):
    "What chance did before a run does not matter to it, nor it to what comes after; another seed gives other numbers"
    torch.manual_seed(5)
    global_state = torch.get_rng_state()
    again, other = (do_run(*smoke(tmp_path, seed)) for seed in (0, 1))
    assert torch.equal(torch.get_rng_state(), global_state)
    assert again.metrics == whole[0].metrics and not again.metrics.items() & other.metrics.items()
