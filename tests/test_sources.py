"What the sources hold to: text is UTF-8 wherever it is read or written, nothing runs what it reads, and make takes any folder"
import ast, json, os, shlex, shutil, subprocess, sys
from pathlib import Path
import pytest
from conftest import LESSONS, NOTEBOOKS, ROOT
from xvae.io import cache_folder

SOURCES = sorted(p for part in ("xvae", "tests", "tools", "benchmarks") for p in (ROOT/part).rglob("*.py"))

def cells(path):
    "The code of a file or of a notebook's cells, without magics"
    text = path.read_text(encoding="utf-8")
    cells = [text] if path.suffix == ".py" else ["".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
    return ["\n".join("" if line.startswith(("%", "!")) else line for line in cell.splitlines()) for cell in cells]

def without_encoding(call):
    "Whether a call reads or writes text in whatever encoding the machine has"
    f, names = call.func, {k.arg for k in call.keywords}
    if "encoding" in names: return False
    if isinstance(f, ast.Attribute) and f.attr == "read_text": return not call.args
    if isinstance(f, ast.Attribute) and f.attr == "write_text": return len(call.args) == 1
    if not (isinstance(f, ast.Name) and f.id == "open"): return False
    mode = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "mode")]
    return "b" not in (mode[0].value if mode and isinstance(mode[0], ast.Constant) else "r")

@pytest.mark.parametrize("path", [*SOURCES, *LESSONS, *NOTEBOOKS], ids=lambda p: p.relative_to(ROOT).as_posix())
def test_text_is_utf8(path):
    "Those that ruff's PLW1514 cannot see too, in notebooks as well"
    calls = [n for cell in cells(path) for n in ast.walk(ast.parse(cell)) if isinstance(n, ast.Call)]
    assert [ast.unparse(call) for call in calls if without_encoding(call)] == []

def test_the_encoding_of_the_machine_does_not_matter(tmp_path):
    "Letters of other scripts, written and read where text is ASCII by default"
    (tmp_path/"script.py").write_text("""
import json
from pathlib import Path
from xvae.data.shoev2 import read_list
from xvae.io import read_json, write_text
write_text("a.json", json.dumps(["Jürgen 足"], ensure_ascii=False))
assert read_json("a.json") == ["Jürgen 足"]
Path("list.txt").write_bytes("鞋_1\\n".encode())
assert read_list(Path("list.txt")) == ["鞋_1"]
""", encoding="utf-8")
    env = dict(os.environ, LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, env=env)
    assert done.returncode == 0, done.stderr.decode(errors="replace")

# Nothing runs what it reads

@pytest.mark.parametrize("code, rule", [("import pickle\n", "TID251"), ("from pickle import loads\n", "TID251"), ("import torch\ntorch.load('a')\n", "TID251"),
    ("import torch\ntorch.hub.load('a', 'b')\n", "TID251"), ("eval('1')\n", "S307"), ("exec('1')\n", "S102"), ("import marshal\nmarshal.loads(b'')\n", "S302"),
    ("import pickle # noqa: TID251\npickle.loads(b'')\n", "S301"), ("open('a')\n", "PLW1514")])
def test_the_rule_sees_it(code, rule):
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "--output-format", "json", "--stdin-filename", ROOT/"xvae/new.py", "-"], input=code, text=True, capture_output=True, cwd=ROOT)
    assert rule in {found["code"] for found in json.loads(done.stdout)}, done.stdout + done.stderr

def test_exceptions_have_reasons():
    "Published weights, strokes that are published as a pickle, and a fixture of one: each says so at its place"
    found = [(p.name, line.split("# noqa:")[1]) for p in SOURCES if p.parts[-2] != "tests" for line in p.read_text(encoding="utf-8").splitlines()
        if "# noqa:" in line and any(rule in line for rule in ("TID251", "S301", "S302", "S307", "S102"))]
    assert sorted(name for name, _ in found) == ["estimate.py", "fixtures.py", "pictures.py", "shoev2.py", "shoev2.py"]
    assert all(len(why.split()) > 3 for _, why in found)

# Any folder, any user

@pytest.mark.skipif(not shutil.which("make"), reason="no make")
@pytest.mark.parametrize("results", ["plain", "my results", "it's here", 'a "quoted" one', "$HOME", "a;b", "ä 足", "-p"])
def test_make_takes_any_folder(results):
    "What is called Jürgen's \"results\" is one word to the shell"
    told = subprocess.run(["make", "-n", "table1", f"RESULTS={results.replace('$', '$$')}"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8").stdout.splitlines()
    (run,), (show,) = ([shlex.split(line) for line in told if word in line] for word in ("/papermill ", "cat "))
    assert run[run.index("results_dir") + 1] == results and show[show.index("cat") + 1] == f"{results}/table1.md"

@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_make_takes_any_python(tmp_path):
    told = subprocess.run(["make", "-n", "-B", "setup", f"PYTHON={tmp_path}/it's a/python"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8").stdout.splitlines()
    assert sum(shlex.split(line).count(f"{tmp_path}/it's a/python") for line in told) == 3

def test_no_home(monkeypatch):
    "A user without a home names a folder, or is told to"
    monkeypatch.delenv("XVAE_CACHE")
    def nowhere(): raise RuntimeError("Could not determine home directory.")
    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(ValueError, match="XVAE_CACHE"): cache_folder()
    assert cache_folder("a") == Path("a") and cache_folder(False) is None
    monkeypatch.setenv("XVAE_CACHE", "b")
    assert cache_folder() == Path("b")
