"""The peers: servers of our own making over the same database, as peers.json lists them."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.failure import BenchError
from bench.questions import QUESTIONS, Question
from bench.subject import Subject, python

PEERS = Path(__file__).with_name("peers")


def peers() -> list[Subject]:
    """Return every peer that is listed."""
    listed = PEERS / "peers.json"
    return [_peer(told) for told in json.loads(listed.read_text("utf-8"))] if listed.exists() else []


def install() -> None:
    """Install what the peers need, once, as locked."""
    lock, installed = PEERS / "package-lock.json", PEERS / "node_modules" / ".package-lock.json"
    if not lock.exists() or (installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime):
        return
    try:
        command = [shutil.which("npm") or "npm", "ci", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=PEERS, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        why = getattr(error, "stderr", None) or error
        raise BenchError(f"The peers' packages cannot be installed (npm is needed): {why}") from error


def _peer(told: Mapping[str, Any]) -> Subject:
    first, *rest = told["command"]
    command = python(*rest) if first == "python" else (first, *rest)
    return Subject(told["name"], command, folder=PEERS, questions={n: _question(q, told) for n, q in QUESTIONS.items()})


def _question(question: Question, told: Mapping[str, Any]) -> Question:
    return replace(
        question,
        document=told.get("questions", {}).get(question.name, question.document),
        reshape=told.get("reshape", {}).get(question.name, {}),
        bare=told.get("ids") == "bare",
    )
