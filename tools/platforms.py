"""All tests of a fresh clone under other circumstances: python tools/platforms.py python3.10 python3.13 ...

The clone lies in a folder with a space and a letter outside of ASCII, under another home that is empty, with LC_ALL=C; once the packages
are installed there is no network but the machine's own (Linux, with the right to unshare it). A row of results/reliability.csv for each.
"""
import os, subprocess, sys, tempfile
from pathlib import Path
from reliability import ROOT, note

ALONE = "python3 -c 'import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack(\"16sh\", b\"lo\", 0x49))' && make test" # 0x8914: SIOCSIFFLAGS; up, running, loopback

def tried(python, folder):
    "Whether all tests pass there"
    home, clone = folder/"höme of another", folder/"a földer/xvae"
    home.mkdir()
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    env = {k: v for k, v in os.environ.items() if k not in ("XVAE_CACHE", "VIRTUAL_ENV", "PYTHONPATH", "OMP_NUM_THREADS", "TQDM_DISABLE")} | dict(HOME=str(home), LC_ALL="C")
    subprocess.run(["make", "setup", f"PYTHON={python}"], cwd=clone, env=env, check=True, stdout=subprocess.DEVNULL)
    return subprocess.run(["unshare", "-n", "sh", "-c", ALONE], cwd=clone, env=env).returncode == 0

def main(pythons):
    for python in pythons:
        version = subprocess.run([python, "-c", "import platform; print(platform.python_version())"], capture_output=True, text=True, check=True).stdout.strip()
        with tempfile.TemporaryDirectory() as folder: passed = tried(python, Path(folder))
        note(f"tests of a fresh clone, Python {version}, folders with spaces and umlauts, LC_ALL=C, no network", 1, int(not passed), f"python tools/platforms.py {Path(python).name}")

if __name__ == "__main__": main(sys.argv[1:] or sys.exit(__doc__))
