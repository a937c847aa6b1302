import shutil, subprocess, sysconfig
from multiprocessing import Pipe
from pathlib import Path
import pytest, torch

ROOT = Path(__file__).parent.parent
LESSONS, NOTEBOOKS = sorted((ROOT/"nbs").glob("*.ipynb")), sorted((ROOT/"reproduce").glob("*.ipynb"))

def run(command, *args, **kwargs):
    "Run a command of this Python's environment, return what `subprocess.run` does, as text"
    return subprocess.run([Path(sysconfig.get_path("scripts"))/command, *map(str, args)], text=True, capture_output=True, **kwargs)

def check(*args, **kwargs):
    "`run`, which must succeed"
    done = run(*args, **kwargs)
    assert done.returncode == 0, done.stdout + done.stderr
    return done

def sent(it):
    "What another process gets of it"
    ours, theirs = Pipe()
    ours.send(it)
    return theirs.recv()

def copy(to, *names):
    "Copy the project's files and folders of these names into the folder `to`, which it returns"
    for path in (ROOT/name for name in names):
        if path.is_dir(): shutil.copytree(path, to/path.name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
        else: shutil.copy(path, to)
    return to

@pytest.fixture(scope="session", autouse=True)
def environment(tmp_path_factory):
    "Whatever the tests make and keep is theirs alone, and one thread a process, as processes run side by side"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XVAE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("OMP_NUM_THREADS", "1")
        for name in "IN_TEST", "JUPYTER_PATH", "XVAE_COMPILE": patch.delenv(name, raising=False)
        torch.set_num_threads(1)
        yield
