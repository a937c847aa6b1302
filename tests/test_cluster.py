"Runs in the queue of a cluster: each done once with the numbers of this machine, and what is lost, pushed aside or interrupted goes on"
import os, re, shutil, signal, socket, subprocess, sys
import pytest
from conftest import ROOT
from test_jobs import files, smoke, until
from xvae import cluster
from xvae.cluster import do_queued, folder_of
from xvae.experiments import checkpoint_of, do_run, find_run
from xvae.io import load_tensors

def asked(j, executor):
    "A shell that queues the two runs of `smoke`, and waits"
    start = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import sys; sys.path.insert(0, {str(ROOT / 'tests')!r})"
    ask = f"from test_cluster import *; j, runs = smoke({str(j.results)!r}); do_queued(runs, j, {executor!r}, 'cpu', every=0.3)"
    return subprocess.Popen([sys.executable, "-c", "\n".join([start, ask])], text=True, stderr=subprocess.PIPE, start_new_session=True)

# Processes of this machine

def kill(process):
    "A job of the local executor: the process that watches it, and the one that works"
    children = lambda: subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    until(children, 60)
    for pid in (process.pid, *map(int, children())): os.kill(pid, signal.SIGKILL)

def test_same_numbers_as_here(tmp_path):
    (here, runs), (there, _) = smoke(tmp_path/"here"), smoke(tmp_path/"there")
    alone = [do_run(run, here) for run in runs]
    queued = do_queued(runs, there, "local", "cpu", every=0.3)
    assert [run.metrics for run in queued] == [run.metrics for run in alone] and files(here.results) == files(there.results)

def test_a_lost_job_is_tried_again(tmp_path, monkeypatch):
    "A killed job is queued once more, and no more than three times"
    j, (run, _) = smoke(tmp_path)
    jobs, submit = [], cluster.submit
    def submit_and_kill(queue, *args, **wanted):
        submit(queue, *args, **wanted)
        jobs.append(queue[0].job)
        if len(jobs) <= losses: kill(queue[0].job._process)
    monkeypatch.setattr(cluster, "submit", submit_and_kill)
    losses = 3
    with pytest.raises(RuntimeError, match="1 of 1 runs failed, the others are stored: supervised_only 10% seed 0"): do_queued([run], j, "local", "cpu", every=0.3)
    assert len(jobs) == 3
    losses = 4
    assert do_queued([run], j, "local", "cpu", every=0.3)[0].metrics and len(jobs) == 5

def test_what_others_wait_for_is_left_alone(tmp_path):
    "Files of jobs that another shell has queued in the same store"
    j, runs = smoke(tmp_path)
    folder_of(j).mkdir(parents=True)
    for name in ("7_0.run", "7_0_submitted.pkl", "7_10_0_log.err"): (folder_of(j)/name).write_text("of another", encoding="utf-8")
    do_queued(runs[:1], j, "local", "cpu", every=0.3)
    assert {p.name for p in folder_of(j).iterdir()} == {"7_0.run", "7_0_submitted.pkl", "7_10_0_log.err"}

def test_a_run_that_fails_is_named_and_not_tried_again(tmp_path):
    j, (wrong, right) = smoke(tmp_path)
    checkpoint_of(wrong).parent.mkdir(exist_ok=True, parents=True)
    checkpoint_of(wrong).write_bytes(b"")
    with pytest.raises(RuntimeError, match=r"1 of 2 runs failed, the others are stored: supervised_only 10% seed 0 .*delete it"):
        do_queued([wrong, right], j, "local", "cpu", every=0.3)
    checkpoint_of(wrong).unlink()
    assert find_run(j.results, right) and not find_run(j.results, wrong)

# A Slurm of one machine

def free_port():
    with socket.socket() as s: s.bind(("127.0.0.1", 0)); return s.getsockname()[1]

@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    "slurmctld and slurmd of this machine, started for the test"
    if missing := [name for name in ("munged", "slurmctld", "slurmd", "sbatch", "squeue") if not shutil.which(name)]:
        pytest.skip(f"no {', '.join(missing)} here (Debian's slurm-wlm and munge): only the local executor is tried")
    if os.getuid(): pytest.skip("slurmd starts jobs for others, so it has to be root's")
    folder, host = tmp_path_factory.mktemp("slurm"), socket.gethostname()
    for parent in (folder, *folder.parents[:2]): parent.chmod(0o755)
    (folder/"key").write_bytes(os.urandom(1024)); (folder/"key").chmod(0o600)
    conf = f"""ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
KillWait=2
SlurmctldPort={free_port()}
SlurmdPort={free_port()}
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
    places = dict(StateSaveLocation="state", SlurmdSpoolDir="spool", SlurmctldPidFile="ctld.pid", SlurmdPidFile="d.pid", SlurmctldLogFile="ctld.log", SlurmdLogFile="d.log")
    for name in ("state", "spool"): (folder/name).mkdir()
    (folder/"slurm.conf").write_text(conf + "".join(f"{k}={folder}/{v}\n" for k, v in places.items()), encoding="utf-8")
    os.environ["SLURM_CONF"] = str(folder/"slurm.conf")
    names = dict(key_file="key", socket="munge", pid_file="munge.pid", log_file="munge.log", seed_file="seed")
    daemons = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for command in (
        ["munged", "--foreground", "--force", *(f"--{k.replace('_', '-')}={folder}/{v}" for k, v in names.items())],
        ["slurmctld", "-D", "-c"], ["slurmd", "-D"])]
    try:
        until(lambda: "idle" in subprocess.run(["sinfo", "-h", "-o", "%t"], capture_output=True, text=True).stdout, 60)
        yield
    finally:
        for daemon in reversed(daemons): daemon.terminate()
        for daemon in daemons: daemon.wait(30)
        del os.environ["SLURM_CONF"]

def jobs_of(j): return {path.stem: path.read_text(encoding="utf-8") for path in folder_of(j).glob("*.run")} # id: run id

def ids(): return subprocess.run(["squeue", "--noheader", "--array", "--format", "%i"], capture_output=True, text=True).stdout.split()

def test_slurm(slurm, tmp_path):
    "One array; a job is cancelled, the other pushed aside in the middle, the shell closed and opened again: the numbers are those of this machine, and no run was queued twice"
    (here, runs), (there, _) = smoke(tmp_path/"here"), smoke(tmp_path/"there")
    alone = [do_run(run, here) for run in runs]
    for run in runs: checkpoint_of(run).unlink(missing_ok=True)
    shell = asked(there, "slurm")
    until(lambda: len(jobs_of(there)) == 2, 60)
    first = jobs_of(there)
    assert {job.split("_")[0] for job in first} == {next(iter(first)).split("_")[0]} and set(first.values()) == {run.id for run in runs}
    until(lambda: all(checkpoint_of(run).exists() for run in runs), 120)
    (cancelled, _), (aside, again) = first.items()
    subprocess.run(["scancel", cancelled], check=True)
    subprocess.run(["scontrol", "requeue", aside], check=True)
    until(lambda: cancelled not in jobs_of(there) and len(jobs_of(there)) == 2, 60) # queued again, under another id
    os.killpg(shell.pid, signal.SIGINT)
    told = shell.communicate(timeout=60)[1]
    assert re.search(r"[12] of 2 runs are left \(.*(running|pending).*\); the same command goes on from here", told)
    queued, step = set(ids()), load_tensors(checkpoint_of(next(run for run in runs if run.id == again)))[1]["step"]
    assert step >= 200 and aside in queued
    until(lambda: not subprocess.run(["scontrol", "update", f"JobId={aside}", "StartTime=now"], capture_output=True).returncode, 60) # Slurm waits two minutes otherwise
    shell = asked(there, "slurm")
    told = shell.communicate(timeout=240)[1]
    assert shell.returncode == 0, told
    assert [find_run(there.results, run).metrics for run in runs] == [run.metrics for run in alone] and files(here.results) == files(there.results)
    assert not folder_of(there).exists() and ids() == []
