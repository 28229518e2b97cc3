"""A device joins as a person would let it: claim, QR code, agent, certificate, revocation; secrets stay out of every log.

    enrol_test.py    with .build/release/{martlet,martlet-agent}, mosquitto and openssl
"""
import json
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import zxingcpp

from programs import PROGRAMS

PATIENCE = 60


class Site:
    """`martlet serve` on a folder, and its command line."""

    def __init__(self, folder):
        self.folder = folder
        self.log = folder / "serve.log"
        self.process = subprocess.Popen(
            [PROGRAMS / "martlet", "serve", "--data", folder / "data", "--http-port", "0", "--init-keys", "a,b"],
            stdout=self.log.open("wb"), stderr=subprocess.STDOUT)
        self.url = wait(lambda: re.search(r"console and API at (\S+)", self.log.read_text()), "the controller").group(1)

    def martlet(self, *words, fails=False):
        done = subprocess.run(
            [PROGRAMS / "martlet", *words, "--url", self.url, "--token-file", self.folder / "data" / "admin.token"],
            capture_output=True, text=True)
        assert (done.returncode != 0) == fails, f"{words}: {done.returncode} {done.stdout} {done.stderr}"
        return done.stdout

    def json(self, *words):
        return json.loads(self.martlet(*words, "--json"))

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def wait(question, what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if answer := question():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {PATIENCE} s")


def decode(svg):
    """What a foreign reader sees in the picture."""
    picture = xml.etree.ElementTree.fromstring(svg.read_text())
    side = int(picture.get("viewBox").split()[2])
    pixels = np.full((side, side), 255, np.uint8)
    path = picture.find("{http://www.w3.org/2000/svg}path").get("d")
    for column, row in re.findall(r"M(\d+) (\d+)h1", path):
        pixels[int(row), int(column)] = 0
    found = zxingcpp.read_barcodes(np.ascontiguousarray(np.kron(pixels, np.ones((4, 4), np.uint8))))
    assert len(found) == 1, f"{len(found)} codes in {svg}"
    return found[0].text


def enrol(claim, identity, fails=False):
    done = subprocess.run(
        [PROGRAMS / "martlet-agent", "enrol", "--claim", "-", "--identity", identity], input=claim + "\n",
        capture_output=True, text=True)
    assert (done.returncode != 0) == fails, f"{done.returncode} {done.stdout} {done.stderr}"
    return done.stdout + done.stderr


def run(site, folder):
    svg = folder / "claim.svg"
    made = site.json("device", "claim", "press-7", "--tag", "side=R", "--station", "cell-4", "--svg", svg)
    claim = made["text"]
    assert decode(svg) == claim, "the QR code says something else than the claim"
    assert svg.stat().st_mode & 0o777 == 0o600
    secret = claim.split("#")[1].split(".")[1]

    identity = folder / "press-7"
    output = enrol(claim, identity)
    assert {path.name for path in identity.iterdir()} == {
        "ca.pem", "cert.pem", "device.conf", "key.pem", "root.pub", "signing.pem"}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in identity.iterdir())
    subprocess.run(
        ["openssl", "verify", "-CAfile", identity / "ca.pem", "-purpose", "sslclient", identity / "cert.pem"], check=True,
        capture_output=True)
    subject = subprocess.run(
        ["openssl", "x509", "-in", identity / "cert.pem", "-noout", "-subject"], check=True, capture_output=True, text=True)
    assert subject.stdout.strip().replace(" ", "") == "subject=CN=press-7", subject.stdout

    # The agent connects with it, and another key gets nothing for the same claim.
    agent_log = folder / "agent.log"
    agent = subprocess.Popen(
        [PROGRAMS / "martlet-agent", "--identity", identity, "--data", folder / "state"], stderr=agent_log.open("wb"))
    try:
        wait(lambda: site.json("device", "show", "press-7")["online"], "the device online")
        output += enrol(claim, folder / "thief", fails=True)
        alerts = site.json("alert", "list")["items"]
        assert any(a["kind"] == "identity" and a["severity"] == "critical" and a["action"] for a in alerts), alerts

        # A new device takes its place; the old one's live session ends, and it is turned away.
        enrol(site.json("device", "claim", "press-8")["text"], folder / "press-8")
        start = time.monotonic()
        site.martlet("device", "replace", "press-7", "--by", "press-8", "--reason", "broken")
        wait(lambda: b"disconnected" in agent_log.read_bytes(), "the old session's end")
        assert time.monotonic() - start < 60
        wait(lambda: b"cannot reach the broker" in agent_log.read_bytes(), "the old device turned away")
        new = site.json("device", "show", "press-8")
        assert new["station"] == "cell-4" and new["tags"] == {"side": "R"}, new
        wait(lambda: any(a["subject"] == "broker" for a in site.json("alert", "list")["items"]), "the broker's alert")
    finally:
        agent.terminate()
        agent.wait(10)

    logs = [output, site.log.read_text(), agent_log.read_text()]
    logs += [path.read_text() for path in (folder / "data" / "broker").glob("*.log")]
    for text in logs:
        assert secret not in text, "the claim's secret is in a log"
        assert "PRIVATE KEY" not in text and "BEGIN CERT" not in text, "a key or certificate is in a log"
        for key in identity.glob("*.pem"):
            assert key.read_text().splitlines()[1] not in text, f"{key.name} is in a log"


def main():
    with tempfile.TemporaryDirectory() as name:
        site = Site(Path(name))
        try:
            run(site, Path(name))
        finally:
            site.stop()
    print("1 passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
