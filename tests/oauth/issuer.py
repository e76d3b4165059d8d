"""An issuer that is not ours, as a process that ends with this one."""

import json
import select
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from tests.embedded import free_port
from tests.oauth.node import BARE, FOLDER, PROGRAM, NodeError


class Issuer:
    """An `oidc-provider`, which is told what to be (`node/issuer.mjs`)."""

    def __init__(self, process: subprocess.Popen[str], errors: IO[str]) -> None:
        self._process, self._errors = process, errors
        self.url = ""

    def tell(self, **changed: Any) -> list[str]:
        """Change what it is; give the ids of the keys that it publishes for its algorithm, the signing one first."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(changed) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        self.url = answer["issuer"]
        return list(answer["kids"])

    def _answer(self) -> dict[str, Any]:
        out = self._process.stdout
        assert out
        ready, _, _ = select.select([out], [], [], 30)
        if line := out.readline() if ready else "":
            return dict(json.loads(line))
        self._errors.seek(0)
        raise NodeError(f"The issuer does not answer: {self._errors.read()}")


@contextmanager
def running(**told: Any) -> Iterator[Issuer]:
    """Have an issuer on a free port; it is gone in the end, whatever happens."""
    command = [str(PROGRAM), "issuer.mjs"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, cwd=FOLDER, env=BARE, stderr=errors, **pipes) as process,
    ):
        try:
            issuer = Issuer(process, errors)
            issuer.tell(port=free_port(), **told)
            yield issuer
        finally:
            process.kill()
