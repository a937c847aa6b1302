"Full and read-only disks, processes that are asked to stop, numbers that are none: told in a line, and nothing lost"
import os, re, signal, subprocess, sys
from dataclasses import replace
import pytest, torch
from conftest import ROOT
from test_jobs import STEPS, script, smoke, until
from xvae.data.fixtures import write_fixture
from xvae.experiments import checkpoint_of, do_run, find_run, job
from xvae.io import HERE, load_tensors
from xvae.task import TASKS, task_of
from xvae.tasks.pose import load_data
from xvae.training import adam, save_checkpoint

def mounted(*commands):
    "What shell commands do in a room of their own, in which disks can be mounted"
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode: pytest.skip("no right to mount disks here")
    return subprocess.run(["unshare", "-m", "sh", "-ec", "\n".join(commands)], capture_output=True, text=True, cwd=ROOT)

def command(*words): return " ".join([f"'{sys.executable}' -m xvae run", *map(str, words)])

# Disks

@pytest.mark.parametrize("method", ["mean_pose", "supervised_only"])
def test_read_only_cache(tmp_path, monkeypatch, method):
    "A finished cache serves where it cannot be written; checkpoints are among temporary files then"
    cache = tmp_path/"cache"
    monkeypatch.setenv("XVAE_CACHE", str(cache))
    load_data(job("smoke").settings)
    before = {p: p.stat().st_mtime_ns for p in cache.rglob("*")}
    done = mounted(f"mount --bind '{cache}' '{cache}'", f"mount -o remount,ro,bind '{cache}'", command(method, "--preset smoke --device cpu --results-dir", tmp_path/"results"))
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path/"results/runs").iterdir())) == 1 and {p: p.stat().st_mtime_ns for p in cache.rglob("*")} == before

def told(done): return done.returncode == 1 and done.stderr.strip().splitlines()[-1]

def test_full_disk_is_noticed_before(tmp_path):
    "Nothing is trained for a place that takes nothing"
    (tmp_path/"results").mkdir()
    done = mounted(f"mount -t tmpfs -o size=256k tmpfs '{tmp_path}/results'", command("supervised_only --preset smoke --device cpu --results-dir", tmp_path/"results"))
    assert told(done).startswith(f"results_dir {tmp_path}/results: nothing can be written there"), done.stderr

def test_disk_that_fills(tmp_path, monkeypatch):
    "The error names the file; the training is not lost, and the same command goes on where there is room"
    monkeypatch.setenv("XVAE_CACHE", str(tmp_path/"cache"))
    (tmp_path/"results").mkdir()
    full = [f"mount -t tmpfs -o size=1200k tmpfs '{tmp_path}/results'", command("ours --preset smoke --device cpu --results-dir", tmp_path/"results")]
    done = mounted(*full)
    assert re.match(rf"{tmp_path}/results/runs/.*: cannot be written .*the same command goes on$", told(done)), done.stderr
    (checkpoint,) = (tmp_path/"cache/checkpoints").glob("*.safetensors")
    steps = job("smoke").settings.steps
    assert load_tensors(checkpoint)[1]["step"] == steps
    done = subprocess.run([sys.executable, "-m", "xvae", *"run ours --preset smoke --device cpu --results-dir".split(), tmp_path/"results"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and not checkpoint.exists(), done.stderr

def test_leftovers_go(tmp_path):
    "What a dead process was writing is gone after the next run; what a living one writes is not"
    j, (run, _) = smoke(tmp_path)
    dead = subprocess.Popen([sys.executable, "-c", ""]); dead.wait()
    left, other = (tmp_path/f"runs/.{run.id}.{HERE}-{process}" for process in (dead.pid, os.getppid()))
    for folder in left, other: folder.mkdir(parents=True); (folder/"run.json").write_text("half of", encoding="utf-8")
    do_run(run, j)
    assert not left.exists() and other.exists()

# Asked to stop

@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    "What a run gives that nobody stops"
    j, (run, _) = smoke(tmp_path_factory.mktemp("whole"))
    return do_run(run, j).metrics

@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop(tmp_path, undisturbed, number):
    "The step that was done is kept, between checkpoints too, a line says so, and the next start ends like one that nobody stopped"
    j, (run, _) = smoke(tmp_path/"stopped")
    checkpoint_of(run).unlink(missing_ok=True)
    child = script(tmp_path/"stopped", "import xvae.training as t; go_on = t.seed_step", "t.seed_step = lambda s, step: (go_on(s, step), step == 50 and print('50', flush=True))", "do_run(runs[0], j)")
    assert child.stdout.readline() == "50\n"
    child.send_signal(number)
    last = child.communicate(timeout=60)[1].strip().splitlines()[-1]
    step = int(re.match(r"KeyboardInterrupt: stopped after step (\d+) of 500, kept in .*; the same command goes on from there", last)[1])
    assert child.returncode and 50 <= step < STEPS and load_tensors(checkpoint_of(run))[1]["step"] == step
    assert do_run(run, j).metrics == undisturbed

def test_command_asked_to_stop(tmp_path):
    "`xvae run` says how to go on, and no more"
    child = subprocess.Popen([sys.executable, "-m", "xvae", *"run ours --preset laptop --device cpu --results-dir".split(), tmp_path], stderr=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | dict(TQDM_DISABLE="1"))
    until(lambda: child.poll() is not None or handles_sigterm(child.pid))
    child.send_signal(signal.SIGTERM)
    told = child.communicate(timeout=120)[1]
    assert told.strip().endswith("goes on from here") and child.returncode in (130, -signal.SIGINT) # the second where Python was executing text, as dataclasses do

def handles_sigterm(pid):
    "Whether a process has a handler of its own"
    caught = next(line for line in open(f"/proc/{pid}/status", encoding="utf-8") if line.startswith("SigCgt"))
    return int(caught.split()[1], 16) >> signal.SIGTERM - 1 & 1

# Numbers that are none

def test_no_number_is_not_stored(tmp_path, monkeypatch):
    "Neither metrics nor weights"
    j, (run, _) = smoke(tmp_path)
    monkeypatch.setattr("xvae.experiments.train_and_test", lambda *_: (None, [], dict(mpjpe=float("nan"))))
    with pytest.raises(FloatingPointError, match="mpjpe is nan, expected a number; nothing is stored"): do_run(run, j)
    assert find_run(tmp_path, run) is None and list(tmp_path.rglob("*")) == []
    layer = torch.nn.Linear(2, 2)
    with torch.no_grad(): layer.weight[0, 0] = float("inf")
    with pytest.raises(FloatingPointError, match="nothing is kept"): save_checkpoint(tmp_path/"c.safetensors", layer, adam(layer), 3, [])
    assert list(tmp_path.rglob("*")) == []

def test_no_number_in_the_data(tmp_path, monkeypatch):
    "A run on poses of which one is NaN ends at the first step that meets it, and says so"
    j, (run, _) = smoke(tmp_path)
    data = load_data(run.settings)
    bad = replace(data, pairs=replace(data.pairs, joints=torch.full_like(data.pairs.joints, float("nan"))))
    monkeypatch.setitem(TASKS, type(run.settings), replace(task_of(run.settings), load_data=lambda s, root=None: bad))
    with pytest.raises(FloatingPointError, match=r"step 0: .* not finite; y has NaN or infinity in row 0"): do_run(run, j)
    assert find_run(tmp_path, run) is None and not checkpoint_of(run).exists()

# Scripts that prepare

SCRIPT = """
import sys
from dataclasses import replace
from functools import partial
from xvae.data.pictures import footage
from xvae.data.prepared import prepare
{reader}
print(len(prepare("pictures", its, sys.argv[2], 64, 90, 2)))
"""

@pytest.mark.parametrize("reader, code, words", [
    ("its = footage(sys.argv[1], size=1)", 0, ""),
    ("def mine(shots): yield from shots()\nits = [replace(f, shots=partial(mine, f.shots)) for f in footage(sys.argv[1], size=1)]", 1, 'outside of `if __name__ == "__main__":`')], ids=["ours", "its_own"])
def test_script_without_a_guard(tmp_path, reader, code, words):
    "Workers of a script that calls `prepare` at once do not hang: readers of ours work, one of its own is told what is wanted"
    folder = write_fixture("pictures", tmp_path)
    (tmp_path/"script.py").write_text(SCRIPT.format(reader=reader), encoding="utf-8")
    done = subprocess.run([sys.executable, tmp_path/"script.py", folder, tmp_path/"out"], capture_output=True, text=True, timeout=200)
    assert done.returncode == code and words in done.stderr, done.stderr
