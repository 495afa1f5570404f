"""Features of a finding that show what it belongs to. They are extracted once and compared many times."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cali.core.models import Incident, KnowledgeEntry, Moment, Severity
from cali.stages.decode import workload_of
from cali.stages.group.systems import BROAD, OUTAGE, SYMPTOM, SYSTEM_KINDS

CHARS = 4_000  # maximum characters of a sample that are read
SAMPLES = 3
LINES = 80  # maximum lines of a sample that are read
QUOTE_WORDS = 5  # consecutive words that two messages must share for one to quote the other
BIN = 30.0  # seconds

_ITEM = re.compile(r"\S+")
_NAME = r"[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?"
# Hosts in addresses, in fields and in prose.
_HOSTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b[a-z][a-z0-9+.-]*://(?:[^\s/@]*@)?({_NAME})",
        rf"(?<![\w./:-])({_NAME}):\d{{2,5}}\b",
        r"\b([a-z0-9-]+)(?:\.[a-z0-9-]+)?\.svc\b",
        rf"\b(?:ENOTFOUND|EAI_AGAIN|lookup)\s+\"?({_NAME})",
        (
            r"\b(?:server at|upstream|service|host|backend|server|cluster|calling|calls? to|connect(?:ing|ion)? to|requests? to"
            rf"|response from|reach(?:ing)?|node|broker)(?:\s|[=:]\s?)(?=[\"'`]?({_NAME}))"
        ),
        r"\b([a-z][a-z0-9]*(?:-[a-z0-9]+)*)[- ](?:service|svc|api|server)\b",
    )
)
_SOURCE_FILE = re.compile(
    r"\.(?:java|kt|scala|py|go|[cm]?[jt]sx?|rb|php|cs|rs|c|cc|cpp|h|log|sh|ya?ml|json|conf|xml|erl|ex)$"
)
_NOT_HOSTS = frozenset(
    _ITEM.findall("""
    localhost http https tcp udp the a an to from for in at is was not on of and or error failed refused timeout connection request
    upstream server service host line file java python node app main api web default unavailable unreachable returned status code it
    this that with by be time port address pool database db closed lost reset failure response prematurely timed temporarily internal
    """)
)
_GENERIC = frozenset(_ITEM.findall("app main server container localhost api web worker service"))
_PRIVATE = (".svc", ".local", ".internal", ".cluster", ".lan")
_REPORTER = re.compile(  # components that report failures of other systems, not their own
    r"kubelet|kernel|containerd|dockerd|systemd|journal|^node|event|controller|scheduler|node-problem|ingress|gateway|proxy|nginx",
    re.IGNORECASE,
)
_EXCEPTION = re.compile(
    r"((?:[A-Za-z_$][\w$]*[.:]+)*[A-Z]\w*(?:Exception|Error|Failure|Fault|Rejected|Timeout|Refused|Denied|Interrupt|Exit))"
    r"(?![\w.(])(?:\s*[:(]\s*(.{0,200}))?"
)
_FRAME = re.compile(
    r"^\s+(?:at (\S+\(.*?\)?)(?:\)|$)|File \"(.+?)\", line (\d+)|from (\S+:\d+:in)|(\S+\.go:\d+))|^\s*(\S+\.(?:rb|go):\d+)"
)
_BOILERPLATE = re.compile(
    r"\s*(?:Traceback \(most recent|The above exception|During handling|File \"|\^|~|raise \w+$|at \S+\(|\.\.\. \d+|self\.|return |with "
    r"|for |while |if |\w+ = )|^\s*\w+\([^)]*\)?$"
)
_FRAGMENT = re.compile(
    r"\s|Caused by:|Suppressed:|Traceback|The above exception|During handling|\^|~+\^|raise |at \S+\(|\.\.\. \d+|File \"|return |--- End"
    r"|goroutine |[)}\]]+;?$|throw |(?:[a-z][\w$]*\.)+[A-Z]\w*(?:Exception|Error)\b"
)
_LANGUAGES = {
    "java": re.compile(
        r"\.(?:java|kt|scala):\d+|(?:java|javax|org|com|io|net)\.[\w.$]+(?:Exception|Error)|\.\.\. \d+ (?:more|common)|^\s+at [\w.$/]+\([\w ]+\)",
        re.MULTILINE,
    ),
    "python": re.compile(
        r"File \".+\", line \d+|Traceback \(|The above exception was|During handling of|^\s+\^+$|^\s+raise |\.py\b|^[a-z_]\w*\.[\w.]+Error:"
        r"|^(?:OS|Value|Type|Key|Runtime|Connection|Import|Attribute)Error: ",
        re.MULTILINE,
    ),
    "node": re.compile(r"\(?(?:/[\w./-]+\.[cm]?[jt]s|node:[\w/]+):\d+|Node\.js v\d", re.MULTILINE),
    "go": re.compile(r"\.go:\d+|^goroutine ", re.MULTILINE),
    "ruby": re.compile(r"\.rb:\d+", re.MULTILINE),
    "dotnet": re.compile(r"^\s+at [\w.<>`]+\(.*\) in |System\.\w+Exception|--- End of", re.MULTILINE),
}
_ENTITY = re.compile(
    r"(?<![\w$%./-])(?:[a-z][a-z0-9]*(?:[-_.][a-z0-9]+)+|[a-z][a-z0-9-]{3,}(?=:\d{2,5}\b))(?![\w(])"
)
_QUOTED = re.compile(r"""['"\[(=]([A-Za-z][\w.:/-]{3,60})['"\])]""")
_PATH = re.compile(r"(?<![\w.:/])/(?:[\w.-]+/)+[\w.-]+")
_LIBRARY = re.compile(r"site-packages|/lib/|\.(?:py|js|java|go|rb)$|/usr/local")
_ROUTE = re.compile(r"/[a-z][\w/.-]+", re.IGNORECASE)
_POD = re.compile(
    r"(?<![\w-])([a-z][a-z0-9]*(?:-[a-z0-9]+)*?)-(?:[a-z0-9]{8,10}-[a-z0-9]{5}|\d{1,2})(?![\w.-])"
)
_CONTAINER = re.compile(
    r"(?:container[ =]\W{0,3}|StartContainer\W+for\W+|\"name\":\")([a-z][a-z0-9]*(?:-[a-z0-9]+)*)(?![\w.])"
)
_ID = re.compile(
    r"(?<![\d.,])(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16,64}|[a-z]{2,8}[_-](?=[0-9a-f]*\d)[0-9a-f]{6,16}"
    r"|\d{8,9}|\d{14,18})\b(?![.,]\d)"
)
_CODE = re.compile(
    r"\.(?:java|py|js|go|rb|kt|cs|ts|php|jar|scala|erl)(?::\d+)?$|^(?:java|javax|org|com|io|net|sun|self|this)\.|exec-\d+$|thread-\d+$|worker-?\d+$"
    r"|-\d+$|^[a-z]\.[a-z]\.|^[oci]\.\w",
    re.IGNORECASE,
)
_COMMON_NAMES = frozenset(
    _ITEM.findall("""
    error.type example.com www.example.com app.py main.py site-packages node_modules dist-packages in-flight read-only
    java.lang java.util java.base java.io e.g i.e re-establish
    """)
)
_WORD = re.compile(r"[A-Za-z_]{2,}")
_DIGITS = re.compile(r"\b[\w-]*\d[\w-]*\b")
_QUOTES = re.compile(r"[\\\"'`\s]+")
_CLASS_PREFIX = re.compile(r"^[^:(]*?(?:[Ee]rror|[Ee]xception)\b[:(\s'\"]+")


@dataclass(slots=True)
class Features:
    """The facts of one finding that link it to others."""

    finding: Incident
    known: str = ""  # id of the known error
    tags: frozenset[str] = frozenset()
    broad: bool = False  # the known error is a consequence of many failures
    symptom: bool = False  # another system did not answer
    outage: bool = False  # a system is down
    fragment: bool = False  # a part of a trace whose head is missing
    standing: float = 0.0  # how well it explains a failure; the highest becomes the root
    own: frozenset[str] = frozenset()  # names of its workload
    first: str = ""  # first line of the first sample
    core: str = ""  # the first line that is no boilerplate of a trace
    normalised: str = ""  # template and samples, without values
    words: frozenset[str] = frozenset()  # of the template
    quote: tuple[str, ...] = ()  # the words of the core
    exceptions: Mapping[str, str] = field(default_factory=dict)  # type and message -> as written
    types: frozenset[str] = frozenset()  # exception types
    frames: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()  # entities: hosts, files, queues, images, ...
    peers: frozenset[str] = frozenset()  # names of other systems
    routes: frozenset[str] = frozenset()  # words of request paths
    subjects: frozenset[str] = frozenset()  # pods and containers that it reports on
    ids: frozenset[str] = frozenset()
    serves: frozenset[str] = frozenset()  # kinds of system that its writer is
    needs: frozenset[str] = frozenset()  # kinds of system that it reports as failing
    about: frozenset[str] = frozenset()  # kinds of system that its known error is about
    lines: tuple[int, ...] = ()
    times: tuple[float, ...] = ()
    bins: Mapping[int, int] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.finding.id

    @property
    def start(self) -> float:
        return self.times[0]

    @property
    def end(self) -> float:
        return self.times[-1]

    @property
    def scoped(self) -> bool:
        """Return True if the writer is known."""
        return any(self.finding.scope[1:])


def features_of(finding: Incident, entry: KnowledgeEntry | None, moments: Sequence[Moment]) -> Features:
    """Return the features of a finding. `moments` have times only."""
    samples = [_head(sample.message) for sample in finding.samples[:SAMPLES]] or [finding.title]
    lines = [line for sample in samples for line in sample.split("\n") if line.strip()]
    first = lines[0] if lines else finding.title
    text = "\n".join(samples)
    spoken = [
        line for line in dict.fromkeys(lines) if not _FRAME.match(line) and not _BOILERPLATE.match(line)
    ]
    prose = "\n".join(spoken).replace("\\", "")
    scope = [name for name in finding.scope[2:] if name]
    reporter = any(map(_REPORTER.search, scope))
    own = frozenset(name.lower() for name in scope if not _REPORTER.search(name)) - _GENERIC
    exceptions, types = _exceptions(finding, samples)
    times = tuple(sorted(moment.time for moment in moments if moment.time is not None))
    one = Features(
        finding,
        known=entry.id if entry else "",
        tags=frozenset((entry.area, *entry.tags)) if entry else frozenset(),
        broad=bool(entry and (entry.broad or BROAD.search(entry.id))),
        outage=bool(OUTAGE.search(first) or (entry and OUTAGE.search(entry.title))),
        own=own,
        first=first,
        core=spoken[0] if spoken else "",
        normalised=normalised(f"{finding.template.text}\n{text}"),
        words=frozenset(_WORD.findall(finding.template.text.lower())),
        exceptions=exceptions,
        types=types,
        frames=_frames(samples),
        languages=frozenset(name for name, pattern in _LANGUAGES.items() if pattern.search(text)),
        names=_entities(prose),
        peers=frozenset(_peers(prose)) - own,
        routes=frozenset(
            part.rstrip("s")
            for path in _ROUTE.findall(first + " " + finding.template.text)
            for part in re.split(r"[/._-]", path.lower())
            if len(part) > 3 and part not in {"http", "index", "html", "json"}
        ),
        subjects=frozenset(_POD.findall(prose)) | frozenset(_CONTAINER.findall(prose)),
        ids=frozenset(_ID.findall(text)),
        lines=tuple(sorted(moment.line for moment in moments)),
        times=times,
        bins=Counter(int(time // BIN) for time in times),
    )
    one.symptom = one.broad or bool(SYMPTOM.search(first))
    one.quote = _quote(one.core)
    _kinds(one, scope, first)
    one.fragment = bool(_FRAGMENT.match(first)) and not any(sample.levelled for sample in finding.samples[:1])
    one.standing = _standing(one, reporter)
    return one


def _head(message: str) -> str:
    return "\n".join(message[:CHARS].split("\n", LINES)[:LINES])


def normalised(text: str) -> str:
    """Return the text in lower case, without numbers, ids, quotes and repeated blanks."""
    return _QUOTES.sub(" ", _DIGITS.sub("#", text)).strip().lower()


def _quote(core: str) -> tuple[str, ...]:
    """Return the words that identify the core, or nothing if there are too few."""
    text = normalised(_CLASS_PREFIX.sub("", core))[:80].strip("# :.,)(")
    words = tuple(text.split())
    return words if len(text) >= 22 and len(words) >= QUOTE_WORDS and len(_WORD.findall(text)) >= 4 else ()


def _exceptions(finding: Incident, samples: Sequence[str]) -> tuple[dict[str, str], frozenset[str]]:
    often = Counter(line for sample in samples for line in {normalised(part) for part in sample.split("\n")})
    found: dict[str, str] = {}
    types: set[str] = set()
    lines = [
        line
        for sample in samples
        for line in sample.split("\n")
        if often[normalised(line)] * 2 >= len(samples)
    ]
    for line in (finding.template.text.split("\n")[0], *lines):
        for name, message in _EXCEPTION.findall(line):
            kind, rest = re.split(r"[.:]", name)[-1], normalised(message)[:60]
            types.add(kind)
            if len(rest) >= 12:
                found[f"{kind}|{rest[:40]}"] = f"{kind}: {message[:60]}"
    return found, frozenset(types)


def _frames(samples: Sequence[str]) -> frozenset[str]:
    often: Counter[str] = Counter()
    for sample in samples:
        places = set()
        for line in sample.split("\n"):
            match = _FRAME.match(line)
            if match:
                places.add(next(filter(None, match.groups())) + (f":{match[3]}" if match[3] else ""))
        often.update(places)
    return frozenset(place for place, count in often.items() if count * 2 > len(samples))


def _entities(prose: str) -> frozenset[str]:
    names = {name.rstrip(".") for name in _ENTITY.findall(prose)}
    names |= {name.lower() for name in _QUOTED.findall(prose) if re.search(r"[-_./:]", name)}
    names = {name for name in names if not _CODE.search(name)} - _COMMON_NAMES
    paths = {
        re.sub(r"\d+|[0-9a-f]{8,}", "#", path) for path in _PATH.findall(prose) if not _LIBRARY.search(path)
    }
    return frozenset(names | paths)


def _peers(prose: str) -> set[str]:
    """Return the names of other systems in a message."""
    found: set[str] = set()
    for pattern in _HOSTS:
        for name in pattern.findall(prose):
            found |= _host_names(name.lower())
    return found - _NOT_HOSTS


def _host_names(host: str) -> set[str]:
    """Return the names of a host.

    Inside a cluster the first label is the service. Elsewhere only the whole name identifies the host.
    """
    if len(host) < 3 or host.replace(".", "").isdigit() or _SOURCE_FILE.search(host):
        return set()
    label, _, rest = host.partition(".")
    if not rest:
        return {host, workload_of(host)}
    inside = host.endswith(_PRIVATE) or ".svc." in host or ("." not in rest and len(rest) > 3)
    return {host, label, workload_of(label)} if inside else {host}


def _kinds(one: Features, scope: Sequence[str], first: str) -> None:
    """Set the kinds of system that the finding serves, needs and is about."""
    serves, about, named, family = set(), set(), set(), set()
    text = f"{first}\n{one.finding.template.text}"
    for kind in SYSTEM_KINDS:
        if any(kind.server.search(name) for name in scope):
            serves.add(kind.name)
            if kind.fails is not None and kind.fails.search(first):
                one.outage = True
        elif kind.client.search(text):
            named.add(kind.name)
        elif kind.generic is not None and kind.generic.search(text):
            family.add(kind.name)
        if kind.tags & one.tags and not one.broad:
            about.add(kind.name)
            if kind.fails is not None and kind.fails.search(first):
                one.outage = True
    one.serves = frozenset(serves)
    one.about = frozenset(about)
    one.needs = frozenset(named or family) - one.serves if one.symptom or one.broad or named else frozenset()


def _standing(one: Features, reporter: bool) -> float:
    """Return the rank as a root: the server's own account, a specific known error, an unknown exception, a symptom, a fragment."""
    if one.known and not one.broad:
        standing = 4.0 + one.outage + 0.5 * bool(one.serves) - 1.5 * (one.symptom and not one.outage)
    elif one.known:
        standing = 1.5 - 0.5 * one.known.startswith("http-")
    elif not one.symptom and (one.types or one.outage or one.finding.severity > Severity.ERROR):
        standing = 3.0
    else:
        standing = 1.2 if one.symptom else 2.0
    if one.fragment:
        standing -= 0.6 if one.types or one.known else 1.5
    if one.finding.severity < Severity.ERROR:
        standing = min(standing - 1.5, 2.4)
    return standing - 0.1 * (reporter and one.broad)


def timed(moments: Mapping[str, Sequence[Moment]], findings: Iterable[Incident]) -> dict[str, list[Moment]]:
    """Return the moments of each finding, all with a time.

    A moment without a time gets one from the lines around it. Without any time, the lines stand for seconds.
    """
    own: dict[str, list[Moment]] = {}
    for finding in findings:
        known = list(moments.get(finding.id, ()))
        own[finding.id] = known or [
            Moment(finding.first_line, finding.first_seen),
            Moment(finding.last_line, finding.last_seen),
        ]
    clock = sorted(
        {
            (moment.line, moment.time)
            for several in own.values()
            for moment in several
            if moment.time is not None
        }
    )
    lines = [line for line, _ in clock]

    def time_of(line: int) -> float:
        if not clock:
            return float(line)
        after = bisect_left(lines, line)
        if after == 0 or after == len(clock):
            return clock[min(after, len(clock) - 1)][1]
        (line1, time1), (line2, time2) = clock[after - 1], clock[after]
        return time1 + (time2 - time1) * (line - line1) / max(1, line2 - line1)

    return {
        name: [Moment(line, time_of(line) if time is None else time) for line, time in several]
        for name, several in own.items()
    }
