"""Lines as programs write them, and how bad they are: one line a row."""

CRITICAL = """
panic: runtime error: invalid memory address or nil pointer dereference
FATAL: the database system is starting up
fatal error: concurrent map writes
Out of memory: Killed process 1234 (java)
java.lang.OutOfMemoryError: Java heap space
Container app was OOMKilled
Segmentation fault (core dumped)
kernel: Oops: 0002 [#1] SMP
write /data/x: no space left on device
index is corrupted, rebuild needed
fork: Cannot allocate memory
Kernel panic - not syncing: VFS
SIGSEGV (0xb) at pc=0x00007f
terminate called after throwing an instance of 'std::runtime_error'
"""
ERROR = """
Error: Cannot find module 'express'
5 tests failed, 3 passed
psycopg2.OperationalError: connection failed, is the server running locally?
error: unknown command "sart". Did you mean "start"?
error: failed to push some refs
ERROR something bad
[error] 12#12: *1 upstream prematurely closed
E: Unable to locate package foo
connect ECONNREFUSED 10.0.0.5:5432
dial tcp 10.0.0.5:5432: connect: connection refused
read: connection reset by peer
write: broken pipe
lookup db on 10.96.0.10:53: no such host
open /etc/app.yaml: no such file or directory
permission denied while trying to connect to the Docker daemon
Access denied for user 'app'@'localhost' (using password: YES)
403 Forbidden
pods is forbidden: User "x" cannot list resource "pods"
Unauthorized
You must be logged in to the server (Unauthorized)
context deadline exceeded
Read timed out.
timeout waiting for connection from pool
request timed out after 30000ms
timeout of 30000ms exceeded
Back-off restarting failed container app in pod web-1
Back-off pulling image "foo:latest"
CrashLoopBackOff
Error: ImagePullBackOff
ErrImagePull
Failed to pull image "foo": not found
FailedScheduling 0/3 nodes are available
FailedMount Unable to attach or mount volumes
Readiness probe failed: HTTP probe failed with statuscode: 503
Liveness probe failed: dial tcp: connect refused
The node was low on resource: memory. Container was evicted
Pod was Evicted
node is unhealthy
Node ip-10-0-0-1 status is now: NodeNotReady
no route to host
server is unreachable
Deadlock found when trying to get lock; try restarting transaction
message rejected by broker
task was rejected from executor
Throttling: Rate exceeded
ThrottlingException: Rate exceeded
quota exceeded for quota metric
certificate has expired
x509: certificate has expired or is not yet valid
token expired at 2024-05-01
lost connection to MySQL server during query
transaction aborted
process exited with exit code 1
exitCode: 137
command terminated, exit status 2
exited with code 127
status=500 path=/a
"GET /a HTTP/1.1" 502 166
responded with 503
upstream returned 504
HTTP 500 from payment
500 Internal Server Error
java.lang.IllegalStateException: no bean
Exception in thread "main" java.lang.NullPointerException
Caused by: java.net.ConnectException: Connection refused
Traceback (most recent call last):
ValueError: invalid literal for int() with base 10
django.db.utils.OperationalError: server closed the connection
SomethingError: msg
TypeError: x is not a function
UnhandledPromiseRejectionWarning: Error: boom
Uncaught Exception: boom
psycopg2.errors.UniqueViolation: duplicate key value violates unique constraint
duplicate key value violates unique constraint "users_pkey"
couldn't connect to server
could not translate host name "db" to address
can't open file
unable to load configuration
Job has reached the specified backoff limit: BackoffLimitExceeded
5 errors generated.
3 errors found
errors: 7
Tests run: 5, Failures: 1, Errors: 0, Skipped: 0
failed=2 unreachable=0
error rate 12.5%
address already in use
listen EADDRINUSE: address already in use :::3000
getaddrinfo ENOTFOUND db
EACCES: permission denied, open '/x'
ORA-12541: TNS error
npm ERR! code ELIFECYCLE
SSL_ERROR_SYSCALL in connection to x
net::ERR_CONNECTION_REFUSED
sh: foo: command not found
Too many open files
Killed
worker crashed
leader lost quorum
lost leadership
The connection was lost
CreateContainerConfigError
Invalid username or password
Handler dispatch failed
Error while handling request
AccessDeniedException: User is not authorized to perform
level=error msg="boom"
pq: relation "users" does not exist
no healthy upstream
Readiness probe errored: rpc error
authentication failure; logname= uid=0
Exception causing close of session 0x0 due to java.io.IOException: not running
not able to reach db
the agent isn't able to reach the hub
unsuccessful login
주문 처리 실패
오류가 발생했습니다
데이터베이스 오류: 연결 거부
연결 거부
시간 초과
메모리 부족
응답 시간 초과로 요청을 처리할 수 없습니다
실패 3건, 성공 12건
오류 10건
실패 0건, 오류 2건
장애 복구에 실패했습니다
오류 처리 실패
파일을 찾을 수 없습니다
인증서가 만료되었습니다
[오류] 결제 승인 거절
서버로부터 응답이 없습니다
예외 발생: NullPointer
실패시간 기록: 주문 실패
接続に失敗
接続に失敗しました
エラー
エラーが発生しました
エラー 3件
ファイルが見つかりません
連携先に接続できませんでした
メモリ不足
连接失败
错误
数据库连接异常
异常
錯誤: 無法連線
3 个错误
请求超时
无法连接到数据库
权限不足, 访问被拒绝
Anmeldung fehlgeschlagen
Verbindung fehlgeschlagen
Fehler
Fehler beim Lesen der Datei
Verbindungsfehler: Zeitüberschreitung
Zeitüberschreitung
3 Fehler
Datei konnte nicht geöffnet werden
Zugriff verweigert
"""
WARNING = """
WARN disk is slow
warning: unused variable
DeprecationWarning: Buffer() is deprecated
connection refused, will retry in 5s
failed to reach db, retrying (attempt 2/5)
timed out, retrying in 10 seconds
request throttled
npm WARN deprecated foo@1.0.0
could not read config, using defaults; falling back to default
[WARNING] cache degraded
consumer is degraded
Retrying connect to server: 10.0.0.1. Already tried 3 time(s)
instruction cache parity error corrected
경고: 디스크 사용량 91%
재시도 2회
DB 연결 실패, 5초 후 재시도합니다
連接失败，正在重试
警告: ディスク使用率
接続を再試行します
警告：磁盘使用率
Warnung: Speicher knapp
"""
WELL = """
Liveness: http-get http://:8080/healthz delay=10s timeout=1s period=10s #success=1 #failure=3
0 errors
0 errors, 0 warnings
completed with 0 failures
failed=0
ok=12 changed=3 unreachable=0 failed=0
errors: 0
errors=0 dropped=0
no errors
No errors found
finished without error
without any errors
error=null
"error": null
err=<nil>
error=<nil>
"error": ""
"errors": []
error: none
ErrorHandler registered
Mapped "{[/error]}" onto public BasicErrorController.error
Mapped "{[/error],produces=[text/html]}"
errorPageFilter registered
Mapping filter: 'errorPageFilter' to: [/*]
error_log = /var/log/php/error.log
on_error: continue
failover complete
failure_threshold=3
failureThreshold: 3
log_level=error
log level set to error
fail-on: error
--error-limit 10
--fail-fast enabled
succeeded at retry 1
succeeded after 3 attempts, previous error: connection refused
connection recovered
reconnected to broker after connection lost
graceful shutdown complete
terminating gracefully
timeout=30s
timeout: 30s
timeoutSeconds: 1
session timeout set to 30 minutes
Established session 0x14f05578bd80006, negotiated timeout = 10000
error rate 0.00%
error_rate=0.0
Tests run: 5, Failures: 0, Errors: 0, Skipped: 0
--- PASS: TestErrorHandling (0.00s)
test_raises_error PASSED
exception handling enabled
error reporting initialized
crash reporter started
exit code 0
process exited with code 0
exited with status 0
exit code 143
Received SIGTERM, shutting down
caught SIGINT, exit code 130
Is the server running?
Usage: tool [--fail-on LEVEL] errors are printed
0 packets dropped
0% packet loss, errors 0
retries=0 failed=0
expired sessions removed
12 expired entries deleted
cache entry expired
errors will be logged to stderr
dead letter on error: continue
restartPolicy: on-failure
the job did not fail
max_retries=3
maxRetries=3 retryBackoff=2s
loaded error messages from /etc/errors.json
error-free run
exception mapper registered
GET /error 200
GET /errors.js 304
ExceptionHandlerExceptionResolver ready
non-fatal
OOM score adjusted to 1000
removing expired token for key 1
checking for errors in config
Error rate is 0%
retry succeeded
Adding 1 torrents; 0 failed
오류 없음
오류가 없습니다
오류 없이 완료했습니다
오류가 발생하지 않았습니다
실패 0건
성공 12건, 실패 0건
오류 0건, 경고 0건
실패: 0
에러 발생: 0건
재시도 후 성공
重试成功
오류 처리기 등록
장애가 복구되었습니다
오류 발생 시 재기동하도록 설정
예외 처리 활성화
타임아웃 30초
타임아웃 설정 완료
만료된 세션 12개를 삭제했습니다
무중단 배포 완료
エラーはありません
エラーなし
エラー 0件
異常はありませんでした
エラーハンドラを登録
タイムアウト: 30
障害は復旧しました
没有错误
没有发现异常
无异常
错误: 0
0 个错误
错误处理已启用
超时时间 30
故障已恢复
Keine Fehler
ohne Fehler beendet
0 Fehler
Fehler: 0
fehlerfrei gestartet
Fehler behoben
INFO handler for errors
alarm cleared: the error was resolved
"""
SILENT = """
Please specify a different user with the option --uid.
Please see the manual
Started Application in 3.2 seconds
Listening on port 8080
user 42 logged in
GET /index.html 200 12ms
status=200 took 3ms
"GET / HTTP/1.1" 200 512
Connected to 10.0.0.1:5432
Pulled image "nginx:1.25"
order 500 created
took 503 ms
port 5000 open
mirror synced
Successfully assigned default/web to node-1
checkpoint complete: wrote 500 buffers
주문 42 처리 완료
서버가 시작되었습니다
注文を処理しました
订单处理完成
Bestellung 42 verarbeitet
Verbindung nicht mehr gebraucht

"""
