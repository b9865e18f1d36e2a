"""The files of the tree that the house checks look at; python3 standard library only."""
import os
import subprocess

SKIPPED_FOLDERS = {".git", "build", ".cache", "node_modules", "__pycache__"}


def list_files(root):
    """Tracked and untracked files, ignored ones left out; paths relative to root, sorted."""
    try:
        out = subprocess.run(
            ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            check=True, capture_output=True).stdout
        inside = subprocess.run(["git", "-C", root, "rev-parse", "--show-toplevel"],
                                check=True, capture_output=True, text=True).stdout.strip()
        if os.path.realpath(inside) == os.path.realpath(root):
            names = {os.fsdecode(name) for name in out.split(b"\0") if name}
            return sorted(n for n in names if os.path.isfile(os.path.join(root, n)))
    except (OSError, subprocess.CalledProcessError):
        pass
    return walk_files(root)


def walk_files(root):
    """The same for a tree that is not a git work tree (a tarball, a fixture)."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [f for f in folders if f not in SKIPPED_FOLDERS]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in files]
    return sorted(found)


def read_text(root, path):
    """The text of a file, line ends untouched; None for binary files."""
    with open(os.path.join(root, path), "rb") as file:
        data = file.read()
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def is_cpp(path):
    return path.endswith((".h", ".cpp"))
