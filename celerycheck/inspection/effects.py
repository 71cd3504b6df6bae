"""What importing the project does to the world outside: connections, look-ups, processes, files.

Nothing is held back; it is told, with the line of the project's own that led to it.
"""

from __future__ import annotations

import os
import socket
import sys
from types import FrameType
from typing import Any, Callable, Dict, List, Optional, Tuple

from celerycheck.credentials import masked_text
from celerycheck.inspection.places import Places, own_caller
from celerycheck.subjects import Note

Place = Tuple[str, int]

SENTENCES = {
    "connection": "importing the app opened a connection to {}",
    "look-up": "importing the app looked up the address of {}",
    "process": "importing the app started the process {}",
    "file": "importing the app opened {} for writing",
}
"""What is told, by kind and in this order."""

MOST = 5
"""How many of a kind are told one by one."""

LOCAL = ("", "localhost", "localhost.localdomain", "ip6-localhost", "0.0.0.0")  # noqa: S104  # no binding


class Effects:
    """Notes the first line of the project's for each address, process and file."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._seen: Dict[Tuple[str, str], Place] = {}
        self._names: Dict[Place, str] = {}
        self._watching = False
        self._readers: Dict[str, Callable[..., Optional[Tuple[str, str]]]] = {
            "socket.connect": self._connection,
            "socket.getaddrinfo": self._look_up,
            "socket.gethostbyname": self._look_up,
            "subprocess.Popen": self._process,
            "os.system": self._command,
            "open": self._file,
        }

    def install(self) -> None:
        """Watch from now on; a hook cannot be taken away, only told to look no longer."""
        self._watching = True
        sys.addaudithook(self._hook)

    def stop(self) -> None:
        """What happens from now on is no longer the import's doing."""
        self._watching = False

    def _hook(self, event: str, args: Tuple[Any, ...]) -> None:
        reader = self._readers.get(event)
        if reader is None or not self._watching:
            return
        try:
            found = reader(*args)
            if found is not None:
                self._note(*found)
        except Exception:  # noqa: BLE001, S110  # what a hook raises would stop the user's own call
            pass

    def _note(self, kind: str, what: str) -> None:
        place = own_caller(self._places)
        if place is None:
            return
        if kind == "look-up":
            self._names[place] = what
        elif kind == "connection" and place in self._names:
            # The name says more than the address it was resolved to.
            what = f"{self._names[place]}:{what.rpartition(':')[2]}"
        self._seen.setdefault((kind, what), place)

    def _connection(self, sock: Any, address: Any) -> Optional[Tuple[str, str]]:
        if isinstance(address, tuple) and sock.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        return "connection", address_text(address)

    def _look_up(self, host: Any, *_: Any) -> Optional[Tuple[str, str]]:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if not isinstance(name, str) or name.lower() in LOCAL or is_address(name):
            return None
        return None if name == socket.gethostname() else ("look-up", name)

    def _process(self, executable: Any, args: Any, *_: Any) -> Optional[Tuple[str, str]]:
        first = executable or (args if isinstance(args, (str, bytes)) else args[0])
        return "process", os.path.basename(os.fsdecode(first))

    def _command(self, command: Any) -> Optional[Tuple[str, str]]:
        return "process", os.path.basename(os.fsdecode(command).split()[0])

    def _file(self, path: Any, _mode: Any, flags: Any) -> Optional[Tuple[str, str]]:
        if isinstance(path, int) or not flags & (os.O_WRONLY | os.O_RDWR):
            return None
        name = os.path.abspath(os.fsdecode(path))
        if ".pyc" in os.path.basename(name) or name.startswith(("/dev/", "/proc/")) or name == os.devnull:
            return None
        if inside("_get_default_tempdir"):
            return None  # Python tries out where temporary files can be written
        inner = self._places.relative(name)
        return "file", name if inner.startswith("..") else inner

    def notes(self) -> List[Note]:
        """One note for each, in the order of their kinds; many of a kind are counted."""
        connected = {place for (kind, _), place in self._seen.items() if kind == "connection"}
        notes: List[Note] = []
        for wanted, sentence in SENTENCES.items():
            found = [(what, place) for (kind, what), place in list(self._seen.items()) if kind == wanted]
            if wanted == "look-up":
                found = [(what, place) for what, place in found if place not in connected]
            shown = found if len(found) <= MOST + 1 else found[:MOST]
            notes += [
                Note(masked_text(sentence.format(what)), self._places.location(*place))
                for what, place in shown
            ]
            if len(found) > len(shown):
                notes.append(Note(f"and {len(found) - len(shown)} more {plural(wanted)}"))
        return notes


def plural(kind: str) -> str:
    return "processes" if kind == "process" else f"{kind}s"


def inside(function: str) -> bool:
    """Whether a function of that name is on the stack."""
    frame: Optional[FrameType] = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == function:
            return True
        frame = frame.f_back
    return False


def is_address(text: str) -> bool:
    """Whether it is an IP address, which needs no look-up."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
        except OSError:
            continue
        return True
    return False


def address_text(address: object) -> str:
    """`host:port` of a socket address, or the path of a local one."""
    if isinstance(address, tuple) and len(address) >= 2:
        return f"{address[0]}:{address[1]}"
    return address.decode("utf-8", "replace") if isinstance(address, bytes) else str(address)
