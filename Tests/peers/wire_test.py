"""Reads Martlet's messages with foreign software: cbor2, pycddl and pycose.

    python wire_test.py [FOLDER]

FOLDER holds what the Swift test `WireSampleExport` wrote; without one the test is run first. Each `RULE.N.cbor` must satisfy the rule of that name in
docs/martlet.cddl, be what cbor2 itself writes canonically, and decode to its JSON twin under the names that the schema
gives to the keys. Each `CONTEXT.cose` must be a COSE_Sign message whose signatures pycose accepts.
"""

import json
import pathlib
import re
import struct
import sys
import tempfile
from collections.abc import Mapping

import cbor2
import pycddl
from pycose.keys import OKPKey
from pycose.messages import SignMessage

from programs import run_swift_tests

ROOT = pathlib.Path(__file__).parents[2]
SCHEMA = (ROOT / "docs" / "martlet.cddl").read_text()
FLOAT_ARRAY = 85
RULE = re.compile(r"^(\w+) = \{\n(.*?)^\}", re.M | re.S)
FIELD = re.compile(r"^\s*\??\s*(\d+) => (.*?),?\s*; (\w+)$", re.M)


def maps():
    """Rule → key → (type, name), read from the schema and the comments behind its keys."""
    return {
        rule: {int(key): (kind, name) for key, kind, name in FIELD.findall(body)}
        for rule, body in RULE.findall(SCHEMA)
    }


def plain(item, rule, rules):
    """A decoded item in JSON's terms, with names for keys."""
    if isinstance(item, dict):
        fields = rules[rule]
        return {fields[key][1]: plain(value, fields[key][0], rules) for key, value in item.items()}
    if isinstance(item, list):
        return [plain(element, rule.strip("[]*0123456789 "), rules) for element in item]
    if isinstance(item, cbor2.CBORTag) and item.tag == FLOAT_ARRAY:
        return [plain(value, "", rules) for (value,) in struct.iter_unpack("<f", item.value)]
    if isinstance(item, bytes):
        return item.hex()
    if isinstance(item, float) and item in (float("inf"), float("-inf")):
        return str(item)
    return item


def same(found, expected, place):
    """Compares; floats of 32 bits appear in JSON in their shortest decimal form."""
    if isinstance(expected, dict):
        assert isinstance(found, dict) and found.keys() == expected.keys(), f"{place}: {found} / {expected}"
        for name, value in expected.items():
            same(found[name], value, f"{place}.{name}")
    elif isinstance(expected, list):
        assert isinstance(found, list) and len(found) == len(expected), f"{place}: {found} / {expected}"
        for index, value in enumerate(expected):
            same(found[index], value, f"{place}[{index}]")
    elif isinstance(expected, float):
        assert isinstance(found, float) and abs(found - expected) <= 1e-6 * abs(expected), f"{place}: {found}"
    else:
        assert type(found) is type(expected) and found == expected, f"{place}: {found!r} / {expected!r}"


def check_message(path, rules):
    rule = path.name.split(".")[0]
    encoded = path.read_bytes()
    schema = pycddl.Schema(f"start = {rule}\n{SCHEMA}")
    schema.validate_cbor(encoded)
    decoded = cbor2.loads(encoded)
    assert cbor2.dumps(decoded, canonical=True) == encoded, f"{path.name}: cbor2 writes it otherwise"
    same(plain(decoded, rule, rules), json.loads(path.with_suffix(".json").read_text()), rule)
    check_schema_is_strict(schema, decoded, path)


def check_schema_is_strict(schema, decoded, path):
    """A schema that takes anything would prove nothing: a wrong type under any key must be refused."""
    for key in decoded:
        try:
            schema.validate_cbor(cbor2.dumps({**decoded, key: cbor2.undefined}))
        except pycddl.ValidationError:
            continue
        raise AssertionError(f"{path.name}: the schema takes anything under key {key}")


def mutable(item):
    """Lists and dictionaries, which pycose insists on, for what cbor2 6 gives within a tag."""
    if isinstance(item, (list, tuple)):
        return [mutable(element) for element in item]
    return dict(item) if isinstance(item, Mapping) else item


def check_signed(path):
    encoded = path.read_bytes()
    pycddl.Schema(f"start = signed\n{SCHEMA}").validate_cbor(encoded)
    for header, _, _ in cbor2.loads(encoded).value[3]:
        pycddl.Schema(f"start = signatureHeader\n{SCHEMA}").validate_cbor(header)
    about = json.loads(path.with_suffix(".keys").read_text())
    tagged = cbor2.loads(encoded)
    assert tagged.tag == SignMessage.cbor_tag
    message = SignMessage.from_cose_obj(mutable(tagged.value), allow_unknown_attributes=False)
    assert len(message.signers) == len(about["keys"]) == 2
    for signer in message.signers:
        key_id = next(value for header, value in signer.phdr.items() if header.fullname == "KID")
        signer.key = OKPKey(crv="ED25519", x=bytes.fromhex(about["keys"][key_id.hex()]))
        signer.external_aad = about["context"].encode()
        assert signer.verify_signature(), f"{path.name}: signature by {key_id.hex()}"
        signer.external_aad = b"martlet/v1/other"
        assert not signer.verify_signature(), f"{path.name}: the signature holds for another context"


def export(folder):
    run_swift_tests("WireSampleExport", {"MARTLET_WIRE_SAMPLES_OUT": str(folder)})


def check(folder):
    rules = maps()
    messages = sorted(folder.glob("*.cbor"))
    signed = sorted(folder.glob("*.cose"))
    assert len({path.name.split(".")[0] for path in messages}) == 17, f"message kinds in {folder}: {messages}"
    assert len(signed) == 5, f"signed messages in {folder}: {signed}"
    for path in messages:
        check_message(path, rules)
    for path in signed:
        check_signed(path)
    print(f"{len(messages) + len(signed)} passed, 0 failed")


def main():
    if len(sys.argv) > 1:
        check(pathlib.Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        export(folder)
        check(pathlib.Path(folder))


if __name__ == "__main__":
    main()
