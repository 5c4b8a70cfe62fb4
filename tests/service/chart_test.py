"""The Helm chart of deploy/helm/dspy: rendered with several values, each object is what Kubernetes would take.

Uses `helm` where it is installed (lint, and its own rendering); else renders with the few words of its templates that the
chart needs, which are below.  Needs PyYAML.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

try:
    import yaml
except ImportError:
    print("PyYAML is not installed")
    sys.exit(77)

CHART = Path("deploy/helm/dspy")
FAILED = []


def check(holds, what):
    print(("ok    " if holds else "FAILS ") + what)
    if not holds:
        FAILED.append(what)


class Renderer:
    """Enough of Go's templates for this chart; whatever else a template says is an error."""

    def __init__(self, values):
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        self.root = {"Values": values, "Release": {"Name": "release"}, "Chart": {"AppVersion": chart["appVersion"]}}
        self.defined = {}

    def render(self, text):
        tokens = re.split(r"(\{\{-?.*?-?\}\})", text, flags=re.S)
        for at, token in enumerate(tokens):
            if token.startswith("{{-") and at > 0:
                tokens[at - 1] = tokens[at - 1].rstrip()
            if token.endswith("-}}") and at + 1 < len(tokens):
                tokens[at + 1] = tokens[at + 1].lstrip()
        nodes, rest = self.parse(tokens)
        assert not rest, "an `end` too many"
        return self.write(nodes, self.root)

    def parse(self, tokens):
        """Nodes up to `end` or `else`, and what follows from there."""
        nodes = []
        while tokens:
            token, tokens = tokens[0], tokens[1:]
            if not token.startswith("{{"):
                nodes.append(("text", token))
                continue
            words = token.strip("{}").strip("-").strip()
            verb = words.split(None, 1)[0]
            if verb in ("end", "else"):
                return nodes, [verb, *tokens]
            if verb not in ("if", "with", "range", "define"):
                nodes.append(("value", words))
                continue
            body, tokens = self.parse(tokens)
            other = []
            if tokens[0] == "else":
                other, tokens = self.parse(tokens[1:])
            assert tokens[0] == "end", f"no end of {words}"
            nodes.append((verb, words.split(None, 1)[1], body, other))
            tokens = tokens[1:]
        return nodes, []

    def write(self, nodes, dot):
        out = ""
        for kind, *rest in nodes:
            if kind == "text":
                out += rest[0]
            elif kind == "value":
                value = self.value(rest[0], dot)
                out += "" if value is None else json.dumps(value) if isinstance(value, bool) else str(value)
            elif kind == "define":
                self.defined[rest[0].strip('" -')] = rest[1]
            else:
                value = self.value(rest[0], dot)
                if kind == "range":
                    out += "".join(self.write(rest[1], each) for each in value)
                elif value:
                    out += self.write(rest[1], value if kind == "with" else dot)
                else:
                    out += self.write(rest[2], dot)
        return out

    def value(self, pipeline, dot):
        piped = []
        for stage in pipeline.split("|"):
            words = re.findall(r'"[^"]*"|\S+', stage.strip())
            if words[0].startswith((".", '"')) and len(words) == 1:
                piped = [self.term(words[0], dot)]
            else:
                piped = [self.call(words[0], [self.term(word, dot) for word in words[1:]] + piped)]
        return piped[0]

    def term(self, word, dot):
        if word.startswith('"'):
            return word[1:-1]
        if re.fullmatch(r"\d+", word):
            return int(word)
        assert word.startswith("."), f"`{word}` is not a term"
        value = self.root if word.startswith((".Values", ".Release", ".Chart")) else dot
        for part in word.split("."):
            value = value[part] if part else value
        return value

    def call(self, name, arguments):
        last = arguments[-1] if arguments else None
        if name == "include":
            return self.write(self.defined[arguments[0]], arguments[1]).strip("\n")
        if name == "nindent":
            return "\n" + "\n".join(" " * arguments[0] + line for line in str(last).splitlines())
        if name == "toYaml":
            return yaml.safe_dump(last, default_flow_style=False).rstrip("\n")
        if name == "toJson":
            return json.dumps(last, separators=(",", ":"), sort_keys=True)
        if name == "sha256sum":
            return hashlib.sha256(str(last).encode()).hexdigest()
        if name == "quote":
            return json.dumps(str(last))
        if name == "default":
            return last if last else arguments[0]
        if name == "add":
            return sum(arguments)
        if name == "not":
            return not last
        raise AssertionError(f"no function `{name}` is known here")


def merged(under, over):
    out = dict(under)
    for name, value in over.items():
        out[name] = merged(out[name], value) if isinstance(value, dict) and isinstance(out.get(name), dict) and value else value
    return out


def rendered(values):
    if helm := shutil.which("helm"):
        done = subprocess.run([helm, "template", "release", str(CHART), "--values", "-"], input=yaml.safe_dump(values), text=True,
                              capture_output=True, check=True)
        return [each for each in yaml.safe_load_all(done.stdout) if each]
    renderer = Renderer(merged(yaml.safe_load((CHART / "values.yaml").read_text()), values))
    renderer.render((CHART / "templates" / "_helpers.tpl").read_text())
    objects = []
    for file in sorted((CHART / "templates").glob("*.yaml")):
        objects += [each for each in yaml.safe_load_all(renderer.render(file.read_text())) if each]
    return objects


def only(objects, kind):
    found = [each for each in objects if each["kind"] == kind]
    return found[0] if len(found) == 1 else None


def main():
    if helm := shutil.which("helm"):
        check(subprocess.run([helm, "lint", "--strict", str(CHART)], check=False).returncode == 0, "helm lint")
    plain = rendered({})
    check(sorted(each["kind"] for each in plain) == ["Service", "StatefulSet"], "as it is: a service and a set")
    for each in plain:
        check(each.get("apiVersion") and each["metadata"]["name"].startswith("release"), f"{each['kind']} has a version and a name")
    workload = only(plain, "StatefulSet")
    pod = workload["spec"]["template"]["spec"]
    container = pod["containers"][0]
    check(workload["spec"]["selector"]["matchLabels"] == workload["spec"]["template"]["metadata"]["labels"] ==
          only(plain, "Service")["spec"]["selector"], "service, set and pods have the same labels")
    check(pod["terminationGracePeriodSeconds"] > 30, "pods may drain before they are ended")
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    check(all(container[probe]["httpGet"]["port"] in ports for probe in ("startupProbe", "readinessProbe", "livenessProbe")),
          "probes ask ports that there are")
    check(container["securityContext"]["readOnlyRootFilesystem"] and pod["securityContext"]["runAsNonRoot"], "pods may do little")
    volumes = {each["name"] for each in pod["volumes"]} | {each["metadata"]["name"] for each in workload["spec"]["volumeClaimTemplates"]}
    check({each["name"] for each in container["volumeMounts"]} <= volumes, "what is mounted is there")
    check("--insecure" in container["args"] and workload["spec"]["replicas"] == 2, "without keys it says so; two replicas")

    full = rendered({"keysFile": "/state/keys.sqlite", "programs": {"triage.json": "{}\n"}, "environmentSecret": "keys",
                     "autoscaling": {"enabled": True}, "arguments": ["/programs/triage.json", 'say="yes: no"'],
                     "state": {"storageClass": "fast"}})
    workload = only(full, "StatefulSet")
    pod = workload["spec"]["template"]["spec"]
    container = pod["containers"][0]
    check("--keys=/state/keys.sqlite" in container["args"] and "--insecure" not in container["args"], "with keys it asks for them")
    made = pod.get("initContainers", [{}])[0]
    check("/state/keys.sqlite" in made.get("command", []), "the file of keys is made before the server asks for it")
    check(container["args"][-1] == 'say="yes: no"', "arguments are quoted")
    check(only(full, "ConfigMap")["data"] == {"triage.json": "{}\n"}, "programs are in a config map")
    check("replicas" not in workload["spec"] and only(full, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] ==
          workload["metadata"]["name"], "the autoscaler has the replicas")
    check(workload["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] == "fast", "the class of the storage is the one asked for")
    before, after = (rendered({"programs": {"a.json": text}}) for text in ("1", "2"))
    sums = {only(each, "StatefulSet")["spec"]["template"]["metadata"]["annotations"]["checksum/programs"] for each in (before, after)}
    check(len(sums) == 2, "other programs begin other pods")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
