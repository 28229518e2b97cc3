"""Holds the lines of `martlet model check --json` (standard input) to the lists beside this file.

exceptions.txt  cases that will not pass, each with its reason: at most MAXIMUM_EXCEPTIONS
pending.txt     cases that do not pass yet

Both may only shrink: a case on a list that passes fails this test until it is taken off. `judge.py --pending` prints what
does not pass and is no exception.
"""
import json
import pathlib
import sys

MAXIMUM_EXCEPTIONS = 5
HERE = pathlib.Path(__file__).parent


def listed(name):
    lines = (HERE / name).read_text().splitlines()
    return dict((line.split(None, 1) + [""])[:2] for line in lines if line and not line.startswith("#"))


def main():
    results = [json.loads(line) for line in sys.stdin]
    exceptions, pending = listed("exceptions.txt"), listed("pending.txt")
    if sys.argv[1:] == ["--pending"]:
        print("\n".join(sorted(r["case"] for r in results if r["status"] != "pass" and r["case"] not in exceptions)))
        return 0
    faults = []
    if len(exceptions) > MAXIMUM_EXCEPTIONS:
        faults.append(f"exceptions.txt has {len(exceptions)} cases, at most {MAXIMUM_EXCEPTIONS} are allowed")
    faults += [f"exceptions.txt gives no reason for {case}" for case, reason in exceptions.items() if not reason]
    seen = {result["case"] for result in results}
    faults += [f"{case} is listed, and no such case was run" for case in [*exceptions, *pending] if case not in seen]
    passed = 0
    for result in results:
        case, is_listed = result["case"], result["case"] in exceptions or result["case"] in pending
        if result["status"] == "pass":
            passed += 1
            if is_listed:
                faults.append(f"{case} passes: take it off the list")
        elif not is_listed:
            faults.append(f"{case}: {result['status']}: {result['reason']}")
    print("\n".join(f"FAILED {fault}" for fault in faults))
    print(f"{len(results)} cases: {len(exceptions)} exceptions, {len(pending)} pending")
    print(f"{passed} passed, {len(faults)} failed")
    return 1 if faults or not results else 0


if __name__ == "__main__":
    sys.exit(main())
