"""The origin of a line: its workload, its scope, and its stream (the ordered output of one process)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from cali.core.models import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

# Kubernetes generates names from this alphabet. It has no vowels, so that no words appear.
_SAFE = "[bcdfghjklmnpqrstvwxz2456789]"
_GENERATED = re.compile(
    rf"""(?P<workload>.+?)(?:
        -(?:{_SAFE}{{6,10}}|(?=[a-z]*\d)[a-z\d]{{6,10}})-[a-z\d]{{5}}   # Deployment: ReplicaSet hash, pod; CronJob: minute, pod
        |-\d{{1,4}}-{_SAFE}{{5}}                                       # indexed Job
        |-{_SAFE}{{5}}                                                 # DaemonSet, Job
        |-\d{{1,4}}                                                    # StatefulSet
    )\Z""",
    re.ASCII | re.VERBOSE,
)
_NAMES = ("app.kubernetes.io/name", "app", "k8s-app")
_COMPONENT = "app.kubernetes.io/component"
_LIMIT = 8192


def workload_of(pod: str) -> str:
    """Return the name of the Deployment, StatefulSet, DaemonSet, Job or CronJob that owns a pod of this name."""
    match = _GENERATED.match(pod)
    return match["workload"] if match else pod


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _labels(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {key: text for key, text in value.items() if isinstance(key, str) and isinstance(text, str)}


_Text = Annotated[str, BeforeValidator(_text)]


class Kubernetes(BaseModel):
    """The metadata that Fluent Bit's kubernetes filter adds to a record. A field of the wrong type counts as missing."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    namespace_name: _Text = ""
    pod_name: _Text = ""
    container_name: _Text = ""
    labels: Annotated[dict[str, str], BeforeValidator(_labels)] = {}


class LineOrigin(NamedTuple):
    """A scope and the part of the stream's name that goes with it."""

    scope: Scope
    stream: str


def source_of(cluster: str, k8s: Kubernetes) -> LineOrigin:
    """Return the scope and the stream of a pod's container.

    Labels take precedence over the pod's name because they are declared. Removing a generated suffix is a guess, which
    fails for pods created by operators. A wrong guess opens a new incident for every pod. The component label is added so
    that the components of one application have separate scopes.
    """
    name = next((k8s.labels[key] for key in _NAMES if k8s.labels.get(key)), "")
    component = k8s.labels.get(_COMPONENT, "")
    if name and component and component not in name:
        name = f"{name}-{component}"
    workload = name or workload_of(k8s.pod_name)
    parts = (k8s.namespace_name, k8s.pod_name, k8s.container_name)
    return LineOrigin(
        Scope(cluster, k8s.namespace_name, workload, k8s.container_name),
        "/".join(part for part in parts if part),
    )


class OriginResolver:
    """A resolver of line sources. It validates the metadata of each container once."""

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self._known: dict[object, LineOrigin] = {}

    def pod(self, metadata: Mapping[str, Any]) -> LineOrigin:
        """Return the source in Fluent Bit's `kubernetes` object, or an empty source if the object is malformed."""
        get = metadata.get
        key: tuple[object, ...] = (get("namespace_name"), get("pod_name"), get("container_name"))
        try:
            source = self._known.get(key)
        except TypeError:  # a list or an object instead of a name
            key, source = (), None
        if source is None:
            try:
                source = source_of(self.cluster, Kubernetes.model_validate(metadata))
            except ValidationError:
                source = LineOrigin(Scope(self.cluster), "")
            if key:
                self._remember(key, source)
        return source

    def prefix(self, text: str) -> LineOrigin:
        """Return the source in `pod/name/container` (kubectl), `db_1` (compose) or `namespace pod/name` (an event)."""
        source = self._known.get(text)
        if source is None:
            source = self._remember(text, self._read(text))
        return source

    def named(self, workload: str) -> LineOrigin:
        """Return the source of a service that names itself."""
        return LineOrigin(Scope(self.cluster, "", workload), "")

    def _remember(self, key: object, source: LineOrigin) -> LineOrigin:
        if len(self._known) >= _LIMIT:
            self._known.clear()
        self._known[key] = source
        return source

    def _read(self, text: str) -> LineOrigin:
        namespace, _, rest = text.rpartition(" ")
        kind, *names = rest.split("/")
        if not names:
            workload = re.sub(r"[-_]\d+\Z", "", rest)
            return LineOrigin(Scope(self.cluster, "", workload, ""), rest)
        container = names[1] if len(names) > 1 else ""
        workload = workload_of(names[0]) if kind.lower() == "pod" else names[0]
        scope = Scope(self.cluster, namespace.strip(), workload, container)
        return LineOrigin(scope, "/".join(part for part in (namespace.strip(), *names) if part))
