"One run on several processes of the CPU (gloo): the curve of one process, one stored run, and nobody left waiting"
import json, os, signal, subprocess, sys, time
from dataclasses import replace
import pytest, torch
import torch.multiprocessing as mp
from conftest import ROOT
from xvae import together
from xvae.experiments import checkpoint_of, do_run, job, plan
from xvae.io import load_tensors, save_tensors
from xvae.losses import Weights
from xvae.models import CrossModalVAE, SourceVAE, TargetVAE
from xvae.networks import ConvDecoder, ResNetEncoder, mlp
from xvae.training import Batch, train

STEPS, BATCH, M = 12, 16, 2

def model():
    torch.manual_seed(0)
    vae_x = SourceVAE(ResNetEncoder("resnet10-4"), ConvDecoder(3 + 3, 16, (8, 4)), 9 * 32, d_t=3, d_s=3)
    return CrossModalVAE(vae_x, TargetVAE(mlp(4, 16), mlp(3, 16, 4), 16, d_t=3)).double()

def trained(norm="all"):
    """Curves, weights and a shared evaluation. One batch of each step is the same whoever looks at it, a process takes its rows of it, and noise is a function
    of the code that it is added to: so several processes can be compared with one, number by number."""
    torch.distributions.Normal.rsample = lambda self, shape=(): self.mean + self.stddev * (10 * self.mean).sin()
    dice = torch.Generator().manual_seed(1)
    x, y = torch.rand(200, 3, 16, 16, generator=dice).double(), torch.randn(200, 4, generator=dice).double()
    steps = torch.Generator().manual_seed(2)
    def rows(n): return torch.randint(200, (n,), generator=steps).tensor_split(together.world())[together.rank()]
    def pairs(): i = rows(BATCH); return Batch(x[i], y[i])
    net = model()
    if together.rank(): net.vae_x.head_t.weight.data.zero_() # an unequal start is made equal
    curves = train(net, pairs, lambda: y[rows(BATCH)], STEPS, M, Weights(sigma_x=0.3, sigma_y=0.3), lr=1e-2, log_every=1, norm=norm)
    with together.shared_out(): seen = net.translate(x[:33])
    return curves, net.state_dict() | dict(seen=seen)

def process(rank, n, folder, norm):
    os.environ |= dict(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(n), MASTER_ADDR="127.0.0.1", MASTER_PORT=(folder/"port").read_text(encoding="utf-8"))
    torch.set_num_threads(1)
    with together.joined("cpu"): curves, state = trained(norm)
    save_tensors(folder/f"{rank}.safetensors", {k: v for k, v in state.items()}, dict(curves=curves))

def free_port():
    import socket
    with socket.socket() as s: s.bind(("127.0.0.1", 0)); return s.getsockname()[1]

def several(n, folder, norm="all"):
    (folder/"port").write_text(str(free_port()), encoding="utf-8")
    mp.start_processes(process, (n, folder, norm), nprocs=n, start_method="forkserver")
    return [load_tensors(folder/f"{rank}.safetensors") for rank in range(n)]

@pytest.fixture(scope="module")
def alone():
    rsample = torch.distributions.Normal.rsample
    yield trained()
    torch.distributions.Normal.rsample = rsample

def gap(curves, others):
    "The largest difference of a term, relative to it where it is above 1"
    return max(abs(a[k] - b[k]) / max(1, abs(a[k])) for a, b in zip(curves, others, strict=True) for k in a)

@pytest.mark.parametrize("n", [2, 4])
def test_the_curve_of_one_process(tmp_path, alone, n):
    "Losses at every step to 1e-5, weights, running statistics and what all together see of test pictures"
    curves, state = alone
    for its, about in several(n, tmp_path):
        assert gap(curves, about["curves"]) < 1e-5
        # a bias before BatchNorm changes nothing, so Adam moves it by rounding errors
        assert max((state[k] - v).abs().max() for k, v in its.items()) < 1e-4 and torch.allclose(its["seen"], state["seen"], atol=1e-5)

def test_batchnorm_of_each_process(tmp_path, alone):
    "With norm='own' it is another run, and all have the same weights and running statistics at its end"
    (one, about), (other, _) = several(2, tmp_path, "own")
    assert gap(alone[0], about["curves"]) > 1e-3
    assert all(torch.equal(v, other[k]) for k, v in one.items())

def torchrun(n, *words):
    "`torchrun -m xvae run`, or of a script, in a session of its own"
    what = words if str(words[0]).endswith(".py") else ("-m", "xvae", "run", *words, "--device", "cpu")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", n, "--master-port", free_port(), *what]
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True, env=os.environ | dict(OMP_NUM_THREADS="1", TQDM_DISABLE="1"))

def test_through_to_the_stored_run(tmp_path):
    "One run is stored, by one process, and read the next time; nothing else is left"
    words = "ours", "--preset", "smoke", "--results-dir", tmp_path
    first = torchrun(2, *words); said, error = first.communicate(timeout=300)
    assert first.returncode == 0, error
    (run,) = (tmp_path/"runs").iterdir()
    stored = json.loads((run/"run.json").read_text(encoding="utf-8"))
    assert stored["environment"]["processes"] == 2 and said.startswith(run.name) and len(said.splitlines()) == 1
    before = run.stat().st_mtime_ns
    second = torchrun(2, *words)
    assert second.communicate(timeout=300)[0] == said and run.stat().st_mtime_ns == before
    j = job("smoke", device="cpu", results_dir=tmp_path)
    assert run.name == plan("ours", j.settings, 0).id # the id is that of one process

SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from test_together import *
with together.joined("cpu"): do_run(longer({results!r})[1], longer({results!r})[0])
"""

def longer(results):
    "A job and a run of it that takes some seconds"
    j = job("smoke", device="cpu", results_dir=results)
    return j, plan("supervised_only", replace(j.settings, steps=600, batch=4, wild_batch=4), 0, 0.1)

def test_a_lost_process(tmp_path):
    "All end, with a line that says how to go on; then one process does, from their checkpoint"
    j, run = longer(tmp_path/"results")
    (tmp_path/"script.py").write_text(SCRIPT.format(tests=str(ROOT/"tests"), results=str(tmp_path/"results")), encoding="utf-8")
    checkpoint_of(run).unlink(missing_ok=True)
    parent = torchrun(2, tmp_path/"script.py")
    end = time.time() + 400
    while not checkpoint_of(run).exists(): assert time.time() < end and parent.poll() is None; time.sleep(0.05)
    children = subprocess.run(["pgrep", "-P", str(parent.pid)], capture_output=True, text=True).stdout.split()
    os.kill(int(children[-1]), signal.SIGKILL)
    error = parent.communicate(timeout=120)[1]
    assert parent.returncode and "the same command goes on from the last checkpoint" in error, error
    assert load_tensors(checkpoint_of(run))[1]["step"] >= 200 and list((tmp_path/"results").rglob("*.json")) == []
    assert do_run(run, j).environment["processes"] == 1

def test_batches_must_divide():
    p = torchrun(3, "ours", "--preset", "smoke")
    assert "3 processes, and batch " in p.communicate(timeout=200)[1] and p.returncode
