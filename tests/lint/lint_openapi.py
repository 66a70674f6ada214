#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/openapi.yaml has every route of receiver/route.c, and no other; and says the truth about who may call it.

The file keeps to a plain layout (two spaces a level), so that this needs no parser of YAML; if there is one, it is asked too.
"""
import os
import re
import sys

root = os.environ.get("SL_SOURCE", ".")
text = open(os.path.join(root, "docs", "openapi.yaml")).read()
source = open(os.path.join(root, "receiver", "route.c")).read()
source = source[source.index("sl_routes[] = {"):source.index("{.method = NULL}")]
bad = []


def plain(path):
    return re.sub(r"\{[^}]*\}", "{}", path)


routes = {}
for method, prefix, suffix, access in re.findall(
        r'\{"([A-Z]+)", "([^"]+)", (NULL|"[^"]*"), SL_ACCESS_(\w+), SL_ROUTE_\w+\}', source):
    path = prefix + ("{}" if prefix.endswith("/") else "") + ("" if suffix == "NULL" else suffix.strip('"'))
    routes[method, path] = access
if len(routes) != source.count("SL_ROUTE_"):
    bad.append(f"receiver/route.c: {len(routes)} routes are understood, {source.count('SL_ROUTE_')} are there")

told, path, method = {}, None, None
body = text[text.index("\npaths:\n"):text.index("\ncomponents:\n")]
for line in body.splitlines():
    found = re.match(r"  (/\S*):$", line)
    if found:
        path, method = plain(found[1]), None
        continue
    found = re.match(r"    (get|head|post|put|patch|delete|options):$", line)
    if found:
        method = found[1].upper()
        told[method, path] = []
    elif method and re.match(r"      \S", line):
        told[method, path].append(line.strip())
        last = line.strip()
    elif method and re.match(r"        - (ticket): \[\]$", line) and last == "security:":
        told[method, path].append("ticket")

for method, path in sorted(routes.keys() - told.keys()):
    bad.append(f"docs/openapi.yaml: {method} {path} is missing")
for method, path in sorted(told.keys() - routes.keys()):
    bad.append(f"docs/openapi.yaml: {method} {path} is no route of receiver/route.c")
for key in sorted(routes.keys() & told.keys()):
    name = f"docs/openapi.yaml: {key[0]} {key[1]}"
    if ("security: []" in told[key]) != (routes[key] == "ANYONE"):
        bad.append(f"{name}: who may call it is {routes[key]}")
    if ("ticket" in told[key]) != (routes[key] == "MEDIA"):
        bad.append(f"{name}: tickets are for SL_ACCESS_MEDIA, it is {routes[key]}")
    for wanted in ("summary:", "responses:"):
        if not any(line.startswith(wanted) for line in told[key]):
            bad.append(f"{name}: has no {wanted[:-1]}")

defined = set()
section = None
for line in text[text.index("\ncomponents:\n"):].splitlines():
    if found := re.match(r"  (\w+):$", line):
        section = found[1]
    elif found := re.match(r"    (\w+):", line):
        defined.add(f"#/components/{section}/{found[1]}")
used = set(re.findall(r"\$ref: '([^']+)'", text))
bad += [f"docs/openapi.yaml: {ref} is not there" for ref in sorted(used - defined)]
bad += [f"docs/openapi.yaml: {ref} is not used" for ref in sorted(defined - used) if "securitySchemes" not in ref]

try:
    import yaml
    whole = yaml.safe_load(text)
    if {(m.upper(), plain(p)) for p in whole["paths"] for m in whole["paths"][p] if m != "parameters"} != set(told):
        bad.append("docs/openapi.yaml: a parser of YAML finds other routes")
except ImportError:
    pass

print("\n".join(bad + [f"{len(told)} operations looked at, {len(bad)} bad"]))
sys.exit(1 if bad or not told else 0)
