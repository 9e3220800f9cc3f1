#!/usr/bin/env python3
"""Cycles between the files of a crate: files that need each other can only be understood, tested and moved together.

cycles.py    fails where a crate has one, and prints the files of each and what each needs

A re-export isn't a need: whoever uses the name needs the file that defines it. Tests don't count.
"""
import re
import sys
from pathlib import Path

CRATES = Path(__file__).parent.parent / "crates"

USE = re.compile(r"\b(pub(?:\([^)]*\))? )?use ([^;]+);")
PATH = re.compile(r"\b((?:crate|super|self|[a-z_]\w*)(?:::\w+)+)")


def code(text):
    """A file without its tests, comments and texts."""
    text = re.split(r"#\[cfg\(test\)\]\s*(?:pub )?mod ", text)[0]
    return re.sub(r'"(?:\\.|[^"\\])*"', '""', re.sub(r"//.*", "", text))


def paths(tree, prefix=()):
    """Every path of a use tree, and the name that it has here."""
    items, depth, item = [], 0, ""
    for char in tree:
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 0:
            items.append(item)
            item = ""
        else:
            item += char
    for item in filter(None, (one.strip() for one in [*items, item])):
        head, brace, rest = item.partition("{")
        if brace:
            yield from paths(rest.rsplit("}", 1)[0], prefix + tuple(filter(None, head.strip().split("::"))))
            continue
        path, _, alias = item.partition(" as ")
        whole = prefix + tuple(filter(None, path.strip().split("::")))
        if whole[-1] == "self":
            whole = whole[:-1]
        yield alias.strip() or whole[-1], whole


class Crate:
    """The files of a crate as modules, by path; the root is `()`."""

    def __init__(self, folder):
        self.code, self.exports = {}, {}
        for file in sorted(folder.rglob("*.rs")):
            parts = file.relative_to(folder).with_suffix("").parts
            if "tests" in parts or file.name == "fixtures.rs":
                continue
            self.code[parts[:-1] if parts[-1] in ("mod", "lib", "main") else parts] = code(file.read_text())
        for module, text in self.code.items():
            self.exports[module] = {name: path for public, tree in USE.findall(text) if public for name, path in paths(tree)}

    def find(self, module, path, seen=()):
        """The module that defines what `path` means in `module`; `None` where that is another crate's."""
        path = list(path)
        if path[0] == "crate":
            here, path = (), path[1:]
        elif path[0] in ("self", "super"):
            here = module
            while path and path[0] in ("self", "super"):
                here, path = (here[:-1] if path[0] == "super" else here), path[1:]
        elif module + (path[0],) in self.code:
            here = module
        else:
            return None
        while path and here + (path[0],) in self.code:
            here, path = here + (path[0],), path[1:]
        export = self.exports.get(here, {}).get(path[0]) if path else None
        if export and (here, path[0]) not in seen:
            return self.find(here, (*export, *path[1:]), (*seen, (here, path[0])))
        return here if here in self.code else None

    def needs(self):
        """What each module needs."""
        found = {}
        for module, text in self.code.items():
            used = [path for public, tree in USE.findall(text) if not public for _, path in paths(tree)]
            used += [tuple(path.split("::")) for path in PATH.findall(USE.sub("", text))]
            found[module] = {self.find(module, path) for path in used} - {module, None}
        return found


def cycles(needs):
    """Sets of modules that need each other, by Tarjan's algorithm."""
    index, low, stack, found = {}, {}, [], []

    def visit(module):
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in needs[module]:
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            cycle = stack[stack.index(module):]
            del stack[-len(cycle):]
            if len(cycle) > 1:
                found.append(sorted(cycle))
    for module in needs:
        if module not in index:
            visit(module)
    return sorted(found, key=len)


def main():
    sys.setrecursionlimit(10_000)
    wrong, files = False, 0
    for folder in sorted(CRATES.iterdir()):
        crate = Crate(folder / "src")
        needs, files = crate.needs(), files + len(crate.code)
        for cycle in cycles(needs):
            wrong = True
            print(f"{folder.name}: {len(cycle)} files need each other", file=sys.stderr)
            for module in cycle:
                others = sorted("::".join(m) or "lib" for m in needs[module] if m in cycle)
                print(f"  {'::'.join(module) or 'lib'} needs {', '.join(others)}", file=sys.stderr)
    sys.exit("too few files were found" if files < 200 else wrong)


if __name__ == "__main__":
    main()
