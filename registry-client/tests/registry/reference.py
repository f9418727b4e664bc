"""Reads a registry with the reference implementation of TUF, as any client would.

reference.py REGISTRY ROOT WORK: starts from the root in the file ROOT, follows the lists,
downloads and verifies every target, and prints what it believes as JSON.
"""

import json
import pathlib
import sys
from urllib.parse import unquote, urlparse

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface


class Folder(FetcherInterface):
    """Files instead of a server."""

    def _fetch(self, url):
        path = pathlib.Path(unquote(urlparse(url).path))
        if not path.is_file():
            raise DownloadHTTPError("not there", 404)
        yield path.read_bytes()


registry, root, work = (pathlib.Path(argument).absolute() for argument in sys.argv[1:4])
(work / "metadata").mkdir()
(work / "targets").mkdir()
updater = Updater(
    metadata_dir=str(work / "metadata"),
    metadata_base_url=(registry / "metadata").as_uri() + "/",
    target_dir=str(work / "targets"),
    target_base_url=(registry / "targets").as_uri() + "/",
    fetcher=Folder(),
    bootstrap=root.read_bytes(),
)
updater.refresh()
lists = {name: json.loads((work / "metadata" / f"{name}.json").read_bytes())["signed"] for name in ("root", "timestamp", "snapshot", "targets")}
digests = {}
for name in lists["targets"]["targets"]:
    info = updater.get_targetinfo(name)
    updater.download_target(info)
    digests[name] = info.hashes["sha256"]
print(json.dumps({"versions": {name: signed["version"] for name, signed in lists.items()}, "targets": digests}))
