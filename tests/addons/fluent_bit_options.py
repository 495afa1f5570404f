"""The options that Fluent Bit 5.1 knows, for the sections and plugins that CALI uses: from its manual and, where that is
silent, from the plugins' own tables of options (`config_map`). An option that is not here stops Fluent Bit at its start."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Check = Callable[[str], object]


def _matching(pattern: str) -> Check:
    return re.compile(pattern, re.IGNORECASE).fullmatch


def _one_of(*words: str) -> Check:
    return _matching("|".join(words))


BOOL = _one_of("on", "off", "true", "false", "yes", "no")
INT = _matching(r"\d+")
SECONDS = _matching(r"\d+(\.\d+)?")
TIME = _matching(r"\d+(\.\d+)?[smhd]?")
SIZE = _matching(r"\d+(\.\d+)?(k|kb|m|mb|g|gb)?")
TEXT = _matching(r"\S.*")
PATH = _matching(r"/\S+")
RETRIES = _one_of(r"\d+", "no_limits", "false", "no_retries")
STORAGE = _one_of("memory", "filesystem", "memrb")

Options = Mapping[str, Check]

SERVICE: Options = {
    "flush": SECONDS, "grace": INT, "daemon": BOOL, "log_file": TEXT, "parsers_file": TEXT, "plugins_file": TEXT, "streams_file": TEXT,
    "log_level": _one_of("off", "error", "warn", "info", "debug", "trace"),
    "http_server": BOOL, "http_listen": TEXT, "http_port": INT, "health_check": BOOL, "hc_errors_count": INT,
    "hc_retry_failure_count": INT, "hc_period": INT, "hot_reload": BOOL, "dns.mode": _one_of("udp", "tcp"), "dns.resolver": TEXT,
    "coro_stack_size": INT, "scheduler.base": INT, "scheduler.cap": INT, "json.convert_nan_to_null": BOOL, "json.escape_unicode": BOOL,
    "multiline_buffer_limit": SIZE, "storage.path": TEXT, "storage.sync": _one_of("normal", "full"), "storage.checksum": BOOL,
    "storage.metrics": BOOL, "storage.max_chunks_up": INT, "storage.backlog.mem_limit": SIZE, "storage.backlog.flush_on_shutdown": BOOL,
    "storage.delete_irrecoverable_chunks": BOOL, "storage.trim_files": BOOL, "storage.type": STORAGE, "storage.keep.rejected": BOOL,
    "storage.rejected.path": TEXT,
}  # fmt: skip

_ANY_PLUGIN: Options = {"name": TEXT, "alias": TEXT, "log_level": SERVICE["log_level"]}

_INPUT: Options = {
    **_ANY_PLUGIN, "tag": TEXT, "mem_buf_limit": SIZE, "storage.type": STORAGE, "storage.pause_on_chunks_overlimit": BOOL,
    "threaded": BOOL, "log_suppress_interval": TIME,
}  # fmt: skip
_FILTER: Options = {**_ANY_PLUGIN, "match": TEXT, "match_regex": TEXT}
_OUTPUT: Options = {
    **_ANY_PLUGIN, "match": TEXT, "match_regex": TEXT, "retry_limit": RETRIES, "storage.total_limit_size": SIZE, "workers": INT,
    "no_multiplex": BOOL, "log_suppress_interval": TIME, "tls": BOOL, "tls.verify": BOOL, "tls.ca_file": PATH, "tls.vhost": TEXT,
    "net.keepalive": BOOL, "net.keepalive_idle_timeout": TIME, "net.connect_timeout": TIME, "net.dns.resolver": TEXT, "host": TEXT, "port": INT,
}  # fmt: skip

PLUGINS: Mapping[tuple[str, str], Options] = {
    ("INPUT", "tail"): {
        **_INPUT, "path": TEXT, "exclude_path": TEXT, "key": TEXT, "read_from_head": BOOL, "read_newly_discovered_files_from_head": BOOL,
        "refresh_interval": TIME, "watcher_interval": TIME, "rotate_wait": TIME, "docker_mode": BOOL, "path_key": TEXT, "offset_key": TEXT,
        "ignore_older": TIME, "ignore_active_older_files": BOOL, "buffer_chunk_size": SIZE, "buffer_max_size": SIZE, "static_batch_size": SIZE,
        "event_batch_size": SIZE, "skip_long_lines": BOOL, "skip_empty_lines": BOOL, "truncate_long_lines": BOOL, "exit_on_eof": BOOL,
        "file_cache_advise": BOOL, "inotify_watcher": BOOL, "parser": TEXT, "tag_regex": TEXT, "db": PATH,
        "db.sync": _one_of("extra", "full", "normal", "off"), "db.locking": BOOL, "db.journal_mode": _one_of("delete", "truncate", "persist", "memory", "wal", "off"),
        "db.compare_filename": BOOL, "multiline.parser": TEXT, "unicode.encoding": TEXT, "generic.encoding": TEXT,
    },
    ("FILTER", "multiline"): {
        **_FILTER, "multiline.parser": TEXT, "multiline.key_content": TEXT, "mode": _one_of("parser", "partial_message"), "buffer": BOOL,
        "flush_ms": INT, "debug_flush": BOOL, "emitter_name": TEXT, "emitter_storage.type": _one_of("memory", "filesystem"),
        "emitter_mem_buf_limit": SIZE,
    },
    ("FILTER", "kubernetes"): {
        **_FILTER, "buffer_size": SIZE, "kube_url": TEXT, "kube_ca_file": PATH, "kube_ca_path": PATH, "kube_token_file": PATH,
        "kube_token_command": TEXT, "kube_token_ttl": TIME, "kube_tag_prefix": TEXT, "merge_log": BOOL, "merge_log_key": TEXT,
        "merge_log_trim": BOOL, "merge_parser": TEXT, "keep_log": BOOL, "tls.debug": INT, "tls.verify": BOOL, "tls.verify_hostname": BOOL,
        "tls.vhost": TEXT, "use_journal": BOOL, "cache_use_docker_id": BOOL, "regex_parser": TEXT, "k8s-logging.parser": BOOL,
        "k8s-logging.exclude": BOOL, "labels": BOOL, "annotations": BOOL, "owner_references": BOOL, "namespace_labels": BOOL,
        "namespace_annotations": BOOL, "namespace_metadata_only": BOOL, "kube_meta_preload_cache_dir": TEXT, "dummy_meta": BOOL,
        "dns_retries": INT, "dns_wait_time": TIME, "use_kubelet": BOOL, "use_tag_for_meta": BOOL, "kubelet_port": INT, "kubelet_host": TEXT,
        "kube_meta_cache_ttl": TIME, "kube_meta_namespace_cache_ttl": TIME,
    },
    ("FILTER", "record_modifier"): {
        **_FILTER, "record": _matching(r"\S+ \S.*"), "remove_key": TEXT, "allowlist_key": TEXT, "whitelist_key": TEXT, "uuid_key": TEXT,
    },
    ("OUTPUT", "kinesis_streams"): {
        **_OUTPUT, "region": TEXT, "stream": TEXT, "time_key": TEXT, "time_key_format": TEXT, "role_arn": TEXT, "endpoint": TEXT,
        "sts_endpoint": TEXT, "external_id": TEXT, "log_key": TEXT, "auto_retry_requests": BOOL, "profile": TEXT, "simple_aggregation": BOOL,
        "compression": _one_of("gzip", "zstd", "snappy"),
    },
    ("OUTPUT", "stdout"): {**_OUTPUT, "format": _one_of("msgpack", "json", "json_lines", "json_stream"), "json_date_key": TEXT, "json_date_format": TEXT},
}  # fmt: skip

PARSERS: Mapping[str, Options] = {
    "PARSER": {
        "name": TEXT, "format": _one_of("json", "regex", "ltsv", "logfmt"), "regex": TEXT, "skip_empty_values": BOOL, "time_key": TEXT,
        "time_format": TEXT, "time_keep": BOOL, "time_strict": BOOL, "time_offset": TEXT, "time_system_timezone": BOOL, "types": TEXT,
        "logfmt_no_bare_keys": BOOL, "decode_field": TEXT, "decode_field_as": TEXT,
    },
    "MULTILINE_PARSER": {
        "name": TEXT, "type": _one_of("regex", "endswith", "equal", "eq"), "parser": TEXT, "key_content": TEXT, "key_group": TEXT,
        "key_pattern": TEXT, "match_string": TEXT, "negate": BOOL, "flush_timeout": INT,
        "rule": _matching(r'"[\w,]+"\s+"/.+/"\s+"\w+"'),
    },
}  # fmt: skip

BUILT_IN = frozenset({"docker", "cri", "java", "go", "ruby", "python"})
"""The multiline parsers that need no definition."""
