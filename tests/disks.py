"""Disks that stop in the middle of a run, as a killed program's or a machine without power does."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from partnercenter_async.export.disk import Disk


class StoppedError(Exception):
    """The machine has stopped; nothing that is still called has any effect on the disk."""


class StoppingDisk(Disk):
    """Stops before, in the middle of or after a step: at the point with a number, or once a file is synced so often."""

    def __init__(self, stop_at: int | None = None, *, synced: tuple[str, int] | None = None) -> None:
        self.steps: list[str] = []
        self.stopped = False
        self._stop_at = stop_at
        self._synced = (f"sync {synced[0]}", synced[1]) if synced else ("", -1)
        self._points = 0

    def _point(self) -> None:
        if self.stopped or self._points == self._stop_at or self.steps.count(self._synced[0]) == self._synced[1]:
            self.stopped = True
            raise StoppedError
        self._points += 1

    def _step(self, name: str, path: Path, act: Callable[[], None], source: Path | None = None) -> None:
        self._point()
        act()
        self.steps.append(f"{name} {path.name}")
        self.happened(name, path, source)
        self._point()

    def happened(self, name: str, path: Path, source: Path | None) -> None:
        """Keep in mind what a step did."""

    def open(self, path: Path, length: int | None = 0) -> BinaryIO:
        opened: list[BinaryIO] = []
        try:
            self._step("open", path, lambda: opened.append(Disk.open(self, path, length)))
        except StoppedError:
            for file in opened:
                file.close()
            raise
        return opened[0]

    def cut(self, file: BinaryIO, length: int) -> None:
        self._step("cut", Path(file.name), lambda: Disk.cut(self, file, length))

    def write(self, file: BinaryIO, data: bytes) -> None:
        half = len(data) // 2
        self._step("write", Path(file.name), lambda: Disk.write(self, file, data[:half]))
        self._step("write", Path(file.name), lambda: Disk.write(self, file, data[half:]))

    def sync(self, file: BinaryIO) -> None:
        self._step("sync", Path(file.name), lambda: None)

    def rename(self, source: Path, target: Path) -> None:
        self._step("rename", target, lambda: Disk.rename(self, source, target), source)

    def share(self, path: Path, target: Path, mode: int) -> None:
        self._step("share", path, lambda: Disk.share(self, path, target, mode))

    def remove(self, path: Path) -> None:
        self._step("remove", path, lambda: Disk.remove(self, path))

    def remove_folder(self, path: Path) -> None:
        self._step("remove folder", path, lambda: Disk.remove_folder(self, path))

    def make_folder(self, path: Path) -> None:
        self._step("make folder", path, lambda: Disk.make_folder(self, path))

    def sync_folder(self, path: Path) -> None:
        self._step("sync folder", path, lambda: None)


class Node:
    """A file, whatever it is called, and what of it would be there after the power came back."""

    def __init__(self, durable: bytes) -> None:
        self.durable = durable


class PowerlessDisk(StoppingDisk):
    """Loses with its power what was not synced: contents of files, names in folders, or both."""

    def __init__(self, folder: Path, stop_at: int | None = None) -> None:
        super().__init__(stop_at)
        self._folder = folder
        self._names = {path: Node(content) for path, content in self._contents().items()}
        self._durable_names = dict(self._names)
        self._removed: list[Path] = []

    def _contents(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self._folder.rglob("*") if path.is_file()}

    def happened(self, name: str, path: Path, source: Path | None) -> None:
        if name == "open":
            self._names.setdefault(path, Node(b""))
        elif name == "sync":
            self._names[path].durable = path.read_bytes()
        elif name == "rename" and source is not None:
            self._names[path] = self._names.pop(source)
        elif name == "remove":
            self._names.pop(path, None)
        elif name == "remove folder":
            self._removed.append(path)
        elif name == "sync folder":  # of the only one that folders are removed from, or of one in it
            gone = [path, *self._removed]
            others = {each: node for each, node in self._durable_names.items() if each.parent not in gone}
            self._durable_names = others | {each: node for each, node in self._names.items() if each.parent == path}

    def lose(self, *, names: bool, contents: bool) -> None:
        """Let the power go: what was not synced of names, of contents, or of both is as it was at the last sync."""
        current = self._contents()
        now = {node: current[path] for path, node in self._names.items()}
        for path in current:
            path.unlink()
        for path, node in (self._durable_names if names else self._names).items():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(node.durable if contents else now.get(node, node.durable))
