"What a user of the package gets: a small wheel that imports with few dependencies"
import ast, importlib.metadata, re, subprocess, sys, zipfile
tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
from collections import defaultdict
import pytest
from conftest import ROOT, check, copy, run

MODULES = sorted((ROOT/"xvae").rglob("*.py"))
# only what makes tables and figures may need the extra `reproduce` as soon as it is imported
ARTIFACT = {"xvae.frames", "xvae.tables", "xvae.claims", "xvae.figures", "xvae.paper_preset", "xvae.regimes", "xvae.maps", "xvae.why", "xvae.benchmarks", "xvae.footing"}
DISTRIBUTIONS = importlib.metadata.packages_distributions()

def name(path): return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")

def canonical(names): return {re.sub(r"[-_.]+", "-", name).lower() for name in names}

def imported(path):
    "The installed projects that a module imports from, at its top or within its functions"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level]
    outer = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"xvae"}
    return canonical(project for name in outer for project in DISTRIBUTIONS.get(name, [name]))

@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    "The wheel, built from a copy of the project"
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    copy(tree, "pyproject.toml", "settings.ini", "README.md", "LICENSE", "xvae", "nbs", "reproduce", "tests", "tools")
    check("pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", out, tree)
    return next(out.glob("xvae-*.whl"))

@pytest.fixture(scope="module")
def needs(wheel):
    "What the wheel requires: the core's projects, then each extra's"
    found = defaultdict(set)
    for requirement in next(iter(importlib.metadata.distributions(path=[str(wheel)]))).requires:
        extra = re.search(r'extra == "(\w+)"', requirement)
        found[extra[1] if extra else "core"] |= canonical(re.findall(r"^[\w.-]+", requirement))
    return found

def python(code, **kwargs):
    "What a fresh interpreter prints, which must succeed"
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, **kwargs)
    assert done.returncode == 0, done.stderr
    return done.stdout

def test_wheel_holds_the_package_alone(wheel):
    inside = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    assert inside == {str(p.relative_to(ROOT)) for p in MODULES} | {"xvae/found.json", "xvae/py.typed"}

def test_releases_are_pinned():
    "constraints.txt, which `make` installs by, names one release that fits for each package that the project asks for, on this Python"
    from packaging.requirements import Requirement
    pins = [Requirement(line) for line in (ROOT/"constraints.txt").read_text(encoding="utf-8").splitlines()]
    pinned = {next(iter(canonical([p.name]))): str(p.specifier).removeprefix("==") for p in pins if p.marker is None or p.marker.evaluate()}
    about = tomllib.loads((ROOT/"pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [Requirement(r) for its in (about["dependencies"], *about["optional-dependencies"].values()) for r in its if not r.startswith("xvae")]
    assert [str(r) for r in asked if pinned.get(next(iter(canonical([r.name])))) not in r.specifier] == []

def test_face():
    "The names that a user needs for her own modalities, from the package itself, each with its documentation"
    import xvae
    assert {"CrossModalVAE", "SourceVAE", "TargetVAE", "Weights", "train"} <= set(xvae.__all__) and all(getattr(xvae, n).__doc__ for n in xvae.__all__)

def test_a_saved_model_in_another_process(tmp_path):
    "The folder alone gives the same translations, bit for bit"
    import torch
    from xvae import CrossModalVAE, SourceVAE, TargetVAE, mlp
    model = CrossModalVAE(SourceVAE(mlp(6, 16), mlp(3 + 2, 16, 6), d_t=3, d_s=2), TargetVAE(mlp(4, 16), mlp(3, 16, 4), d_t=3, shape=(2, 2)))
    model.encode(x := torch.arange(48.0).view(8, 6) / 48, torch.rand(8, 2, 2))
    model.save(tmp_path)
    here = model.translate(x).numpy().tobytes().hex()
    code = f"import torch; from xvae import CrossModalVAE as C; print(C.load({str(tmp_path)!r}).translate(torch.arange(48.0).view(8, 6) / 48).numpy().tobytes().hex())"
    assert python(code).strip() == here

def test_wheel_imports(wheel, tmp_path):
    "Installed elsewhere, it is what is imported, and it loads nothing that only notebooks need, nor torchvision, which takes as long as torch"
    check("pip", "install", "--no-deps", "--no-index", "--target", tmp_path, wheel)
    shown = python("import sys, xvae; print(xvae.__file__, *{'matplotlib', 'pandas', 'IPython', 'papermill', 'nbdev', 'torchvision'} & {*sys.modules})",
                   cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert shown.split() == [str(tmp_path/"xvae/__init__.py")]

@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_are_declared(path, needs): assert imported(path) <= set.union(*(v for k, v in needs.items() if k != "dev"))

def test_core_is_no_larger_than_needed(needs): assert needs["core"] <= set.union(*map(imported, MODULES))

def test_core_suffices(needs):
    "The method, the data and the tasks import where the extras are not installed"
    extras = set.union(*needs.values()) - needs["core"] - {"setuptools", "xvae"}
    missing = {package: None for package, projects in DISTRIBUTIONS.items() if canonical(projects) & extras}
    modules = [name(path) for path in MODULES if name(path) not in ARTIFACT]
    python(f"import sys, importlib; sys.modules.update({missing})\nfor m in {modules}: importlib.import_module(m)", cwd=ROOT)

def test_readme_example_needs_the_wheel_alone(wheel, needs, tmp_path):
    "README's example for modalities of one's own, where nothing but the core is installed"
    check("pip", "install", "--no-deps", "--no-index", "--target", tmp_path, wheel)
    extras = set.union(*needs.values()) - needs["core"] - {"setuptools", "xvae"}
    missing = {package: None for package, projects in DISTRIBUTIONS.items() if canonical(projects) & extras}
    example = next(block for block in re.findall(r"```python\n(.*?)```", (ROOT/"README.md").read_text(encoding="utf-8"), re.DOTALL) if "CrossModalVAE" in block)
    said = python(f"import sys; sys.modules.update({missing})\n{example}", cwd=tmp_path, env={"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"})
    ours, supervised = map(float, re.findall(r"(?:ours|supervised only) ([\d.]+)", said))
    assert ours < supervised

def test_layers():
    "Modules import from below: the method knows no task, tasks no store, the store no plots, and nothing goes in a circle"
    done = run("lint-imports", "--no-cache", cwd=ROOT)
    assert done.returncode == 0 and "0 broken" in done.stdout, done.stdout

def test_nothing_that_is_wrong_by_its_looks():
    "ruff, with the rules that pyproject.toml names"
    done = run("ruff", "check", "--no-cache", "--output-format", "concise", cwd=ROOT)
    assert done.returncode == 0, done.stdout
