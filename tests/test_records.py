"Digests of a user's files: of what is in them, read once, whoever asks"
import json, os, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
import pytest
from xvae import io
from xvae.io import CONTENTS, content_digest, contents

@pytest.fixture
def user(tmp_path):
    "A folder of three files, and a cache"
    (root := tmp_path/"data"/"deep").mkdir(parents=True)
    for name in "abc": (root/f"{name}.txt").write_text(name*10, encoding="utf-8")
    return tmp_path/"data", tmp_path/"cache"

@pytest.fixture
def read(monkeypatch):
    "Names of the files whose content is read"
    names, content = [], io._content
    monkeypatch.setattr(io, "_content", lambda path: names.append(path.name) or content(path))
    return names

def look(root, cache): return content_digest(sorted(root.rglob("*.txt")), root, cache)

def replaced(path, text):
    "Another file in the place of this one, of the same time"
    was = path.stat()
    (new := path.with_name("new")).write_text(text, encoding="utf-8")
    os.utime(new, ns=(was.st_atime_ns, was.st_mtime_ns))
    os.replace(new, path)
    assert path.stat().st_mtime_ns == was.st_mtime_ns and path.stat().st_size == was.st_size

def edited(path): path.write_text("x"*10, encoding="utf-8")
def later(path): os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1)) # so that a coarse clock has moved on

@pytest.mark.parametrize("change, differs", [
    (lambda root: (edited(root/"deep/b.txt"), later(root/"deep/b.txt")), True),
    (lambda root: replaced(root/"deep/b.txt", "y"*10), True),
    (lambda root: (root/"deep/b.txt").rename(root/"deep/d.txt"), True),
    (lambda root: (root/"deep/b.txt").rename(root/"b.txt"), True),
    (lambda root: (root/"deep/b.txt").unlink(), True),
    (lambda root: (root/"deep/.DS_Store").write_text("of no reader", encoding="utf-8"), False),
    (lambda root: later(root/"deep/b.txt"), False),
    (lambda root: replaced(root/"deep/b.txt", "b"*10), False),
    (lambda root: root.rename(root.with_name("moved")).rename(root), False),
], ids=["edited", "replaced", "renamed", "elsewhere", "gone", "junk", "touched", "copied", "moved"])
@pytest.mark.parametrize("keep", [True, False])
def test_what_changes_a_digest(user, change, differs, keep):
    root, cache = user[0], user[1] if keep else False
    before = look(root, cache)
    change(root)
    assert (look(root, cache) != before) == differs and look(root, cache) == look(root, False)

def test_a_moved_folder_is_the_same_data(user):
    root, cache = user
    before = look(root, cache)
    assert look(root.rename(root.with_name("moved")), cache) == before

def test_no_file_is_read_twice(user, read):
    "Only what has changed is read again, and what is gone is forgotten"
    root, cache = user
    before = look(root, cache)
    assert sorted(read) == ["a.txt", "b.txt", "c.txt"]
    assert look(root, cache) == before and len(read) == 3
    replaced(root/"deep/b.txt", "y"*10)
    (root/"deep/c.txt").unlink()
    look(root, cache)
    assert read[3:] == ["b.txt"] and [os.path.basename(p) for p in json.loads((cache/CONTENTS).read_text(encoding="utf-8"))[1]] == ["a.txt", "b.txt"]

@pytest.mark.parametrize("text", ["", "{", '{"a": [1, 2', "\0"])
def test_damaged_cache(user, read, text):
    root, cache = user
    before = look(root, cache)
    (cache/CONTENTS).write_text(text, encoding="utf-8")
    assert look(root, cache) == before and len(read) == 6

def test_a_missing_file_is_named(user):
    with pytest.raises(FileNotFoundError, match="nowhere.txt"): contents([user[0]/"nowhere.txt"], user[1])

def test_many_at_once(user):
    "Processes and threads that look at different files at the same time lose nothing of each other's"
    root, cache = user
    for k in range(6):
        for n in range(20): (root/f"{k}-{n}.bin").write_bytes(bytes([k, n]))
    ask = f"from xvae.io import contents; from pathlib import Path; contents(Path({str(root)!r}).glob('{{}}-*.bin'), {str(cache)!r})"
    running = [subprocess.Popen([sys.executable, "-c", ask.format(k)]) for k in range(2)]
    with ThreadPoolExecutor(3) as pool: list(pool.map(lambda k: contents(list(root.glob(f"{k}-*.bin")), cache), range(2, 6)))
    assert [p.wait() for p in running] == [0]*2
    assert len(json.loads((cache/CONTENTS).read_text(encoding="utf-8"))[1]) == 120 and not [p for p in cache.iterdir() if p.name.startswith(".")]
