"The website, built and driven in a browser without a network"
import shutil, subprocess, sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
import numpy as np, pytest, torch
from conftest import ROOT
from xvae.experiments import job, load_model
sys.path.insert(0, str(ROOT/"tools"))
from explorer import SHOWN

FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --window-size=1300,1200".split()

@pytest.fixture(scope="module")
def site(tmp_path_factory):
    "Built whole: a broken link between pages fails"
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run([sys.executable, ROOT/"tools/pages.py", folder/"out"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder/"out/html"

@pytest.fixture(scope="module")
def browser(site):
    "Chromium, on pages from the disk"
    from selenium import webdriver
    driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
    if not driver or not chromium: pytest.skip("no chromium and chromedriver here: pages are built, and looked at by nobody")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", dict(browser="ALL"))
    for flag in FLAGS: options.add_argument(flag)
    b = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    b.implicitly_wait(20)
    b.set_script_timeout(60)
    yield b
    errors = [line["message"] for line in b.get_log("browser") if line["level"] == "SEVERE"]
    b.quit()
    assert not errors

@pytest.fixture(scope="module")
def served(site):
    "The same pages from a server: search shows where a word stands, which a page from the disk may not read"
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args): pass
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()

def one(b, css): return b.find_element("css selector", css)

def test_pages(site):
    pages = {str(p.relative_to(site)) for p in site.rglob("*.html")}
    notebooks = {f"{p.parent.name}/{p.stem}.html" for folder in ("nbs", "reproduce") for p in (ROOT/folder).glob("*.ipynb")} - {"nbs/index.html"}
    assert notebooks <= pages and {"summary.html", "checklist.html", "limits.html", "explorer.html", "api/xvae.losses.html"} <= pages

def test_front_page(site, browser):
    browser.get((site/"index.html").as_uri())
    assert browser.title.startswith("xvae") and one(browser, "article h1").text.startswith("xvae")
    assert browser.execute_script("return [...document.querySelectorAll('article img')].map(i => i.naturalWidth)")[0] > 300

def test_formula(site, browser):
    "Drawn without a network"
    browser.get((site/"nbs/00_gaussians.html").as_uri())
    assert one(browser, "mjx-container").size["width"] > 5

def test_api(site, browser):
    browser.get((site/"api/xvae.losses.html").as_uri())
    text = one(browser, "article").text
    assert "cross_loss(" in text and "weight of Eq. 4" in text

def test_search(served, browser):
    browser.get(f"{served}/search.html?q=pa_mpjpe")
    assert "metrics" in one(browser, "ul.search li a").get_attribute("href")

def test_dark(site, browser):
    browser.get((site/"index.html").as_uri())
    colour = lambda: browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    browser.execute_script("document.documentElement.dataset.theme = 'light'"); light = colour()
    browser.execute_script("document.documentElement.dataset.theme = 'dark'")
    assert colour() != light

def at(b, name):
    "The explorer with a model"
    one(b, ".explorer[data-shows]")
    b.execute_script("const s = document.querySelector('.explorer select'); s.value = arguments[0]; s.onchange()", name)
    one(b, f".explorer[data-shows={name}] .numbers td")

@pytest.mark.parametrize("name", SHOWN)
def test_explorer_agrees_with_torch(site, browser, name):
    "Decoders in JavaScript, of half precision and with BatchNorm folded in, against those of the store"
    browser.get((site/"explorer.html").as_uri())
    at(browser, name)
    run, j = SHOWN[name][1].run(job("laptop"), 0), job("laptop", device="cpu")
    model = load_model(j.results, run)
    z_t, z_s = (torch.randn(4, d, generator=torch.Generator().manual_seed(0)) for d in (run.settings.d_t, run.settings.d_s))
    with torch.no_grad(): pictures, poses = model.colours(model.vae_x.decode(z_t, z_s)), 1000 * model.vae_y.decode(z_t)
    drawn = browser.execute_script("const [t, s] = arguments, m = explorer.view.model; return t.map((z, i) => [[...m.picture_of(z, s[i])], [...m.pose_of(z)]])", z_t.tolist(), z_s.tolist())
    for (picture, pose), x, y in zip(drawn, pictures, poses - poses[:, :1]):
        assert np.abs(np.array(picture) - x.flatten().numpy()).max() < 2e-3 # of white
        assert np.abs(np.array(pose) - y.flatten().numpy()).max() < 2 # mm

def test_explorer_follows_the_hand(site, browser):
    browser.get((site/"explorer.html").as_uri())
    at(browser, "found")
    seen = lambda css: browser.execute_script("return document.querySelector(arguments[0]).toDataURL()", css)
    numbers = lambda: [e.text for e in browser.find_elements("css selector", ".explorer .numbers td")]
    slide = lambda name, value: browser.execute_script("const s = document.querySelector(`.explorer input.${arguments[0]}`); s.value = arguments[1]; s.oninput()", name, value)
    before = seen(".explorer .picture"), seen(".explorer .pose"), numbers()
    slide("z_s", 0)
    assert seen(".explorer .picture") != before[0] and seen(".explorer .pose") == before[1]
    assert numbers()[:2] == before[2][:2] and numbers()[2] == "0.0 %" # A's own codes
    slide("z_t", 1)
    assert seen(".explorer .pose") != before[1] and numbers()[:2] != before[2][:2]
    slide("z_s", 1)
    assert numbers()[3] == "0.0 %" # B's own
    assert len(browser.find_elements("css selector", ".explorer .grid canvas")) == 8 + 8 * 9
    one(browser, ".explorer .grid canvas[title='z_t of 3, z_s of 5']").click()
    pressed = browser.execute_script("return ['.pickA', '.pickB'].map(p => [...document.querySelectorAll(`.explorer ${p} button`)].findIndex(b => b.ariaPressed == 'true'))")
    assert pressed == [2, 4]
    prior = seen(".explorer .prior canvas")
    one(browser, ".explorer .again").click()
    assert seen(".explorer .prior canvas") != prior
    turned = seen(".explorer .pose")
    browser.execute_script("document.querySelector('.explorer .pose').scrollIntoView({block: 'center'})")
    from selenium.webdriver import ActionChains
    ActionChains(browser).drag_and_drop_by_offset(one(browser, ".explorer .pose"), 60, 10).perform()
    assert seen(".explorer .pose") != turned
