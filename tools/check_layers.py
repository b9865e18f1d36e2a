#!/usr/bin/env python3
"""Holds every include under src/ and include/ against tools/layers.txt.

Finds: an edge the table does not allow, an unknown layer, an include that leads nowhere, an
internal header included by an installed one, and cycles among files.
Usage: check_layers.py [--root DIR]; exit status 0 fine, 1 findings, 2 wrong use.
"""
import argparse
import os
import re
import sys

import source_tree

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]')


def read_layers(path):
    """{layer: set of layers it may include}; raises ValueError with the line number."""
    layers = {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.split("#")[0].strip()
            if not line:
                continue
            name, colon, allowed = line.partition(":")
            if not colon or not name.strip().isidentifier() or name.strip() in layers:
                raise ValueError(f"{path}:{number}: expected `layer: allowed layers`, once a layer")
            layers[name.strip()] = set(allowed.split())
    for name, allowed in layers.items():
        for other in allowed - {"all"}:
            if other not in layers:
                raise ValueError(f"{path}: {name} may include {other}, which is no layer")
    find_layer_cycle(path, layers)
    return layers


def find_layer_cycle(path, layers):
    """The table itself must be a hierarchy; `all` belongs to a top that nobody may include."""
    graph = {name: sorted(allowed - {"all"}) for name, allowed in layers.items()}
    cycle = find_cycle(graph)
    if cycle:
        raise ValueError(f"{path}: the table has a cycle: {' -> '.join(cycle)}")


def layer_of(path):
    """The layer of a path such as src/net/loop.h; None outside src/ and include/."""
    parts = path.split("/")
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    if parts[:2] == ["include", "finack"]:
        return parts[2] if len(parts) > 3 else "app"  # include/finack/finack.h is the facade's
    return None


def find_cycle(graph):
    """One cycle of {node: successors} as a list that ends where it starts, or None."""
    done, active, trail = set(), set(), []

    def visit(node):
        if node in active:
            return trail[trail.index(node):] + [node]
        if node in done or node not in graph:
            return None
        active.add(node)
        trail.append(node)
        for successor in graph[node]:
            cycle = visit(successor)
            if cycle:
                return cycle
        active.discard(node)
        trail.pop()
        done.add(node)
        return None

    for node in sorted(graph):
        cycle = visit(node)
        if cycle:
            return cycle
    return None


def resolve(target, known):
    """The project file an include means, or None for a system or third-party header."""
    for candidate in (f"include/{target}", f"src/{target}"):
        if candidate in known:
            return candidate
    return None


def check_include(path, kind, target, known, layers):
    """(project file or None, finding or None) of one include line."""
    own = layer_of(path)
    found = resolve(target, known)
    if not found:
        if kind == '"' or target.startswith("finack/"):
            return None, f'"{target}" leads nowhere: include by full path from src/ or include/'
        return None, None
    other = layer_of(found)
    if path.startswith("include/") and not found.startswith("include/"):
        return found, f"an installed header includes the internal {found}"
    allowed = layers.get(own, set())
    if other != own and other in layers and "all" not in allowed and other not in allowed:
        may = " ".join(sorted(allowed)) or "nothing"
        return found, f"{own} must not include {other} ({found}); it may include: {may}"
    return found, None


def check(root, layers):
    """Every finding, as `file:line: what is wrong`."""
    files = [f for f in source_tree.list_files(root)
             if f.endswith((".h", ".cpp", ".def")) and f.startswith(("src/", "include/"))]
    known, graph, findings = set(files), {}, []
    for path in files:
        own = layer_of(path)
        if own is None:
            findings.append(f"{path}:1: a source file belongs into the folder of a layer")
            continue
        if own not in layers:
            findings.append(f"{path}:1: unknown layer {own}: it has no line in tools/layers.txt")
        graph[path] = []
        text = source_tree.read_text(root, path) or ""
        for number, line in enumerate(text.split("\n"), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            found, finding = check_include(path, match[1], match[2], known, layers)
            if found:
                graph[path].append(found)
            if finding:
                findings.append(f"{path}:{number}: {finding}")
    cycle = find_cycle(graph)
    if cycle:
        findings.append(f"{cycle[0]}:1: include cycle: {' -> '.join(cycle)}")
    return findings


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--root", default=os.path.dirname(here))
    args = parser.parse_args()
    try:
        layers = read_layers(os.path.join(args.root, "tools/layers.txt"))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    findings = check(args.root, layers)
    for finding in findings:
        print(finding)
    print(f"layers: {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
