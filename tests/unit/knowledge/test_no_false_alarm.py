"""The shipped knowledge matches neither healthy lines nor errors that only their own program knows. A line without a
level opens an incident if it matches an entry of severity error or critical, so these signatures must not match here.
"""

from __future__ import annotations

import pytest

from cali.core.models import Severity
from cali.stages.retrieve.knowledge import load

KNOWLEDGE = load()
SIGNATURES = KNOWLEDGE.signatures()

KUBERNETES = """
I1120 10:00:00.000000       1 leaderelection.go:250] attempting to acquire leader lease kube-system/kube-scheduler...
I1120 10:00:02.000000       1 leaderelection.go:260] successfully acquired lease kube-system/kube-scheduler
Normal  Scheduled  12s  default-scheduler  Successfully assigned shop/orders-7d9f6b5c4-x2x8k to ip-10-0-1-9.ec2.internal
Normal  Pulled  11s  kubelet  Successfully pulled image "registry.example.com/shop/orders:1.4.2" in 2.1s (2.1s including waiting)
Normal  Pulling  12s  kubelet  Pulling image "nginx:1.27"
Normal  Started  10s  kubelet  Started container orders
Normal  Killing  1s  kubelet  Stopping container orders
Normal  ScalingReplicaSet  deployment-controller  Scaled up replica set orders-7d9f6b5c4 to 3
Normal  SuccessfulRescale  horizontal-pod-autoscaler  New size: 4; reason: cpu resource utilization (percentage of request) above target
Normal  NodeReady  kubelet  Node ip-10-0-1-9.ec2.internal status is now: NodeReady
Normal  NodeHasNoDiskPressure  kubelet  Node ip-10-0-1-9 status is now: NodeHasNoDiskPressure
Normal  NodeHasSufficientMemory  kubelet  Node ip-10-0-1-9 status is now: NodeHasSufficientMemory
MemoryPressure   False   KubeletHasSufficientMemory   kubelet has sufficient memory available
DiskPressure     False   KubeletHasNoDiskPressure     kubelet has no disk pressure
PIDPressure      False   KubeletHasSufficientPID      kubelet has sufficient PID available
Node-Selectors:  <none>
Tolerations:     node.kubernetes.io/not-ready:NoExecute op=Exists for 300s
                 node.kubernetes.io/unreachable:NoExecute op=Exists for 300s
orders-7d9f6b5c4-x2x8k   1/1   Running   0   12d
migrate-orders-x8k2p   0/1   Completed   0   3m
ip-10-0-1-9.ec2.internal   Ready   <none>   12d   v1.31.2-eks-94953ac
deployment "orders" successfully rolled out
Liveness:   http-get http://:8080/healthz delay=10s timeout=1s period=10s #success=1 #failure=3
Readiness:  http-get http://:8080/ready delay=5s timeout=1s period=5s #success=1 #failure=3
Restart Count:  0
Exit Code:    0
Last State:     Terminated  Reason: Completed  Exit Code: 0
I1120 10:00:00.123456    1 request.go:697] Waited for 1.049s due to client-side throttling, not priority and fairness, request: GET:https://10.100.0.1:443/apis/apps/v1
Warning: policy/v1beta1 PodDisruptionBudget is deprecated in v1.21+; use policy/v1 PodDisruptionBudget
Warning: spec.template.spec.containers[0].env[3]: hides previous definition of "LOG_LEVEL"
[INFO] plugin/reload: Running configuration SHA512 = 591cf328cccc12b
[INFO] 10.244.0.7:48213 - 1234 "A IN orders.shop.svc.cluster.local. udp 47 false 512" NOERROR qr,aa,rd 92 0.000151s
[INFO] 10.244.0.7:48213 - 1235 "AAAA IN orders.shop.cluster.local. udp 47 false 512" NXDOMAIN qr,aa,rd 140 0.000121s
CoreDNS-1.11.3
linux/amd64, go1.22.5, a6338e9
time="2026-11-20T10:00:00Z" level=info msg="Start streaming server"
level=info msg="No pods to evict"
pod/orders-0 condition met
containerd: time="2026-11-20T10:00:00Z" level=info msg="shim disconnected" id=4f1c namespace=k8s.io
container orders exited with code 0
ecs-agent: Managed task [arn]: container [orders] exited cleanly
{"level":"info","msg":"pod-count","pods":31,"insufficient":0}
successfully released lock
Scheduled for sync: kube-proxy
"""

CLOUD = """
START RequestId: 8f5b Version: $LATEST
END RequestId: 8f5b
REPORT RequestId: 8f5b Duration: 12.3 ms Billed Duration: 13 ms Memory Size: 512 MB Max Memory Used: 88 MB
INIT_START Runtime Version: python:3.12.v36
Found credentials in environment variables.
Found credentials from IAM Role: orders-node
Successfully refreshed credentials for role arn:aws:iam::111122223333:role/orders
retrying request s3/GetObject, attempt 2
Stack shop-prod is in UPDATE_COMPLETE state
CREATE_COMPLETE AWS::S3::Bucket Artifacts
Apply complete! Resources: 3 added, 0 changed, 0 destroyed.
Plan: 1 to add, 0 to change, 0 to destroy.
Release "orders" has been upgraded. Happy Helming!
helm upgrade --install orders ./chart --wait --timeout 5m
time="2026-11-20T10:00:00Z" level=info msg="Refreshing app status (normal refresh requested), level (2)" application=orders
Reconciliation finished in 1.2s, next run in 10m0s
npm warn deprecated inflight@1.0.6: This module is not supported, and leaks memory.
added 512 packages, and audited 513 packages in 12s
found 0 vulnerabilities
Successfully built 4f1c2d3e
#12 exporting to image done
Uploading artifacts... 201 Created
dynamodb table orders: consumed 12 of 100 write units
secret orders/db rotated
sqs: received 0 messages
"""

STORES = """
LOG:  database system is ready to accept connections
LOG:  checkpoint complete: wrote 51 buffers (0.3%); 0 WAL file(s) added, 0 removed, 1 recycled
LOG:  automatic vacuum of table "shop.public.orders": index scans: 1
LOG:  duration: 12.1 ms  statement: SELECT 1
LOG:  connection authorized: user=app database=shop SSL enabled (protocol=TLSv1.3)
LOG:  received fast shutdown request
LOG:  database system is shut down
2026-11-20T10:00:00.000000Z 0 [System] [MY-010931] [Server] /usr/sbin/mysqld: ready for connections. Version: '8.4.0'  port: 3306
[Note] InnoDB: Buffer pool(s) load completed at 261120 10:00:00
1:M 20 Nov 2026 10:00:00.000 * Ready to accept connections tcp
1:M 20 Nov 2026 10:00:00.000 * Background saving started by pid 42
1:M 20 Nov 2026 10:00:00.000 * DB saved on disk
1:M 20 Nov 2026 10:00:00.000 * 100 changes in 300 seconds. Saving...
1:S 20 Nov 2026 10:00:00.000 * MASTER <-> REPLICA sync: Finished with success
{"t":{"$date":"2026-11-20T10:00:00Z"},"s":"I","c":"NETWORK","id":22943,"msg":"Connection accepted","attr":{"remote":"10.0.0.4:41220","connectionCount":12}}
{"t":{"$date":"2026-11-20T10:00:00Z"},"s":"I","c":"STORAGE","msg":"WiredTiger message","attr":{"message":"saving checkpoint snapshot min: 41"}}
[2026-11-20T10:00:00,000][INFO ][o.e.c.r.a.AllocationService] [es-0] Cluster health status changed from [YELLOW] to [GREEN] (reason: [shards started [[logs][0]]])
[2026-11-20T10:00:00,000][INFO ][o.e.m.j.JvmGcMonitorService] [es-0] using [1] data paths, mounts [[/data]], net usable_space [80gb]
[2026-11-20 10:00:00,000] INFO [KafkaServer id=1] started (kafka.server.KafkaServer)
[Consumer clientId=orders-1, groupId=orders] Successfully joined group with generation Generation{generationId=4}
[Consumer clientId=orders-1, groupId=orders] Resetting offset for partition orders-0 to position FetchPosition{offset=0}
[Partition orders-0 broker=1] Expanding ISR from 1,2 to 1,2,3
accepting AMQP connection <0.812.0> (10.0.0.7:41220 -> 10.0.9.2:5672)
closing AMQP connection <0.812.0> (10.0.0.7:41220 -> 10.0.9.2:5672, vhost: '/', user: 'app')
connection <0.812.0> (10.0.0.7:41220 -> 10.0.9.2:5672): user 'app' authenticated and granted access to vhost '/'
{"level":"info","msg":"finished scheduled compaction","compact-revision":4120,"took":"12.1ms"}
{"level":"info","msg":"serving client traffic securely","address":"[::]:2379"}
[INFO] [querynode] collection loaded, collectionID=441
HikariPool-1 - Start completed.
[gc][124967] overhead, spent [307ms] collecting in the last [1s]
[output:kinesis_streams:kinesis_streams.0] Sent 417 records, 0 failed, errors: 0
Waiting for Mnesia tables for 30000 ms, 9 retries left
Slave I/O thread: Start asynchronous replication to master 'repl@10.0.0.1:3306' in log '' at position 4
Expiring session 0x24ede63a01b003b, timeout of 10000ms exceeded
HikariPool-1 - Pool stats (total=10, active=2, idle=8, waiting=0)
pg_dump: dumping contents of table "public.orders"
Applied migration 0042_add_index in 120 ms
alembic.runtime.migration: Running upgrade 4f1c -> 8d2a, add column
Successfully applied 1 migration to schema "public", now at version v42
"""

NETWORK = """
10.0.0.5 - - [20/Nov/2026:10:00:00 +0000] "GET /healthz HTTP/1.1" 200 2 "-" "kube-probe/1.31"
10.0.0.5 - - [20/Nov/2026:10:00:00 +0000] "GET /old HTTP/1.1" 301 178 "-" "Mozilla/5.0"
10.0.0.5 - - [20/Nov/2026:10:00:00 +0000] "GET /favicon.ico HTTP/1.1" 404 153 "-" "Mozilla/5.0"
10.0.0.5 - - [20/Nov/2026:10:00:00 +0000] "GET /cart HTTP/1.1" 304 0 "-" "Mozilla/5.0"
10.0.0.5 - - [20/Nov/2026:10:00:00 +0000] "POST /orders HTTP/2.0" 201 512 "-" "okhttp/4.12"
[2026-11-20T10:00:00.000Z] "GET /api HTTP/1.1" 200 - via_upstream - "-" 0 512 12 11 "-" "curl/8" "id" "orders" "10.1.2.3:8080" outbound
open() "/usr/share/nginx/html/favicon.ico" failed (2: No such file or directory), client: 10.0.0.4, server: _
start worker process 31
signal 15 (SIGTERM) received, exiting
gracefully shutting down
reconfiguring, Configuration changes detected, backend reload required
Backend successfully reloaded
Server shop/web1 is UP, reason: Layer7 check passed, code: 200
all clusters initialized. initializing init manager
cm init: initializing secondary clusters
Envoy proxy is ready
Listening on 0.0.0.0:8080
server listening on [::]:50051
TLS handshake completed with 10.0.0.4, TLSv1.3
certificate shop-tls renewed, valid until 2027-02-18
certificate expires in 60 days
connected to db:5432 after 2 retries
reconnected to redis:6379
connection pool: 0 timeouts, 0 resets, 12 idle
DNS cache: 120 hits, 3 misses
conntrack entries 4120 of 262144
retry 1/3 succeeded after 120 ms
request timeout set to 30s
read_timeout=30s connect_timeout=5s
max_connections = 100
"""

PROGRAMS = """
Started OrdersApplication in 4.213 seconds (process running for 4.9)
Tomcat started on port 8080 (http) with context path '/'
Shutting down ExecutorService 'applicationTaskExecutor'
Commencing graceful shutdown. Waiting for active requests to complete
Graceful shutdown complete
[gc] GC(12) Pause Young (Normal) (G1 Evacuation Pause) 24M->8M(256M) 3.1ms
OpenJDK 64-Bit Server VM warning: Sharing is only supported for boot loader classes because bootstrap classpath has been appended
Registered ErrorHandler for NullPointerException
[INFO] Booting worker with pid: 9
[INFO] Listening at: http://0.0.0.0:8000 (1)
[INFO] Handling signal: term
[INFO] Worker exiting (pid: 9)
INFO:     Application startup complete.
INFO:     127.0.0.1:41220 - "GET /health HTTP/1.1" 200 OK
INFO:     127.0.0.1:41220 - "GET /missing HTTP/1.1" 404 Not Found
celery@worker1 ready.
Task orders.send[4f1c] succeeded in 0.12s: None
Task orders.send[4f1c] received
mingle: all alone
DeprecationWarning: datetime.datetime.utcnow() is deprecated and scheduled for removal in a future version
(node:1) [DEP0040] DeprecationWarning: The `punycode` module is deprecated. Please use a userland alternative instead.
Server running at http://localhost:3000/
> orders@1.0.0 start
GET /api/orders 200 12.312 ms - 512
Now listening on: http://[::]:8080
Application started. Press Ctrl+C to shut down.
Application is shutting down...
[GIN-debug] Listening and serving HTTP on :8080
[GIN] 2026/11/20 - 10:00:00 | 200 |     1.2ms |  10.0.0.4 | GET "/orders"
=> Booting Puma
* Listening on http://0.0.0.0:3000
Completed 200 OK in 12ms (Views: 8.1ms | ActiveRecord: 2.1ms)
Sidekiq 7.2 starting, options: concurrency 5
NOTICE: fpm is running, pid 1
NOTICE: ready to handle connections
[2026-11-20 10:00:00] production.INFO: Order 5 created
HTTP Request: POST https://api.openai.com/v1/chat/completions "HTTP/1.1 200 OK"
[ info] [input:tail:tail.0] inotify_fs_add(): inode=4120 watch_fd=7 name=/var/log/containers/orders.log
[ info] [fluent bit] version=3.1.9, commit=4f1c2d3e, pid=1
[ info] [sp] stream processor started
ts=2026-11-20T10:00:00Z caller=main.go:1024 level=info msg="Server is ready to receive web requests."
ts=2026-11-20T10:00:00Z level=info component=tsdb msg="write block" mint=1 maxt=2 duration=12ms
logger=context userId=1 level=info msg="Request Completed" method=GET path=/api/live status=200
Marking run successful
Filling up the DagBag from /opt/airflow/dags
scheduler_heartbeat ok
processed 1200 messages, 0 errors, 0 retries
failed=0 skipped=3 passed=120
Validation failed for 0 rows
loaded config: timeout=30 retries=3 memory_limit=512Mi
feature flag "circuit-breaker" is open to 10% of users
user 42 logged out
cache miss for key orders:42
payload size 512 bytes
queue depth 12, lag 3
config: protocol_version=2 compression=zstd
dhclient: lease expired, requesting a new one
connection.reset.interval = 30s
{"event":"quota","rate_limit_exceeded":false}
node is low on memory headroom, 12% free
All required environment variables are set
checking environment variables required for start
memory usage 41%, disk usage 52%
"""

BARE_ERRORS = """
KeyError: 'x'
KeyError: 'tariff'
ValueError: bad order
TypeError: price must be positive
IndexError: list index out of range
AssertionError
AssertionError: expected 3 lines, got 2
ZeroDivisionError: division by zero
StopIteration
RuntimeError: order 5 failed
Exception: something went wrong
java.lang.NullPointerException
    at com.shop.orders.Tariff.price(Tariff.java:42)
NullPointerException at com.shop
java.lang.IllegalStateException: order 5 has no lines
java.lang.IllegalArgumentException: unknown tariff GOLD
com.shop.OrderException: payment declined
Error: order not found
Error: invalid coupon
TypeError: total is not a function
ReferenceError: cart is not defined
RangeError: Invalid array length of cart
order 5 failed: tariff missing
tool 'x' already exists
item 5 already exists
plugin "csv" not found
user not found
customer 42 not found
order 5 rejected: credit limit exceeded
coupon expired
payment was refused by the bank
card declined: insufficient funds
import of file prices.csv failed in line 12: missing column tariff
invalid quantity -3
stock level below zero for item 12
checkout failed for cart 9
could not compute tax for region X
unexpected state PAID for order 5
panic: order 5 has no customer
System.InvalidOperationException: Sequence contains no elements
System.ArgumentException: unknown tariff
NoMethodError: undefined method `price' for #<Cart:0x00>
ArgumentError: wrong number of arguments (given 1, expected 2)
PHP Fatal error:  Uncaught Exception: order 5 failed in /app/src/Order.php:12
error: tariff table has version 3, wanted 4
job export-orders failed: 3 rows skipped
failed to parse tariff "GOLD"
permission to refund denied by policy of the shop
DetectPolicy denied: refunds over 500 need approval
error: wrong version number in price list header
Error: unsupported protocol: ftp
address 10.0.0.4 is not whitelisted for the beta
Requested resource not found
Incorrect username or password.
{"error":"invalidCredentials"}
copy failed: Bad address (14)
service "gift-wrap" not found in price list
"""


def lines(*texts: str) -> list[str]:
    return [line for text in texts for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("line", lines(KUBERNETES, CLOUD, STORES, NETWORK, PROGRAMS, BARE_ERRORS))
def test_no_entry_that_raises_knows_the_line(line: str) -> None:
    alarms = [
        name for name in SIGNATURES.matching(line) if KNOWLEDGE.entries[name].severity >= Severity.ERROR
    ]
    assert alarms == []
