import pytest

from celerycheck.inspection.bytecode import hands_on, names_in, words_in


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("helper(self)", True),
        ("helper(1, task=self)", True),
        ("return self", True),
        ("x = self", True),
        ("[self]", True),
        ("def f(): helper(self)", True),
        ("helper(x, self, x)", True),
        ("return lambda: self", True),
        ("f'{self}'", True),
        ("x.y = self", True),
        ("self.retry()", False),
        ("self.retry(exc=x, countdown=5)", False),
        ("return self.request.id", False),
        ("self.x = x", False),
        ("self.x += 1", False),
        ("del self.x", False),
        ("helper(self.name, x)", False),
        ("def f(): self.retry()", False),
        ("def f(self): helper(self)", False),
        ("pass", False),
        ("helper(x)", False),
        ("y = x; self.z(y)", False),
        ("return lambda: self.retry()", False),
        ("[self.retry() for y in x]", False),
        ("self.a.b(x).c", False),
    ],
)
def test_hands_on(body, expected):
    scope = {}
    exec("def task(self, x):\n    " + body, scope)
    assert hands_on(scope["task"].__code__, "self") is expected


def test_names_and_words():
    def outer():
        def inner():
            return pytest.attribute.get("short", "long" * 40)

        return inner

    assert names_in(outer.__code__) == {"pytest", "attribute", "get"}
    assert {"short", "attribute"} <= words_in(outer.__code__)
    assert "long" * 40 not in words_in(outer.__code__)
