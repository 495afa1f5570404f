"""Words of trouble in Korean, Japanese, Chinese and German, and phrases of these languages that deny trouble.

These languages write without blanks or attach particles to words, so roots are matched anywhere. The rows are data, as in
severity.py.
"""

from __future__ import annotations

import re

_CRITICAL = re.compile(
    r"""
      치명적 | 손상(?:되|됐|된|됨) | 커널\s?패닉 | 디스크(?:\s?공간)?(?:이|가)?\s?(?:가득|꽉)
    | 致命的 | 破損 | 致命 | 损坏 | 損壞 | 严重错误 | 嚴重錯誤
    | \b(?:schwerwiegend|kritisch|fatal)e[rns]?\s(?:\w+)?fehler
    """,
    re.IGNORECASE | re.VERBOSE,
)
_ERROR = re.compile(
    r"""
      실패 | 오류 | 에러 | 예외 | 거부 | 거절 | 시간\s?초과 | 타임\s?아웃 | 초과(?:되|됐|했|하였|됨) | 한도\s?초과 | 횟수\s?초과 | 장애 | 비정상
    | 부족(?!한\s?점) | 불가(?!피) | 수\s?없(?:습|음|다|었|는|어) | (?:하지|찾지|받지|읽지|열지|되지|보내지|얻지)\s?못 | 만료(?:되|됐|됨|된) | 잘못된 | 유효하지\s?않 | 올바르지\s?않
    | 존재하지\s?않 | 응답(?:이|을)?\s?(?:없|하지\s?않) | 권한(?:이)?\s?없 | (?:연결|접속|세션|통신)(?:이|가)?\s?(?:끊|종료되지|두절) | 중단(?:되|됐|됨) | 교착\s?상태 | 충돌
    | エラー | 失敗 | 例外 | 拒否 | タイムアウト | 時間切れ | できません | できなかった | できない | 異常 | 障害 | 不足 | 切断され | 見つかりません | 存在しません | 期限切れ | 無効な | 不正な | 応答がありません
    | 応答なし | 超過しました | 接続が切れ | クラッシュ | デッドロック | 中断されました
    | 失败 | 错误 | 錯誤 | 异常 | 超时 | 逾时 | 超時 | 逾時 | 拒绝 | 拒絕 | 无法 | 無法 | 不可用 | 不存在 | 未找到 | 找不到 | 无效 | 無效 | 过期 | 過期 | 崩溃 | 崩潰 | 故障 | 不可达 | 未授权 | 未授權
    | 溢出 | 连接(?:被)?(?:断开|中断|重置) | 出错 | 没有(?:响应|权限) | 死锁
    | \b(?:\w{3,40})?fehler\b | fehlgeschlagen | fehlschl | \bschl(?:ug|ägt)\sfehl | \bgescheitert | zeitüberschreitung | zeitlimit\s\w{0,14}überschritten | \babgelehnt | \bverweigert | \bungültig | \babgestürzt
    | \babgebrochen | \babgelaufen | \bnicht\s(?:gefunden|möglich|erreichbar|verfügbar|genügend|genug) | \b(?:konnten?|kann|können)\s(?:\w+\s){0,5}?nicht\b | \bunbehandelte\sausnahme
    """,
    re.IGNORECASE | re.VERBOSE,
)
_WARNING = re.compile(
    r"경고|재시도|지연\s?발생|警告|再試行|リトライ|重试|重試|\bwarnung|\bveraltet|\bwird\swiederholt",
    re.IGNORECASE,
)
# The program handles the trouble itself.
_SOFT = re.compile(
    r"재시도(?:합니다|할\s?예정|\s?예정|\s?중|를\s?시작)|다시\s?시도(?:합니다|\s?중|할)|재연결(?:합니다|\s?중|을\s?시도)|기본값(?:을|으로)|무시(?:합니다|됨|하고)"
    r"|再試行します|再試行中|再接続(?:します|中)|リトライ(?:します|中)|無視し|(?:将|正在|稍后)(?:自动)?重试|秒后重试|正在重连|使用默认|已忽略|\berneuter\sversuch|\bversuche\serneut|\bwird\swiederholt",
    re.IGNORECASE,
)

# Phrases that contain such a root and report no trouble.
_HARMLESS = re.compile(
    r"""
      (?: 오류 | 에러 | 실패 | 예외 | 장애 | 경고 | 손상 | 충돌 | 거부 | 지연 | 중단 | 만료 | 부족 | 비정상 | 타임\s?아웃 | 시간\s?초과 ) (?:\s?(?:건|건수|횟수|내역|로그|징후|사항|발생))? (?: 이 | 가 | 은 | 는 | 도 | 를 | 을 )? \s?
        (?: 없 | 아님 | 아닙 | 아니 | (?:발생|발견|감지|확인)?(?:하지|되지)\s?않 | 안\s?(?:남|났|됨) )
    | (?: 오류 | 에러 | 실패 | 예외 | 장애 | 시간\s?초과 | 타임\s?아웃 | 문제 ) (?:\s?상태)? (?: 이 | 가 | 를 | 을 | 에서 | 로부터 | 에서도 )? \s? (?: 모두\s | 자동으로\s | 정상\s | 정상적으로\s )? (?: 해결 | 복구 | 해소 | 수정 | 극복 | 조치\s?완료 ) (?!에?\s?실패|할\s?수\s?없|하지\s?못|\s?불가)
    | (?: 오류 | 에러 | 예외 | 실패 | 장애 ) \s? (?: 처리 | 핸들러 | 핸들링 | 코드\s?(?:표|목록|등록|로드) | 로그 | 로깅 | 페이지 | 보고 | 리포트 | 메시지\s?(?:로드|목록|등록) | 추적 | 감지 | 탐지 | 알림 | 정책 | 임계 | 허용 | 주입 | 대응 | 테스트 | 통계 | 모니터링 | 복구 )
    | (?: 오류 | 에러 | 예외 | 실패 | 장애 | 시간\s?초과 | 타임\s?아웃 | 만료 | 거부 | 중단 | 부족 ) \s? (?:발생\s?)? (?: 시(?![간도스]) | 하면 | 되면 | 할\s경우 | 될\s경우 | 하는\s경우 | 인\s경우 | (?:가|이)\s(?:발생하면|나면) )
    | 예외적 | 예외\s?(?:적용|대상|목록) | 거부\s?(?:목록|리스트) | (?:타임\s?아웃|시간\s?초과|만료)\s?(?:시간|시각|일|일자|일시|기간|값|설정|예정|기준|한도)?(?:은|는|이|을|를)?\s?[:=]?\s?\d+\s?(?:ms|s|초|분|시간|일|밀리초)
    | (?:타임\s?아웃|시간\s?초과|만료)\s?(?:시간|시각|일자|일시|기간|값|설정|예정) | 만료된\s(?:세션|캐시|항목|키|레코드|데이터|파일|로그|토큰)\S{0,4}\s?(?:\d+\S{0,3}\s?)?(?:을|를)?\s?(?:삭제|정리|제거|갱신)
    | 재시도 \s? (?: 후 | 끝에 | \d+회 \s? 만에 | \d+회 \s? 후 ) \s? (?:에\s)? (?: 연결에\s | 전송에\s | 처리에\s )? 성공 | (?: 再試行 | リトライ ) (?:の)? 後? に? \s? 成功 | (?: 重试 | 重試 ) (?: 后 | 後 )? \s? 成功
    | 손상(?:되지|이|은)?\s?(?:않|없) | 중단\s?없이 | 무중단 | 무장애 | 장애\s?(?:조치|극복|허용)
    | (?: エラー | 異常 | 失敗 | 例外 | 障害 | 警告 | 不足 | 破損 | タイムアウト ) (?:の発生)? (?: は | も | が | を )? \s? (?: (?:一切\s?|特に\s?|検出されて|発生して|見つかり|あり|発生し|検出され)* (?: ありません | いません | ませんでした | ません | なかった ) | な[しくい] | 無[しくい] | ゼロ | 発生せず )
    | (?: エラー | 例外 | 異常 | 障害 | 失敗 ) (?: ハンド | 処理(?!中|が|に|で) | ログ | ページ | 検知 | 検出器 | レポート | コード表 | 時 | 率の | した場合 | 通知 | 監視 | 対応 | メッセージを読 ) | (?: エラー | 異常 | 障害 ) (?: は | が | から | を )? (?: 解消 | 復旧 | 回復 | 修正 | 解決 ) (?!でき|に失敗)
    | タイムアウト (?: 時間 | 値 | 設定 | は?\s?[:=]?\s?\d )
    | (?: 没有 | 沒有 | 无 | 無 | 未 | 零 | 并无 ) (?:任何)? (?: 发生 | 發生 | 发现 | 發現 | 出现 | 出現 | 检测到 | 檢測到 )? (?:任何)? \s? (?: 错误 | 錯誤 | 异常 | 異常 | 失败 | 失敗 | 故障 | 警告 | 超时 | 超時 | 损坏 )
    | (?: 错误 | 錯誤 | 异常 | 異常 | 故障 | 失败 | 失敗 ) (?: 处理 | 處理 | 日志 | 日誌 | 页面 | 頁面 | 检测 | 檢測 | 报告 | 報告 | 码表 | 监控 | 監控 | 转移 | 轉移 | 恢复 | 恢復 | 时 | 時 | 后 | 重试次数 )(?!失败|失敗)
    | (?: 错误 | 錯誤 | 异常 | 異常 | 故障 | 问题 ) \s? (?: 已 | 已经 | 已經 )? \s? (?: 解决 | 解決 | 恢复 | 恢復 | 修复 | 修復 | 排除 ) | (?: 超时 | 超時 | 过期 | 過期 ) (?: 时间 | 時間 | 设置 | 設定 | 值 ) | (?: 超时 | 超時 ) \s? [:：=] \s? \d
    | (?: 清理 | 删除 | 移除 | 刪除 ) (?:了)? \s? (?:\d+\s?[个個条條]?)? \s? (?:已)? (?: 过期 | 過期 )
    | \b(?:kein(?:e[nrms]?)?|ohne|null)\s(?:(?:weiteren?|neuen?|bekannten?)\s)?(?:\w{3,40})?fehler\w{0,3}\b | \bfehler(?:frei|los|behandlung|seite|protokoll|toleranz|korrektur|bericht|prüfung|code[s]?tabelle|meldungen\sgeladen)\w{0,3} | \bfehler\s(?:wurden?\s|ist\s|sind\s)?(?:behoben|beseitigt|gelöst|korrigiert)
    | \bnicht\s(?:fehlgeschlagen|abgelaufen|abgelehnt|abgebrochen|abgestürzt) | \bzeitüberschreitung\s?(?:von|auf|:|=|ist)?\s?\d | \bbei\sfehlern?\b
    """,
    re.IGNORECASE | re.VERBOSE,
)

# Rows in which a number decides. {n} stands for the number, as in severity.py.
_NOUNS = r"(?:오류|에러|실패|예외|경고|장애|거부|시간\s?초과|타임\s?아웃|エラー|失敗|例外|異常|警告|错误|錯誤|失败|异常|超时|超時|fehler|warnungen|fehlgeschlagen)"
_ROWS = (
    rf"{_NOUNS} (?: \s? (?: 발생 | 発生 | 发生 ) )? (?: \s? (?: 건수 | 횟수 | 개수 | 수 | 율 | 률 | 件数 | 数 | 率 | 数量 | 數量 | 次数 | 次數 ) )? (?: 은 | 는 | 이 | 가 | は | が | 为 | 為 )? \s? [:：=]? \s? {{n}} \s? (?: 건 | 개 | 회 | 번 | % | 퍼센트 | 件 | 個 | 个 | 条 | 條 | 次 | 回 )? (?![\d.])",
    rf"(?<![\d.,:/-]) {{n}} \s? (?: 건 | 개 | 회 | 번 | 件 | 個 | 个 | 条 | 條 | 次 | 回 )? (?: 의 | の )? \s? {_NOUNS}",
)


def _numbers(number: str) -> re.Pattern[str]:
    return re.compile("|".join(row.replace("{n}", number) for row in _ROWS), re.IGNORECASE | re.VERBOSE)


_NONE = _numbers(r"0+(?:\.0+)?(?!\.?\d)")
_SOME = _numbers(r"\d+(?:\.\d+)?")
# Fast check for German: a lower-cased line without these has no match. The other languages are not ASCII.
GERMAN = (
    "fehl",
    "gescheitert",
    "abgelehnt",
    "verweigert",
    "abgebrochen",
    "abgelaufen",
    "nicht",
    "warnung",
    "veraltet",
    "wird wiederholt",
)


def speaks(message: str, low: str) -> bool:
    """Return True if a line may be written in one of these languages. The check is fast and rules out nearly all
    other lines."""
    return not message.isascii() or any(root in low for root in GERMAN)


def critical(text: str) -> bool:
    """Return True if a text reports a loss or a permanent failure."""
    return _CRITICAL.search(text) is not None


def error(text: str) -> bool:
    """Return True if a text reports an error."""
    return _ERROR.search(text) is not None


def warning(text: str) -> bool:
    """Return True if a text reports a warning."""
    return _WARNING.search(text) is not None


def soft(text: str) -> bool:
    """Return True if a text reports that the program handles the trouble itself."""
    return _SOFT.search(text) is not None


def without_harmless(text: str) -> str:
    """Remove phrases that contain a word of trouble but report none: denials, names, counts of zero."""
    return _HARMLESS.sub(" ", _NONE.sub(" ", text))


def needs_digits(blind: str) -> bool:
    """Return True if a number in a digit-blind text counts trouble, so that its value decides."""
    return _SOME.search(blind) is not None
