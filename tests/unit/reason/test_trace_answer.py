"""An answer from a stack trace: the exception, its meaning, and the first frame of the application."""

from __future__ import annotations

import pytest

from cali.core.models import Origin
from tests.unit.reason.fakes import incident, reasoner

PYTHON = """Traceback (most recent call last):
  File "/srv/venv/lib/python3.11/site-packages/celery/app/trace.py", line 564, in trace_task
    R = retval = fun(*args, **kwargs)
  File "/srv/shop/tasks.py", line 6, in split_bill
    return total / guests
ZeroDivisionError: division by zero"""
JAVA = """java.lang.RuntimeException: request failed
\tat org.springframework.web.servlet.FrameworkServlet.processRequest(FrameworkServlet.java:1014)
Caused by: java.lang.NullPointerException: Cannot invoke "Cart.total()" because "cart" is null
\tat java.base/java.util.Optional.get(Optional.java:143)
\tat com.shop.cart.CartService.pay(CartService.java:42)"""
NODE = """TypeError: Cannot read properties of undefined (reading 'price')
    at Array.map (<anonymous>)
    at /srv/node_modules/express/lib/router.js:12:5
    at total (/srv/shop/cart.js:10:22)"""
GO = """panic: runtime error: index out of range [3] with length 3

goroutine 1 [running]:
main.pick(...)
\t/srv/shop/main.go:9 +0x1d
main.main()
\t/srv/shop/main.go:14 +0x1d"""
RUBY = """/srv/shop/app/cart.rb:9:in `total': undefined method `price' for nil:NilClass (NoMethodError)
\tfrom /usr/lib/ruby/gems/3.1.0/gems/rack/lib/rack.rb:3:in `call'
\tfrom /srv/shop/app/cart.rb:3:in `show'"""
DOTNET = """System.NullReferenceException: Object reference not set to an instance of an object.
   at System.Linq.Enumerable.First()
   at Shop.Cart.Total(Order order) in /src/Shop/Cart.cs:line 12"""
PHP = """PHP Fatal error:  Uncaught TypeError: Unsupported operand types: string + array in /srv/shop/cart.php:12
Stack trace:
#0 /srv/shop/index.php(3): total()"""


@pytest.mark.parametrize(
    ("message", "named", "place"),
    [
        (PYTHON, "ZeroDivisionError: division by zero", "/srv/shop/tasks.py:6"),
        (JAVA, "NullPointerException: Cannot invoke", "CartService.java:42"),
        (NODE, "TypeError: Cannot read properties", "/srv/shop/cart.js:10"),
        (GO, "index out of range", "/srv/shop/main.go:9"),
        (RUBY, "NoMethodError: undefined method", "/srv/shop/app/cart.rb"),
        (DOTNET, "NullReferenceException: Object reference", "/src/Shop/Cart.cs:12"),
        (PHP, "TypeError: Unsupported operand types", "/srv/shop/cart.php:12"),
    ],
)
def test_a_trace_answers_with_exception_and_place(message: str, named: str, place: str) -> None:
    diagnosis = reasoner().diagnose(incident(message))
    assert diagnosis.origin is Origin.KNOWLEDGE
    assert named in diagnosis.cause
    assert place in diagnosis.cause
    assert place in diagnosis.fix[0]
    assert {evidence.line for evidence in diagnosis.evidence} <= set(range(1, 10))
    assert 0.7 <= diagnosis.confidence <= 0.75


@pytest.mark.parametrize(
    "message",
    [
        "ZeroDivisionError: division by zero",  # no trace: nothing shows where
        PYTHON.replace("ZeroDivisionError", "shop.errors.GuestError"),  # only its program knows what it means
        JAVA.replace("java.lang.NullPointerException", "com.shop.CartException"),
        PYTHON.replace("/srv/shop", "/srv/venv/lib/python3.11/site-packages/shop").replace(
            "ZeroDivision", "Type"
        ),
    ],
)
def test_an_error_of_the_application_itself_stays_unknown(message: str) -> None:
    assert reasoner().diagnose(incident(message)).origin is Origin.NONE


def test_a_known_error_answers_before_its_trace() -> None:
    diagnosis = reasoner().diagnose(incident(f"{PYTHON}\nno space left on device"))
    assert [hit.id for hit in diagnosis.knowledge] == ["disk-full"]


def test_a_bug_in_a_trace_of_libraries_has_no_place() -> None:
    only_libraries = PYTHON.replace("/srv/shop", "/srv/venv/lib/python3.11/site-packages/shop")
    diagnosis = reasoner().diagnose(incident(only_libraries))
    assert diagnosis.cause.startswith("ZeroDivisionError: division by zero.")
    assert diagnosis.cause.endswith("The trace has no frame of the application.")
