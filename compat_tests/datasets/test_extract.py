"""Archives that try to write elsewhere: refused whole, with nothing written."""

import io
import os
import tarfile
import zipfile

import pytest

from torchkeras.datasets.extract import extract_archive

OTHER_PLACE = "other.txt"  # beside the folder that is unpacked to


def tar_with(*members):
    """Members: (name, content) for a file, (name, None) for a folder, or a TarInfo."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as archive:
        for member in members:
            info, content = member if isinstance(member, tuple) else (member, b"")
            if isinstance(info, str):
                info = tarfile.TarInfo(info)
                info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            info.size = len(content or b"")
            archive.addfile(info, io.BytesIO(content or b""))
    return body.getvalue()


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_with(*members):
    """Members: (name, content, mode of Unix)."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, content, mode in members:
            info = zipfile.ZipInfo("x")
            info.filename = name
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return body.getvalue()


LINK, PIPE, FILE = 0o120777, 0o010644, 0o100644
GOOD = ("good.txt", b"fine")

BAD = {
    "tar: upwards": (tar_with(GOOD, ("../other.txt", b"!")), r"\.\./other\.txt"),
    "tar: upwards later": (tar_with(GOOD, ("a/../../other.txt", b"!")), "leads out"),
    "tar: absolute": (tar_with(GOOD, ("/tmp/torchkeras-other", b"!")), "leads out"),
    "tar: backslash": (tar_with(GOOD, ("a\\..\\other.txt", b"!")), "leads out"),
    "tar: symbolic link": (
        tar_with(GOOD, special("link", tarfile.SYMTYPE, ".."), ("link/other.txt", b"!")), "'link'"),
    "tar: link inside": (tar_with(GOOD, special("link", tarfile.SYMTYPE, "good.txt")), "'link'"),
    "tar: hard link": (tar_with(GOOD, special("hard", tarfile.LNKTYPE, "../other.txt")), "'hard'"),
    "tar: device": (tar_with(GOOD, special("null", tarfile.CHRTYPE)), "'null'"),
    "tar: pipe": (tar_with(GOOD, special("pipe", tarfile.FIFOTYPE)), "'pipe'"),
    "tar: file and folder": (tar_with(("a", b"1"), ("a/b", b"2")), "both a file and a folder"),
    "tar: folder and file": (tar_with(("a", None), ("a", b"2")), "both a file and a folder"),
    "tar: cut": (tar_with(GOOD, ("big", b"x" * 5000))[:3000], "is broken"),
    "zip: upwards": (zip_with(("../other.txt", b"!", FILE)), "leads out"),
    "zip: absolute": (zip_with(("/tmp/torchkeras-other", b"!", FILE)), "leads out"),
    "zip: symbolic link": (zip_with(("link", b"..", LINK)), "'link'"),
    "zip: pipe": (zip_with(("pipe", b"", PIPE)), "'pipe'"),
    "zip: wrong checksum": (
        zip_with(("a", b"content", FILE)).replace(b"content", b"CONTENT"), "is broken"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("where", ["/", None])  # the working folder must not matter
def test_refused(case, where, tmp_path, monkeypatch):
    body, message = BAD[case]
    archive, folder = tmp_path / "archive", tmp_path / "folder"
    archive.write_bytes(body)
    monkeypatch.chdir(where or tmp_path)
    with pytest.raises(ValueError, match=message):
        extract_archive(archive, folder)
    assert {path.name for path in tmp_path.rglob("*")} <= {"archive", "folder"}
    assert not os.path.exists("/tmp/torchkeras-other")


def test_existing_link_is_not_followed(tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    (folder / "sub").symlink_to(outside)
    (tmp_path / "archive").write_bytes(tar_with(("sub/file", b"!")))
    with pytest.raises(ValueError, match="is a link"):
        extract_archive(tmp_path / "archive", folder)
    assert list(outside.iterdir()) == []


def test_larger_than_the_disk(tmp_path, monkeypatch):
    (tmp_path / "archive").write_bytes(tar_with(("a", b"x" * 600), ("b", b"x" * 600)))
    free = type("usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: free)
    with pytest.raises(ValueError, match="unpacks to 1200 bytes.* has 1000 bytes left"):
        extract_archive(tmp_path / "archive", tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_announced_size_of_a_tar(tmp_path):
    info = tarfile.TarInfo("huge")
    info.size = 1 << 50
    (tmp_path / "archive").write_bytes(info.tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(ValueError, match="is broken"):
        extract_archive(tmp_path / "archive", tmp_path / "folder")


def test_merges_with_what_is_there(tmp_path):
    (tmp_path / "archive").write_bytes(tar_with(("./d/new", b"new"), ("d/old", b"replaced")))
    folder = tmp_path / "folder"
    (folder / "d").mkdir(parents=True)
    (folder / "d" / "old").write_bytes(b"old")
    (folder / "d" / "kept").write_bytes(b"kept")
    assert extract_archive(tmp_path / "archive", folder)
    content = {path.name: path.read_bytes() for path in (folder / "d").iterdir()}
    assert content == {"new": b"new", "old": b"replaced", "kept": b"kept"}
    assert [path.name for path in folder.iterdir()] == ["d"]


@pytest.mark.parametrize(
    "formats, done",
    [("auto", True), ("tar", True), (["zip", "tar"], True), ("zip", False), (None, False)],
)
def test_formats(formats, done, tmp_path):
    (tmp_path / "archive").write_bytes(tar_with(GOOD))
    assert extract_archive(tmp_path / "archive", tmp_path / "folder", formats) is done
    assert (tmp_path / "folder" / "good.txt").exists() is done


def test_unknown_format(tmp_path):
    with pytest.raises(ValueError, match="'rar'"):
        extract_archive(tmp_path / "archive", tmp_path, "rar")
