"""Guards: what keeps an effect from happening twice, as far as the source shows it.

In doubt something is a guard: whoever asks a question that nobody can answer here may well have asked the
right one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from celerycheck.checks._sequence import can_follow, frames, functions, jumps, position
from celerycheck.source.code import Block, Call, Value, last, written
from celerycheck.source.evidence import Reached, TaskBody
from celerycheck.source.modules import Class, Function

_WORDS = re.compile(
    r"lock|once|single|unique|mutex|semaphore|throttl|debounce|idempot|dedup|already", re.IGNORECASE
)
"""What functions, decorators and classes that let a thing happen once are called."""

_KEY = re.compile(r"idempot|dedup|nonce|request_?id|message_?id", re.IGNORECASE)
"""How the key is called by which another system knows that a request came before."""

_MARK = re.compile(
    r"sent|notif|done|process|status|state|complet|finish|deliver|handled|paid|charged|publish|pending|confirm"
    r"|archiv|export|sync|remind|claimed|progress|lock|is_new|expired|acknowledg|read|seen|step|phase"
)
"""Fields that tell how far something is."""

_CONTACT = re.compile(
    r"mail|phone|mobile|address|name|url|uri|webhook|token|device|language|locale|timezone|enabled|wants|opt_?in"
    r"|subscrib|prefer|allow|title|text|body|subject|content|config|setting|recipients?$|users?$|debug"
)
"""Fields that tell where or whether to send something, whatever was sent before."""

_IDENTITY = re.compile(r"^(?:id|pk|uuid|slug|\w+_id|\w+_pk|email|name|username)(?:__in|__exact|__iexact)?$")
_ASIDE = (
    "django.conf.settings", "os.environ", "os.getenv", "flask.current_app", "datetime.", "time.", "random.",
    "django.utils.timezone.", "builtins.",
)  # fmt: skip
"""Whatever these give says nothing about earlier runs."""

_PASSING = frozenset(
    {"len", "bool", "any", "all", "isinstance", "str", "int", "list", "set", "hasattr", "getattr"}
)
_OF_REQUEST = frozenset({"retries", "redelivered", "delivery_info", "is_eager"})
_DUPLICATE = re.compile(
    r"(?:IntegrityError|DuplicateKeyError|UniqueViolation|AlreadyExists\w*|Duplicate\w*)$"
)
_QUERIES = frozenset({"filter", "get", "exclude", "filter_by", "where", "aget", "get_or_404"})
_OF_QUERIES = _QUERIES | frozenset(
    {"first", "last", "exists", "count", "all", "order_by", "values_list", "values", "only", "one", "scalar",
     "select_related", "one_or_none", "scalars", "distinct", "afirst", "aexists", "acount", "latest"}
)  # fmt: skip
_NEW_OR_NOT = ("get_or_create()", "update_or_create()", "setnx()", "sadd()")


@dataclass(eq=False)
class Guards:
    """What guards the effects of one task."""

    body: TaskBody
    depth: int

    def around(self, effect: Reached) -> bool:
        """Whether something before or around an effect may keep it from happening a second time."""
        return self._prevented(effect) or self._picked(effect, self._by_mark)

    def _prevented(self, effect: Reached) -> bool:
        return (
            self._locked(effect)
            or any(self._asked(call, function) for call, function in frames(effect))
            or any(_catches_duplicates(call) for call, _ in frames(effect))
            or _names_key(effect)
        )

    def in_round(self, effect: Reached, loop: Block) -> bool:
        """Whether an effect in a loop is guarded, or is written down for each element once it is done."""
        if self._prevented(effect) or self._picked(effect, self._by_unset):
            return True
        return any(
            any(block is loop for block in each.blocks)
            and position(each) > position(effect)
            and self.body.kinds(each) & {"write", "commit"}
            for each in self.body.reached(self.depth)
        )

    # locks

    def _locked(self, effect: Reached) -> bool:
        task = self.body.task
        names = [*task.wrapper_names, *(cls.name.rpartition(".")[2] for cls in task.classes)]
        for function in functions(effect):
            names += [last(value.chain) for value in function.decorators]
        names += [last(chain) for block in effect.blocks if block.kind == "with" for chain in block.chains]
        if any(_WORDS.search(name) for name in names):
            return True
        return any(can_follow(lock, effect) for lock in self._locks)

    @cached_property
    def _locks(self) -> list[Reached]:
        return [
            each
            for each in self.body.reached(self.depth)
            if "lock" in self.body.kinds(each) or _WORDS.search(each.original.method)
        ]

    # questions

    def _asked(self, call: Call, function: Function) -> bool:
        """Whether a condition that a call depends on may ask for what earlier runs have done."""
        around = {id(block) for block in call.blocks}
        for block in call.blocks:
            if block.kind in ("if", "else", "while", "case") and self._asks(block.test):
                return True
        line = call.node.lineno
        return any(
            self._asks(block.test)
            for block in function.code.blocks
            if block.kind in ("if", "else", "case")
            and id(block) not in around
            and (getattr(block.node, "end_lineno", None) or line) < line
            and jumps(block)
        )

    def _asks(self, value: Value) -> bool:
        if value.kind in ("constant", "text", "lambda"):
            return False
        if value.kind == "call" and value.call is not None and last(value.call.chain) in _PASSING:
            return any(self._asks(argument) for argument in value.call.args)
        if value.items:
            return any(self._asks(item) for item in value.items)
        if value.chain is None:
            return True
        return self._chain_asks(value.chain, value.call)

    def _chain_asks(self, chain: str, call: Call | None) -> bool:
        if chain.startswith("<task>"):
            return last(chain) in _OF_REQUEST or ".request" not in chain
        if chain.startswith("?"):
            return _attribute_asks(chain)
        if chain.startswith(_ASIDE) or self._from_network(chain):
            return False
        if any(part in chain for part in _NEW_OR_NOT):
            return True
        queries = list(_queries(call))
        if queries:
            return any(self._query_asks(query) for query in queries)
        return _attribute_asks(chain) if self._of_model(chain) else True

    def _from_network(self, chain: str) -> bool:
        parts = chain.split("()")
        starts = ("()".join(parts[:count]) for count in range(1, len(parts)))
        is_model = self.body.project.is_model
        return any("network" in self.body.source.libraries.kinds(start, is_model) for start in starts)

    def _of_model(self, chain: str) -> bool:
        parts = chain.replace("()", "").replace("[]", "").split(".")
        return any(self.body.project.is_model(".".join(parts[:count])) for count in range(2, len(parts) + 1))

    def _query_asks(self, query: Call) -> bool:
        """Whether a query looks for more than something of a given identity."""
        if query.args or query.open_keywords or query.open_args:
            return True
        names = list(query.keywords)
        return any(not _IDENTITY.match(name) for name in names)

    # rows chosen by how far they are

    def _picked(self, effect: Reached, advancing: Callable[[Reached], bool]) -> bool:
        """Whether the effect is for rows that are chosen by a field that the task, or somebody, advances."""
        return any(
            advancing(query)
            for query in self._selections
            if can_follow(query, effect) or query.original.order <= effect.original.order
        )

    @cached_property
    def _selections(self) -> list[Reached]:
        calls = self.body.reached(self.depth)
        return [each for each in calls if each.original.method in _QUERIES and each.call.keywords]

    def _by_unset(self, query: Reached) -> bool:
        """Whether a query looks for rows by a field that the task sets, or that is not set yet."""
        for name, value in query.call.keywords.items():
            field = name.partition("__")[0]
            empty = name.endswith("__isnull") or (value.is_constant and value.constant is None)
            if field in self.written or (empty and not _CONTACT.search(field)):
                return True
        return False

    def _by_mark(self, query: Reached) -> bool:
        """Whether a query looks for rows by a field that tells how far they are, whoever sets it."""
        given = query.call.keywords.items()
        marked = any(_MARK.search(name.partition("__")[0]) and _is_plain(value) for name, value in given)
        return marked or self._by_unset(query)

    @cached_property
    def written(self) -> frozenset[str]:
        """The names of all attributes and fields that the task sets."""
        reached = list(self.body.reached(self.depth))
        codes = {id(f.code): f.code for each in reached for f in functions(each)}
        names = {last(write.target) for code in codes.values() for write in code.writes}
        for each in reached:
            if each.original.method in ("update", "aupdate", "values"):
                names.update(each.call.keywords)
        return frozenset(names - {""})


def _is_plain(value: Value) -> bool:
    return value.is_constant or value.kind == "chain"


def _attribute_asks(chain: str) -> bool:
    """Whether the attribute of something at the end of a chain may tell what was done before."""
    name = last(chain)
    if "." not in chain or chain.endswith(("[]", ".get()")) or name in ("first", "get", "get_or_404"):
        return False
    return not _CONTACT.search(name) or bool(_MARK.search(name))


def _queries(call: Call | None) -> Iterator[Call]:
    """The queries that a value comes from: `filter` of `Order.objects.filter(..).exists()`."""
    for _ in range(8):
        if call is None or call.method not in _OF_QUERIES:
            return
        if call.method in _QUERIES:
            yield call
        call = call.receiver.call if call.receiver is not None else None


def _catches_duplicates(call: Call) -> bool:
    handlers = (handler for block in call.blocks if block.kind == "try" for handler in block.handlers)
    return any(_DUPLICATE.search(chain or "") for handler in handlers for chain in handler.chains)


def _names_key(effect: Reached) -> bool:
    """Whether the function around a request speaks of a key by which a second one would be known."""
    return any(_KEY.search(text) for text in _texts(effect.function.node))


def _texts(node: ast.AST) -> Iterator[str]:
    for child in ast.walk(node):
        if isinstance(child, ast.keyword) and child.arg:
            yield child.arg
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value
        elif isinstance(child, ast.Name):
            yield child.id


def has_unique_key(body: TaskBody, model: str, given: Iterable[str]) -> bool:
    """Whether a second row with the same values is refused by the database, as the model's source tells."""
    cls = body.project.cls(model)
    if cls is None:
        return False
    names = set(given)
    for owner in body.project.lineage(cls):
        if any(_is_unique(owner.attributes.get(name)) for name in names):
            return True
        if _has_constraint(owner, names):
            return True
    return False


def _is_unique(field: Value | None) -> bool:
    call = field.call if field is not None else None
    if call is None:
        return False
    if last(call.chain) == "OneToOneField":
        return True
    given = [call.keywords.get(name) for name in ("unique", "primary_key")]
    return any(value is not None and value.constant is True for value in given)


def _has_constraint(cls: Class, names: set[str]) -> bool:
    """Whether a constraint over several fields is written in a class, all of them given."""
    meta = cls.module.classes.get(f"{cls.qualname}.Meta")
    nodes = [holder.node for holder in (cls, meta) if holder is not None]
    for node in nodes:
        for statement in node.body:
            if isinstance(statement, ast.Assign) and _constrains(statement, names):
                return True
    return False


def _constrains(statement: ast.Assign, names: set[str]) -> bool:
    targets = {target.id for target in statement.targets if isinstance(target, ast.Name)}
    if not targets & {"unique_together", "constraints", "__table_args__"}:
        return False
    return any(group <= names for group in _groups(statement.value, "unique_together" in targets))


def _groups(node: ast.AST, together: bool) -> Iterator[set[str]]:
    """The fields of each constraint that allows no two rows alike in all of them."""
    for child in ast.walk(node):
        texts: Iterable[ast.AST] = ()
        if together and isinstance(child, (ast.Tuple, ast.List)):
            texts = child.elts
        elif isinstance(child, ast.Call) and written(child.func).endswith("UniqueConstraint"):
            texts = [
                *child.args,
                *(each for k in child.keywords if k.arg == "fields" for each in ast.walk(k.value)),
            ]
        group = {
            text.value for text in texts if isinstance(text, ast.Constant) and isinstance(text.value, str)
        }
        if group:
            yield group


__all__ = ["Guards", "has_unique_key"]
