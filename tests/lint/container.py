"""The container's package list is what the binary is linked with, no more and no less. usage: container.py MOLA"""
import os
import re
import subprocess
import sys

from common import ROOT

ALWAYS_THERE = {'libc6', 'libgcc-s1'}


def listed(dockerfile):
    """Packages of the last `apt-get install` in a Dockerfile."""
    command = re.findall(r'apt-get install ([^&]*)&&', dockerfile.replace('\\\n', ' '))[-1]
    return {word for word in command.split() if not word.startswith('-')}


def linked(binary):
    """Packages that own the libraries which the binary itself asks for."""
    needed = re.findall(r'\(NEEDED\).*\[(.+)\]', subprocess.run(['readelf', '-d', binary], check=True, capture_output=True,
                                                               text=True).stdout)
    places = dict(re.findall(r'^\s*(\S+) => (\S+)', subprocess.run(['ldd', binary], check=True, capture_output=True,
                                                                  text=True).stdout, re.M))
    packages = set()
    for library in needed:
        path = os.path.realpath(places.get(library, library))
        either = [path, path.removeprefix('/usr')]  # dpkg knows some by the place before /lib became a link
        owner = subprocess.run(['dpkg', '-S', *either], capture_output=True, text=True).stdout
        packages |= {line.split(':')[0] for line in owner.splitlines()} or {library}
    return packages - ALWAYS_THERE


def main():
    assert listed('RUN apt-get update && apt-get install -y a \\\n b-1 \\\n && rm x') == {'a', 'b-1'}
    with open(os.path.join(ROOT, 'deploy', 'Dockerfile')) as file:
        have = listed(file.read())
    want = linked(sys.argv[1])
    for package in sorted(have ^ want):
        print(f'deploy/Dockerfile: {package} is {"listed, but nothing needs it" if package in have else "missing"}')
    print(f'{len(want)} packages looked at, {len(have ^ want)} problems')
    return 1 if have ^ want or not want else 0


if __name__ == '__main__':
    sys.exit(main())
