"Damaged files for every reader, and what comes of them: python tools/fuzz.py [--n 2000] [--csv FILE] [FORMAT...]"
import argparse, csv, hashlib, io, json, os, re, subprocess, sys, tempfile, time, warnings, zipfile
from collections import Counter
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
import numpy as np
from formats import FORMS
from reliability import note
from xvae.data import apart

KINDS = ("read", "refused", "wrong", "other", "hang", "crash")
ESCAPES = KINDS[3:] # there should be none
SECONDS, GIGABYTES = 300, 12 # that a file may take, on a busy machine too; the package's own limits are lower
NUMBERS = b"NaN nan Infinity -1 0 1 -0.0 1e308 -1e308 1e999 99999999999 18446744073709551616 2147483648 65536 0.5 1e-300 null true [] {}".split() + [b"9" * 5000, b'"x"', b""]
DEEP = ([b"[" * 100_000], [b'{"a":' * 50_000], [b"<g>" * 300, b"</g>" * 300], [b"{" * 1000], [b"(" * 1000, b")" * 1000], [b"begin\n" * 1000])

# What is done to a file

def flip(data, rng):
    for _ in range(rng.integers(1, 9)): data[rng.integers(len(data))] ^= 1 << rng.integers(8)

def cut(data, rng): del data[rng.integers(len(data)):]

def zero(data, rng):
    at, n = part(data, rng)
    data[at:at + n] = bytes(len(data[at:at + n]))

def splice(data, rng):
    (at, n), to = part(data, rng), rng.integers(len(data) + 1)
    data[to:to + n * rng.integers(2)] = data[at:at + n]

def insert(data, rng): data[(at := rng.integers(len(data) + 1)):at] = rng.bytes(rng.integers(1, 33))

def remove(data, rng):
    at, n = part(data, rng)
    del data[at:at + n]

def huge(data, rng):
    "A declared size: 2, 4 or 8 bytes that mean much, or less than nothing"
    size = int(rng.choice([2, 4, 8]))
    value = int(rng.choice([2 ** (8 * size - 1) - 1, 2 ** (8 * size - 1), 2 ** (8 * size) - 1, 2 ** (4 * size), 10 ** (2 * size)], None, True, None) if size < 8 else rng.choice([2 ** 62, 2 ** 40, 2 ** 32, 10 ** 12]))
    at = int(rng.integers(max(1, min(len(data), 4096) - size))) // size * size
    data[at:at + size] = value.to_bytes(size, str(rng.choice(["little", "big"])))

def number(data, rng):
    "Another number in place of one that is written out"
    found = list(re.finditer(rb"-?\d+\.?\d*(?:[eE][-+]?\d+)?", bytes(data[:200_000])))
    if not found: return huge(data, rng)
    it = found[rng.integers(len(found))]
    data[it.start():it.end()] = NUMBERS[rng.integers(len(NUMBERS))]

def word(data, rng):
    "A word in place of another"
    found = list(re.finditer(rb"\w+", bytes(data[:200_000])))
    if len(found) < 2: return flip(data, rng)
    a, b = (found[i] for i in rng.integers(len(found), size=2))
    data[a.start():a.end()] = b[0]

def nest(data, rng):
    "Much of what opens something, with or without what closes it"
    deep, at = DEEP[rng.integers(len(DEEP))], rng.integers(len(data) + 1)
    data[at:at] = deep[0] + b"".join(deep[1:])

def inside(data, rng):
    "Damage within an archive, whose checksums are then right again"
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old: members = {name: old.read(name) for name in old.namelist()}
    except Exception: return flip(data, rng)
    name = sorted(members)[rng.integers(len(members))]
    member = bytearray(members[name][:4096])
    once(member, rng, (*BINARY, number, word))
    members[name] = bytes(member) + members[name][4096:]
    with zipfile.ZipFile(new := io.BytesIO(), "w") as archive:
        for name, content in members.items(): archive.writestr(name, content)
    data[:] = new.getvalue()

def header(data, rng):
    "Damage within the description that a safetensors file begins with, whose length is then right again"
    n = int.from_bytes(data[:8], "little")
    if not data[8:9] == b"{" or n > len(data): return flip(data, rng)
    about = bytearray(data[8:8 + n])
    once(about, rng, (number, word, flip, remove, splice, nest))
    data[:8 + n] = len(about).to_bytes(8, "little") + about

def part(data, rng):
    "Where a part begins, and how long it is: mostly short"
    return int(rng.integers(len(data))), int(len(data) ** rng.uniform(0, 0.9)) + 1

BINARY, TEXT = (flip, cut, zero, splice, insert, remove, huge), (flip, cut, zero, splice, insert, remove, number, number, number, word, nest)

def once(data, rng, ways):
    if data: ways[rng.integers(len(ways))](data, rng)

def damaged(
    data:bytes, # of a whole file
    rng, # numpy's
)->bytes: # something else
    "A damaged file: one damage mostly, sometimes two or three"
    text = data.isascii() and b"\0" not in data
    theirs = data[:2] == b"PK" and b"footage.json" not in data # checksums of our own archives are set right by no accident
    ways = TEXT if text else BINARY + ((inside, inside, inside) if theirs else ()) + ((header,) if data[8:10] == b'{"' else ())
    bad = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3])): once(bad, rng, ways)
    return bytes(bad) if bad != data else damaged(data, rng)

# What comes of it

def digest(value, sha=None):
    "A digest of anything that a reader gives"
    first, sha = sha is None, sha or hashlib.sha256()
    put = lambda *parts: [digest(p, sha) for p in parts]
    if value is None or isinstance(value, (bool, int, float, str, bytes)): sha.update(repr(value).encode("utf-8", "backslashreplace") + b";")
    elif hasattr(value, "detach"): put(value.detach().cpu().numpy())
    elif isinstance(value, np.generic): put(value.item())
    elif isinstance(value, np.ndarray): sha.update(f"{value.dtype} {value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value): put(*(getattr(value, f.name) for f in fields(value)))
    elif hasattr(value, "state_dict"): put(dict(value.state_dict()))
    elif isinstance(value, dict): put(*(x for k in sorted(value, key=str) for x in (str(k), value[k])))
    elif isinstance(value, Path): put(value.name)
    elif isinstance(value, partial): put(value.args)
    else: put(*value)
    return sha.hexdigest() if first else None

def look(path, read, right):
    "One of KINDS, and what was said; a clear error names the file, or one beside it that it has to fit"
    try: found = digest(read())
    except (ValueError, OSError) as e:
        return ("refused" if any(p.name in str(e) for p in path.parent.iterdir()) else "other"), f"{type(e).__name__}: {e}"
    except BaseException as e: return "other", f"{type(e).__name__}: {e}"
    return ("read" if found == right else "wrong"), ""

def work(names, seed, first, n, folder):
    "Read n damaged files of each format in turn, from a number on, and say of each what came of it"
    import faulthandler, resource
    resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES << 30, GIGABYTES << 30))
    warnings.simplefilter("ignore")
    said, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8") # what a library prints is no answer
    apart.SECONDS = 3 # for what is endless; these files are tiny
    for at, name in enumerate(names):
        if (at + 1) * n <= first: continue
        (place := Path(folder, name)).mkdir()
        path, read = FORMS[name](place)
        data, right = path.read_bytes(), digest(read())
        if digest(read()) != right: raise SystemExit(f"{name}: read twice, with different contents")
        for i in range(max(0, first - at * n), n):
            path.write_bytes(damaged_file(name, data, seed, i))
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            began, (kind, why) = time.time(), look(path, read, right)
            faulthandler.cancel_dump_traceback_later()
            print(json.dumps([name, i, kind, why[:300], round(time.time() - began, 2)]), file=said, flush=True)

def damaged_file(name, data, seed, i): return damaged(data, np.random.default_rng([seed, i, *name.encode()]))

# Many files

def fuzz(
    names:list, # of FORMS
    n:int, # how many files of each
    seed:int=0, # another seed, other damage
    tell=lambda *_: None, # gets (name, number, kind, what was said) of what should not be
)->dict: # name: Counter of KINDS
    "Damage each format's file in n ways; a process that dies or hangs is counted and another goes on"
    counts, done, all_ = {name: Counter() for name in names}, 0, n * len(names)
    while done < all_:
        before = done
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as errors:
            words = [sys.executable, __file__, "--work", ",".join(names), str(seed), str(done), str(n), folder]
            env = dict(os.environ, XVAE_CACHE=f"{folder}/cache", OMP_NUM_THREADS="1", TQDM_DISABLE="1")
            worker = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8", env=env)
            for line in worker.stdout:
                name, i, kind, why, seconds = json.loads(line)
                counts[name][kind] += 1; done += 1
                if kind == "other": tell(name, i, kind, why)
                if seconds > SECONDS / 3: tell(name, i, f"slow, {seconds} s", why)
            status = worker.wait()
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()
        if done == all_: break
        if done == before and status > 0 and "Timeout" not in said: raise RuntimeError(f"{names[done // n]}: {said[-2000:]}")
        name, kind = names[done // n], "hang" if "Timeout" in said else "crash"
        counts[name][kind] += 1; tell(name, done % n, kind, f"exit status {status}, {said[-600:]}"); done += 1
    return counts

def main(words=None):
    p = argparse.ArgumentParser("python tools/fuzz.py", description=__doc__)
    p.add_argument("formats", nargs="*", metavar="FORMAT", help=f"of {', '.join(FORMS)}; all if none")
    p.add_argument("--n", type=int, default=2000, help="damaged files of a format")
    p.add_argument("--seed", type=int, default=0, help="another seed, other damage")
    p.add_argument("--csv", help="file for the counts")
    p.add_argument("--note", action="store_true", help="write the counts of what should not be into results/reliability.csv")
    p.add_argument("--show", type=int, metavar="NUMBER", help="only write this damaged file of a format to the standard output")
    a = p.parse_args(words)
    if unknown := set(a.formats) - set(FORMS): p.error(f"no format {', '.join(unknown)}")
    if a.show is not None:
        with tempfile.TemporaryDirectory() as folder:
            path, _ = FORMS[a.formats[0]](Path(folder))
            return sys.stdout.buffer.write(damaged_file(a.formats[0], path.read_bytes(), a.seed, a.show)) * 0
    rows, names, some = [], a.formats or list(FORMS), max(1, 2000 // a.n) # formats for one process
    for at in range(0, len(names), some):
        counts = fuzz(names[at:at + some], a.n, a.seed, lambda *it: print("   ", *it, file=sys.stderr, flush=True))
        for name, its in counts.items():
            rows.append(dict(what=name, n=a.n) | {k: its[k] for k in KINDS})
            print(" ".join(f"{k} {v}" for k, v in rows[-1].items()), flush=True)
            if a.note: note(f"damaged files read, {name}", a.n, sum(its[k] for k in ESCAPES), f"python tools/fuzz.py --n {a.n} --seed {a.seed} {name}")
        if a.csv: write(a.csv, rows)
    return int(any(row[k] for row in rows for k in ESCAPES))

def write(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        table.writeheader(); table.writerows(rows)

if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]: work(sys.argv[2].split(","), *map(int, sys.argv[3:6]), sys.argv[6])
    else: sys.exit(main())
