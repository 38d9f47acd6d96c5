"""get_file: complete and checked, or an error and nothing in the cache."""

import hashlib
import io
import os
import tarfile
import threading
import time
import zipfile

import pytest

from compat_tests.servers import send, serving
from torchkeras.datasets import download
from torchkeras.utils import get_file

BODY = bytes(range(256)) * 1000


@pytest.fixture
def site():
    with serving() as site:
        site.files["data.bin"] = BODY
        yield site


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def left_in(cache):
    return sorted(str(p.relative_to(cache)) for p in cache.rglob("*") if p.is_file())


def read(path):
    with open(path, "rb") as file:
        return file.read()


def sha256(body):
    return hashlib.sha256(body).hexdigest()


GOOD = {
    "name from the URL": ({}, "datasets/data.bin"),
    "own name": ({"fname": "own.bin"}, "datasets/own.bin"),
    "own folder": ({"cache_subdir": "a/b"}, "a/b/data.bin"),
    "sha256": ({"file_hash": sha256(BODY)}, "datasets/data.bin"),
    "upper case": ({"file_hash": sha256(BODY).upper()}, "datasets/data.bin"),
    "md5": ({"file_hash": hashlib.md5(BODY).hexdigest()}, "datasets/data.bin"),
    "md5_hash": ({"md5_hash": hashlib.md5(BODY).hexdigest()}, "datasets/data.bin"),
}


@pytest.mark.parametrize("case", GOOD)
def test_download(case, site, cache):
    arguments, place = GOOD[case]
    for _ in range(2):  # the second time from the cache
        path = get_file(origin=site.url + "data.bin", cache_dir=cache, **arguments)
        assert path == str(cache / place)
        assert read(path) == BODY
    assert left_in(cache) == [place] and site.requests == ["data.bin"]


def test_cache_of_keras_home(site, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    path = get_file("x", site.url + "data.bin")
    assert path == str(tmp_path / "home" / "datasets" / "x")


def test_absolute_name(site, tmp_path, cache):
    path = get_file(str(tmp_path / "here.bin"), site.url + "data.bin", cache_dir=cache)
    assert path == str(tmp_path / "here.bin") and read(path) == BODY


def test_query_is_no_part_of_the_name(site, cache):
    site.files["data.bin?x=1"] = BODY
    path = get_file(origin=site.url + "data.bin?x=1", cache_dir=cache)
    assert os.path.basename(path) == "data.bin"


def test_changed_cache_is_replaced(site, cache, capsys):
    path = cache / "datasets" / "data.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"old")
    assert read(get_file(origin=site.url + "data.bin", cache_dir=cache)) == b"old"
    get_file(origin=site.url + "data.bin", cache_dir=cache, file_hash=sha256(BODY))
    assert path.read_bytes() == BODY
    assert "downloading it again" in capsys.readouterr().out


def cut(handler):
    send(handler, BODY[:-7], length=len(BODY))


def too_little_announced(handler):
    send(handler, BODY, length=len(BODY) - 5)


def stall(handler):
    send(handler, BODY[:100], length=len(BODY))
    handler.wfile.flush()
    time.sleep(1)


def to_a_file(handler):
    handler.send_response(302)
    handler.send_header("Location", "file:///etc/hostname")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


BAD = {
    "cut": (cut, {}, OSError, "URL fetch failure.*bytes came"),
    "too little announced": (
        too_little_announced, {"file_hash": sha256(BODY)}, ValueError, "incomplete"),
    "stall": (stall, {}, OSError, "timed out"),
    "redirect to a file": (to_a_file, {}, OSError, "302"),
    "absent": (lambda handler: handler.send_error(404), {}, OSError, "404 -- Not Found"),
    "failing": (lambda handler: handler.send_error(500), {}, OSError, "500"),
    "other content": (
        lambda handler: send(handler, b"x"), {"file_hash": sha256(BODY)}, ValueError, "hash is"),
    "unknown algorithm": (
        lambda handler: send(handler, BODY), {"file_hash": "00", "hash_algorithm": "sha1"},
        ValueError, "sha1"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_failure_leaves_nothing(case, site, cache, monkeypatch):
    answer, arguments, error, message = BAD[case]
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    site.answers["data.bin"] = answer
    with pytest.raises(error, match=message):
        get_file(origin=site.url + "data.bin", cache_dir=cache, **arguments)
    assert left_in(cache) == []
    site.answers.clear()
    assert read(get_file(origin=site.url + "data.bin", cache_dir=cache)) == BODY


def test_nobody_answers(cache):
    with pytest.raises(OSError, match="URL fetch failure"):
        get_file(origin="http://127.0.0.1:9/x", cache_dir=cache)
    assert left_in(cache) == []


@pytest.mark.parametrize("origin", [None, "http://127.0.0.1/", "http://127.0.0.1/..", "x:/a\\b"])
def test_no_usable_name(origin, cache):
    with pytest.raises(ValueError, match="`origin`|`fname`"):
        get_file(origin=origin, cache_dir=cache)


def test_eight_at_once_see_a_whole_file(site, cache):
    found = []

    def load():
        found.append(read(get_file(origin=site.url + "data.bin", cache_dir=cache)))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [BODY] * 8
    assert left_in(cache) == ["datasets/data.bin"]


def tar_of(files):
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return body.getvalue()


def zip_of(files):
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return body.getvalue()


FILES = {"pictures/a.txt": b"A", "pictures/deep/b.txt": b"B" * 1000}


@pytest.mark.parametrize("name, archive", [("p.tgz", tar_of), ("p.zip", zip_of)])
def test_extract(name, archive, site, cache):
    site.files[name] = archive(FILES)
    path = get_file(origin=site.url + name, cache_dir=cache, extract=True)
    assert path == str(cache / "datasets" / name)
    assert left_in(cache) == [
        f"datasets/{name}", "datasets/pictures/a.txt", "datasets/pictures/deep/b.txt"
    ]  # fmt: skip
    assert (cache / "datasets/pictures/deep/b.txt").read_bytes() == b"B" * 1000


def tar_with(*members):
    """Members: (name, kind, target or content)."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, told in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(told)
                archive.addfile(info, io.BytesIO(told))
            else:
                info.linkname = told
                archive.addfile(info)
    return body.getvalue()


FILE, LINK, HARD = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
LONG = "d" * 247  # which links make a path of that is too long to be resolved
HOSTILE = {
    "CVE-2021-35958 upwards": [("../../marker", FILE, b"x")],
    "CVE-2024-55459 absolute": [("/tmp/marker-of-torchkeras", FILE, b"x")],
    "CVE-2025-12060 link": [("out", LINK, "../.."), ("out/marker", FILE, b"x")],
    "CVE-2025-12638 long links": [
        (LONG, tarfile.DIRTYPE, ""),
        *((f"l{n}", LINK, "/".join([LONG] * 16)) for n in range(16)),
        ("escape", LINK, "l0/" * 16 + "../" * 40), ("escape/marker", FILE, b"x")],
    "CVE-2025-4517 link to itself": [("a", LINK, "a"), ("a/marker", FILE, b"x")],
    "CVE-2025-4138 link outside": [("a", LINK, "/etc/hostname")],
    "CVE-2026-12482 link and back": [
        ("sub/link", LINK, "../.."), ("sub/link/../../marker", FILE, b"x")],
    "f937c53558 hard link": [("hard", HARD, "../../decoy.txt"), ("hard", FILE, b"x")],
    "a device": [("null", tarfile.CHRTYPE, "")],
}  # fmt: skip


@pytest.mark.parametrize("how", [{"extract": True}, {"untar": True}])
@pytest.mark.parametrize("weakness", HOSTILE)
def test_a_hostile_archive_writes_nothing(weakness, how, site, tmp_path, monkeypatch):
    """CVE-2026-11816: the working folder, here the root of all, makes no difference."""
    monkeypatch.chdir("/")
    cache = tmp_path / "home" / "cache"
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "decoy.txt").write_text("as it was")
    site.files["evil.tar.gz"] = tar_with(("good.txt", FILE, b"x"), *HOSTILE[weakness])
    with pytest.raises(ValueError, match="evil.tar.gz"):
        get_file("evil.tar.gz", site.url + "evil.tar.gz", cache_dir=cache, **how)
    assert left_in(tmp_path) == ["home/cache/datasets/evil.tar.gz", "home/decoy.txt"]
    assert (tmp_path / "home" / "decoy.txt").read_text() == "as it was"
    assert not os.path.exists("/tmp/marker-of-torchkeras")


def test_a_home_that_cannot_be_written_is_an_error(site, tmp_path, monkeypatch):
    """Nothing is kept in a folder that others share instead."""
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    with pytest.raises(OSError):
        get_file("x", site.url + "data.bin")
    assert left_in(tmp_path) == ["file"]


@pytest.mark.parametrize("fname", ["pictures", "pictures.tar.gz"])
def test_untar(fname, site, cache):
    site.files["p.tgz"] = tar_of(FILES)
    path = get_file(fname, site.url + "p.tgz", untar=True, cache_dir=cache)
    assert path == str(cache / "datasets" / "pictures")
    assert (cache / "datasets" / "pictures.tar.gz").is_file()
    assert (cache / "datasets/pictures/a.txt").read_bytes() == b"A"
    (cache / "datasets/pictures/a.txt").unlink()  # unpacked once only
    get_file(fname, site.url + "p.tgz", untar=True, cache_dir=cache)
    assert not (cache / "datasets/pictures/a.txt").exists()


def test_untar_of_something_else(site, cache):
    with pytest.raises(ValueError, match="not a tar archive"):
        get_file("x", site.url + "data.bin", untar=True, cache_dir=cache)
    site.files["p.tgz"] = tar_of(FILES)
    with pytest.raises(ValueError, match="holds no 'y'"):
        get_file("y", site.url + "p.tgz", untar=True, cache_dir=cache)


def test_extract_of_no_archive(site, cache):
    with pytest.warns(UserWarning, match="was not unpacked"):
        get_file(origin=site.url + "data.bin", cache_dir=cache, extract=True)
    get_file(origin=site.url + "data.bin", cache_dir=cache, extract=True, archive_format=None)
