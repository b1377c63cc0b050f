"""The compile cache: what is kept, and that nothing about the disk can make a run fail or read something false."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guideway import cache as cache_module
from guideway import stamps
from guideway.cache import Cache, default_folder, digest, tree_stamp
from guideway.places import checksum

KEY = "0123456789abcdef"


def entry_file(folder: Path) -> Path:
    (found,) = folder.glob("*.blob")
    return found


def test_what_was_written_is_read(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "deep" / "folder")
    assert cache.read("kind", KEY) is None
    assert cache.write("kind", KEY, b"first")
    assert cache.write("kind", KEY, b"second")
    assert cache.read("kind", KEY) == b"second"
    assert cache.read("other", KEY) is None
    assert cache.write("kind", "empty", b"")
    assert cache.read("kind", "empty") == b""


def test_entries_are_for_their_owner_alone(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "folder")
    cache.write("kind", KEY, b"code")
    assert (tmp_path / "folder").stat().st_mode & 0o077 == 0
    assert entry_file(tmp_path / "folder").stat().st_mode & 0o077 == 0


def test_an_entry_others_could_have_written_is_not_believed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.write("kind", KEY, b"code")
    entry_file(tmp_path).chmod(0o666)
    assert cache.read("kind", KEY) is None


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[:-1], id="cut short"),
        pytest.param(lambda data: data[:5], id="cut in the header"),
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: data + b"x", id="too long"),
        pytest.param(lambda data: data[:-3] + bytes([data[-3] ^ 1]) + data[-2:], id="one bit"),
        pytest.param(lambda data: b"another file format altogether", id="another format"),
    ],
)
def test_a_damaged_entry_is_discarded(tmp_path: Path, damage: object) -> None:
    cache = Cache(tmp_path)
    cache.write("kind", KEY, b"some compiled code")
    path = entry_file(tmp_path)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    assert cache.read("kind", KEY) is None
    assert not path.exists()
    assert cache.write("kind", KEY, b"again")
    assert cache.read("kind", KEY) == b"again"


def test_a_whole_entry_is_read_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path)
    cache.write("kind", KEY, b"some compiled code")
    path = entry_file(tmp_path)
    sums: list[int] = []
    monkeypatch.setattr(stamps, "checksum", lambda data: sums.append(1) or checksum(data))
    assert cache.read("kind", KEY) == b"some compiled code"
    assert not sums
    os.utime(path)  # as a copy has it
    for _ in range(2):
        assert cache.read("kind", KEY) == b"some compiled code"
    assert len(sums) == 1


def test_an_entry_changed_in_place_is_not_believed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.write("kind", KEY, b"some compiled code")
    assert cache.read("kind", KEY) is not None
    with entry_file(tmp_path).open("r+b") as stream:
        stream.seek(-3, os.SEEK_END)
        stream.write(b"!")
    assert cache.read("kind", KEY) is None


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "a\\b", "ä", "a b"])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        Cache(tmp_path).write("kind", name, b"")
    with pytest.raises(ValueError, match="not a name"):
        Cache(tmp_path).read(name, KEY)


def test_a_folder_that_cannot_be_made_means_no_caching(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = Cache(tmp_path / "file" / "cache")
    assert not cache.write("kind", KEY, b"data")
    assert cache.read("kind", KEY) is None
    assert cache.clear() == 0
    assert cache.entries() == []


def test_a_read_only_folder_still_serves(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.write("kind", KEY, b"data")
    os.utime(entry_file(tmp_path), (0, 0))
    tmp_path.chmod(0o500)
    try:
        assert cache.read("kind", KEY) == b"data"
        if os.geteuid() != 0:
            assert not cache.write("kind", "other", b"data")
    finally:
        tmp_path.chmod(0o700)


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, target: str) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(cache_module.os, "replace", refuse)
    assert not Cache(tmp_path).write("kind", KEY, b"data")
    assert list(tmp_path.iterdir()) == []


def test_the_limit_drops_what_was_used_longest_ago(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=1000)
    for age, key in enumerate(["new", "middle", "old"]):
        cache.write("kind", key, b"x" * 250)
        os.utime(tmp_path / f"kind-{key}.blob", (1e9 - age, 1e9 - age))
    assert cache.read("kind", "old") is not None  # used now, so no longer the oldest
    assert cache.write("kind", "more", b"x" * 300)
    assert [name for name, _ in cache.entries()] == ["kind-more.blob", "kind-new.blob", "kind-old.blob"]
    assert not cache.write("kind", "huge", b"x" * 1001)
    assert len(cache.entries()) == 3


def test_what_a_dead_writer_left_goes(tmp_path: Path) -> None:
    dead = tmp_path / f"kind-{KEY}.blob.1.aa.writing"
    alive = tmp_path / f"kind-{KEY}.blob.2.bb.writing"
    for path in (dead, alive):
        path.write_bytes(b"half")
    os.utime(dead, (0, 0))
    assert Cache(tmp_path).write("kind", KEY, b"data")
    assert not dead.exists()
    assert alive.exists()


def test_clear_removes_entries_and_nothing_else(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.write("kind", "a", b"")
    cache.write("kind", "b", b"")
    (tmp_path / "notes.txt").write_text("mine")
    assert cache.clear() == 2
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def _write_often(folder: str, letter: str) -> None:
    cache = Cache(folder)
    for _ in range(60):
        assert cache.write("kind", KEY, letter.encode() * 50_000)


def test_writers_at_once_never_show_a_mixture(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_often, args=(str(tmp_path), letter)) for letter in "ab"]
    cache = Cache(tmp_path)
    cache.write("kind", KEY, b"a" * 50_000)
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        data = cache.read("kind", KEY)
        assert data is not None
        seen.add(data)
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert seen <= {b"a" * 50_000, b"b" * 50_000}
    assert list(tmp_path.glob("*.writing")) == []


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUIDEWAY_CACHE", str(tmp_path))
    assert default_folder() == str(tmp_path)
    for off in ("", "off", " OFF "):
        monkeypatch.setenv("GUIDEWAY_CACHE", off)
        assert default_folder() is None
    monkeypatch.delenv("GUIDEWAY_CACHE")
    if sys.platform.startswith("linux"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert default_folder() == str(tmp_path / "guideway")
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert default_folder() is None


def test_a_key_tells_its_parts_apart() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("a", b"b") == digest("a", "b")


def test_a_key_is_the_same_in_every_process() -> None:
    command = [sys.executable, "-c", "from guideway.cache import digest; print(digest('x', b'y'))"]
    keys = {
        subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in "012"
    }
    assert keys == {digest("x", b"y") + "\n"}


def test_a_stamp_changes_with_each_kind_of_edit(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    file = tmp_path / "sub" / "a.json"
    file.write_text("1")
    os.utime(file, (1e9, 1e9))
    stamps = [tree_stamp(str(tmp_path))]

    def changed() -> bool:
        stamps.append(tree_stamp(str(tmp_path)))
        return stamps[-1] not in stamps[:-1]

    assert not changed()
    (tmp_path / "sub" / ".a.json.swp").write_text("an editor's trace")
    assert not changed()
    os.utime(file, (1e9 + 1, 1e9 + 1))
    assert changed()
    file.write_text("22")
    assert changed()
    file.rename(tmp_path / "a.json")
    assert changed()
    (tmp_path / "b.json").write_text("")
    assert changed()


def test_importing_it_costs_next_to_nothing() -> None:
    code = "import os, zlib, sys, collections.abc; old = set(sys.modules); import guideway.cache; print(*set(sys.modules) - old)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(loaded.stdout.split()) <= {"guideway", "guideway.cache", "guideway.places", "guideway.stamps", "__future__"}
