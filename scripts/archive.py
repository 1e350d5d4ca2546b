#!/usr/bin/env python3
"""Makes the archives that functions are deployed from.

  archive.py pack BINARIES ARCHIVES --architecture A [--glibc 2.34]   an archive of each function's bootstrap
  archive.py complete ARCHIVES OUT --beside FILE ...                  the same archives with more files beside it

The same content makes the same archive: nothing in it depends on when or where it was made, so what did not change is not
uploaded again. Only Python's own library is needed.
"""

import argparse
import hashlib
import json
import pathlib
import re
import shutil
import sys
import zipfile

BOOTSTRAP = "bootstrap"
MANIFEST = "package.json"
# Of the ELF header: the processors that Lambda has.
MACHINES = {"x86_64": 62, "arm64": 183}


def fail(text):
    sys.exit(text)


def check(binary, content, architecture, glibc):
    """Refuses what would not start on Lambda."""
    if content[:4] != b"\x7fELF":
        fail(f"{binary} is no Linux executable")
    machine = int.from_bytes(content[18:20], "little")
    if machine != MACHINES[architecture]:
        fail(f"{binary} was built for another processor than {architecture} (ELF machine {machine})")
    # The names of the versions that it asks the C library for stand in its string table.
    asked = {tuple(map(int, found)) for found in re.findall(rb"GLIBC_(\d+)\.(\d+)", content)}
    if not asked:
        fail(f"{binary} names no version of glibc: it cannot be told whether it would start")
    newest = max(asked)
    if newest > glibc:
        fail(
            f"{binary} needs glibc {'.'.join(map(str, newest))} and Lambda's provided.al2023 has "
            f"{'.'.join(map(str, glibc))}: it would not start"
        )
    return ".".join(map(str, newest))


def add(archive, name, content, mode):
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = (0o100000 | mode) << 16
    archive.writestr(entry, content, compresslevel=9)


def pack(arguments):
    """One archive for each folder with a bootstrap, and a manifest that says what they are."""
    glibc = tuple(map(int, arguments.glibc.split(".")))
    wanted = sorted(folder.name for folder in arguments.functions.iterdir() if folder.is_dir())
    wanted = [name for name in wanted if arguments.only in (None, name)]
    staged = arguments.archives.with_name(arguments.archives.name + ".new")
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    functions = {}
    for name in wanted:
        binary = arguments.binaries / name / BOOTSTRAP
        if not binary.is_file():
            fail(f"{binary} is missing: function {name} was not built")
        content = binary.read_bytes()
        newest = check(binary, content, arguments.architecture, glibc)
        path = staged / f"{name}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            add(archive, BOOTSTRAP, content, 0o755)
        packed = path.read_bytes()
        functions[name] = {
            "binaryBytes": len(content),
            "zipBytes": len(packed),
            "sha256": hashlib.sha256(packed).hexdigest(),
            "glibc": newest,
        }
        print(f"  {name:<20} {len(content) / 2**20:6.2f} MiB   zip {len(packed) / 2**20:5.2f} MiB   glibc {newest}")
    manifest = {"architecture": arguments.architecture, "functions": functions}
    (staged / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    # In place only when all of it is good.
    shutil.rmtree(arguments.archives, ignore_errors=True)
    staged.rename(arguments.archives)
    total = sum(function["zipBytes"] for function in functions.values())
    print(f"  {len(functions)} functions for {arguments.architecture}, {total / 2**20:.1f} MiB in {arguments.archives}")


def complete(arguments):
    """Copies of the archives with more files in them."""
    manifest = json.loads((arguments.archives / MANIFEST).read_text())
    beside = {path.name: path.read_bytes() for path in arguments.beside}
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in manifest["functions"]:
        copy = arguments.out / f"{name}.zip"
        shutil.copyfile(arguments.archives / f"{name}.zip", copy)
        with zipfile.ZipFile(copy, "a") as archive:
            for file, content in beside.items():
                add(archive, file, content, 0o644)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    packing = commands.add_parser("pack")
    packing.add_argument("binaries", type=pathlib.Path)
    packing.add_argument("archives", type=pathlib.Path)
    packing.add_argument("--functions", type=pathlib.Path, default="functions")
    packing.add_argument("--only")
    packing.add_argument("--architecture", required=True, choices=sorted(MACHINES))
    packing.add_argument("--glibc", default="2.34")
    packing.set_defaults(run=pack)
    completing = commands.add_parser("complete")
    completing.add_argument("archives", type=pathlib.Path)
    completing.add_argument("out", type=pathlib.Path)
    completing.add_argument("--beside", type=pathlib.Path, action="append", default=[])
    completing.set_defaults(run=complete)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
