"""Reads statements in order, as Python would run them, and notes what they do and what names then are."""

from __future__ import annotations

import ast
import builtins
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from celerycheck.source.code import UNKNOWN, Block, Call, Code, Constant, Raise, Return, Value, Write
from celerycheck.source.modules import Class, Function, Module

_BUILTINS = {name: Value("chain", f"builtins.{name}") for name in dir(builtins)}
_NONE = Value("constant")
_ARITHMETIC: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_MOST_ITEMS = 100
_CHANGES = frozenset({"update", "setdefault", "pop", "popitem", "clear", "remove", "sort", "reverse"})
_NO_TYPES = ("typing.", "typing_extensions.", "collections.abc.", "builtins.object")

Names = dict[str, Value]


def read_module(module: Module, tree: ast.Module) -> None:
    """Fill in a module's names, functions, classes and code from its syntax tree."""
    Reader(module, module.code, module.names, prefix="").statements(tree.body)


def read_function(function: Function) -> Code:
    """What a function does."""
    code = Code()
    names = dict(function.closure)
    prefix = f"{function.qualname}.<locals>."
    reader = Reader(function.module, code, names, prefix=prefix, function=function)
    reader.bind_parameters(function)
    reader.statements(function.body)
    return code


def read_expression(function: Function, node: ast.expr) -> Value:
    """What an expression in a function is, going by its parameters and the module alone."""
    reader = Reader(function.module, Code(), dict(function.closure), prefix="", function=function)
    reader.bind_parameters(function)
    return reader.value(node)


def parameter_chain(function: Function, name: str) -> str | None:
    """What a parameter is where its function begins: an instance of its annotation's class, or `?name`."""
    reader = Reader(function.module, Code(), dict(function.closure), prefix="", function=function)
    reader.bind_parameters(function)
    return reader.names[name].chain


class Reader:
    """Walks statements and expressions once, with the names known at that point."""

    def __init__(
        self,
        module: Module,
        code: Code,
        names: Names,
        *,
        prefix: str,
        function: Function | None = None,
        cls: Class | None = None,
    ) -> None:
        self.module = module
        self.code = code
        self.names = names
        self.prefix = prefix
        self.function = function
        self.cls = cls
        self.blocks: tuple[Block, ...] = ()
        self.order = 0

    # statements

    def statements(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            handler = self._STATEMENTS.get(type(statement))
            if handler is not None:
                handler(self, statement)
            else:
                self._parts(statement)

    def _parts(self, node: ast.AST) -> None:
        """Evaluate every expression directly below a node that needs no treatment of its own."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)

    def _next(self) -> int:
        self.order += 1
        return self.order

    def _within(self, block: Block, body: Sequence[ast.stmt]) -> bool:
        """Read a body inside a block; whether control leaves it at its end."""
        outer = self.blocks
        self.blocks = (*outer, block)
        self.code.blocks.append(block)
        self.statements(body)
        self.blocks = outer
        return bool(body) and _leaves(body[-1])

    def _expression(self, node: ast.Expr) -> None:
        value = self.value(node.value)
        if value.call is not None and value.call.node is _unawaited(node.value):
            value.call.use = "statement"

    def _return(self, node: ast.Return) -> None:
        value = self.value(node.value) if node.value is not None else None
        if value is not None and value.call is not None and value.call.node is _unawaited(node.value):
            value.call.use = "returned"
        self.code.returns.append(Return(value, node, self.blocks, self._next()))

    def _raise(self, node: ast.Raise) -> None:
        value = self.value(node.exc) if node.exc is not None else None
        if value is not None and value.call is not None and value.call.node is node.exc:
            value.call.use = "raised"
        if node.cause is not None:
            self.value(node.cause)
        self.code.raises.append(Raise(value, node, self.blocks, self._next()))

    def _assign(self, node: ast.Assign) -> None:
        value = self.value(node.value)
        for target in node.targets:
            self._bind(target, value, node)

    def _annotated(self, node: ast.AnnAssign) -> None:
        value = self.value(node.value) if node.value is not None else UNKNOWN
        if value.chain is None and not value.items and not value.is_constant:
            value = self.instance(node.annotation) or value
        self._bind(node.target, value, node)

    def _augmented(self, node: ast.AugAssign) -> None:
        value = self.value(node.value)
        if isinstance(node.target, ast.Name):
            old = self.name(node.target.id)
            if old.kind == "list" and isinstance(node.op, ast.Add):
                self.names[node.target.id] = Value("either", items=(old, value))
            else:
                self.names[node.target.id] = Value(
                    "operation", items=(old, value), operator=type(node.op).__name__
                )
        else:
            self._write(node.target, value, node, augmented=True)

    def _bind(self, target: ast.expr, value: Value, statement: ast.stmt | None) -> None:
        """Give a name, or a tuple of names, its value; note a write to anything else."""
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            items = value.items if value.kind in ("tuple", "list") and not value.many else ()
            even = len(items) == len(target.elts)
            for number, element in enumerate(target.elts):
                self._bind(element, items[number] if even else _element(value), statement)
        elif isinstance(target, ast.Starred):
            self._bind(target.value, UNKNOWN, statement)
        elif statement is not None:
            self._write(target, value, statement, augmented=False)

    def _change(self, method: ast.expr, holder: Value, args: tuple[Value, ...]) -> None:
        """Take in what a method does to a list or dict that a variable holds (`steps.append(..)`)."""
        if not isinstance(method, ast.Attribute) or not isinstance(method.value, ast.Name):
            return
        if method.attr == "append" and len(args) == 1 and not holder.many and len(holder.items) < _MOST_ITEMS:
            changed = Value("list", items=(*holder.items, args[0]))
        elif method.attr in ("append", "insert") and args:
            changed = Value("either", items=(holder, Value("list", items=(args[-1],))))
        elif method.attr == "extend" and len(args) == 1:
            changed = Value("either", items=(holder, args[0]))
        elif method.attr in _CHANGES:
            changed = UNKNOWN
        else:
            return
        self.names[method.value.id] = changed

    def _change_element(self, target: ast.expr, value: Value | None) -> None:
        """Take in that an element of the list or dict that a variable holds is set, or deleted (None)."""
        if not isinstance(target, ast.Subscript) or not isinstance(target.value, ast.Name):
            return
        holder = self.name(target.value.id)
        if holder.kind not in ("list", "dict"):
            return
        key = target.slice.value if isinstance(target.slice, ast.Constant) else None
        named = holder.named()
        if named is None or value is None or not isinstance(key, str) or holder.many:
            self.names[target.value.id] = UNKNOWN
            return
        named[key] = value
        keys = tuple(Value("constant", constant=name) for name in named)
        self.names[target.value.id] = Value("dict", items=tuple(named.values()), keys=keys)

    def _write(self, target: ast.expr, value: Value, node: ast.stmt, *, augmented: bool) -> None:
        place = self.value(target)
        if not augmented:
            self._change_element(target, value)
        holder = place.chain.rpartition(".")[0] or None if place.chain else None
        write = Write(place.chain, holder, value, augmented, node, self.blocks, self._next())
        self.code.writes.append(write)

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.names.pop(target.id, None)
            else:
                self.value(target)
                self._change_element(target, None)

    def _if(self, node: ast.If) -> None:
        test = self.value(node.test)
        before = dict(self.names)
        left = self._within(Block("if", node, test=test, group=node), node.body)
        after_body, self.names = self.names, before
        left_else = bool(node.orelse) and self._within(
            Block("else", node, test=test, group=node), node.orelse
        )
        self._join([(after_body, left), (self.names, left_else)])

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        iterated = self.value(node.iter)
        before = dict(self.names)
        self._bind(node.target, _element(iterated), None)
        block = Block("loop", node, chains=(iterated.chain,), test=iterated, group=node)
        self._within(block, node.body)
        self._join([(before, False), (self.names, False)])
        self.statements(node.orelse)

    def _while(self, node: ast.While) -> None:
        test = self.value(node.test)
        before = dict(self.names)
        self._within(Block("while", node, test=test, group=node), node.body)
        self._join([(before, False), (self.names, False)])
        self.statements(node.orelse)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        chains = []
        for item in node.items:
            value = self.value(item.context_expr)
            chains.append(value.chain)
            if item.optional_vars is not None:
                self._bind(item.optional_vars, self.entered(value), None)
        self._within(Block("with", node, chains=tuple(chains), group=node), node.body)

    def entered(self, value: Value) -> Value:
        """What `with value as ..` gives: the value itself, but for the project's own generators."""
        if value.chain is None or not value.chain.endswith("()"):
            return value
        function = value.function or self.module.project.function(value.chain.removesuffix("()"))
        chain = self.module.project.yielded(function) if function is not None else None
        return value if chain is None else self._resolved(Value("chain", chain))

    def _try(self, node: ast.Try) -> None:
        handlers = tuple(self._handler_block(handler, node) for handler in node.handlers)
        before = dict(self.names)
        left = self._within(Block("try", node, group=node, handlers=handlers), node.body)
        if node.orelse:
            left = self._within(Block("try-else", node, group=node), node.orelse)
        ends = [(self.names, left)]
        for block, handler in zip(handlers, node.handlers, strict=True):
            self.names = {**before, **ends[0][0]}
            if handler.name:
                caught = block.chains[0] if len(block.chains) == 1 else None
                self.names[handler.name] = Value("chain", f"{caught}()" if caught else None)
            handler_left = self._within(block, handler.body)
            ends.append((self.names, handler_left))
        self._join(ends)
        if node.finalbody:
            self._within(Block("finally", node, group=node), node.finalbody)

    def _handler_block(self, handler: ast.ExceptHandler, node: ast.Try) -> Block:
        chains: tuple[str | None, ...] = ()
        if isinstance(handler.type, ast.Tuple):
            chains = tuple(self.value(element).chain for element in handler.type.elts)
        elif handler.type is not None:
            caught = self.value(handler.type)
            chains = tuple(item.chain for item in caught.items) or (caught.chain,)
        return Block("handler", handler, chains=chains, group=node, name=handler.name)

    def _match(self, node: ast.Match) -> None:
        subject = self.value(node.subject)
        before = dict(self.names)
        ends = [(before, False)]
        for case in node.cases:
            self.names = dict(before)
            for pattern in ast.walk(case.pattern):
                captured = getattr(pattern, "name", None) or getattr(pattern, "rest", None)
                if isinstance(captured, str):
                    self.names[captured] = UNKNOWN
            if case.guard is not None:
                self.value(case.guard)
            left = self._within(Block("case", case, test=subject, group=node), case.body)
            ends.append((self.names, left))
        self._join(ends)

    def _join(self, ends: Sequence[tuple[Names, bool]]) -> None:
        """Go on with what the branches that reach this point agree on."""
        alive = [names for names, left in ends if not left] or [names for names, _ in ends]
        joined = alive[0]
        for names in alive[1:]:
            if names is not joined:
                joined = _joined(joined, names)
        if self.function is None and self.cls is None:
            # Other modules look names up here while this one is still being read.
            self.module.names.update(joined)
            joined = self.module.names
        self.names = joined

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            chain = alias.name if alias.asname else alias.name.partition(".")[0]
            self.names[alias.asname or chain] = Value("chain", chain)

    def _import_from(self, node: ast.ImportFrom) -> None:
        base = self.module.absolute(node.module, node.level)
        for alias in node.names:
            if alias.name == "*":
                if base is not None:
                    self.module.stars.append(base)
            else:
                chain = None if base is None else f"{base}.{alias.name}"
                self.names[alias.asname or alias.name] = Value("chain", chain)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        decorators = tuple(self.value(decorator) for decorator in node.decorator_list)
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.value(default)
        function = self._define(node, f"{self.prefix}{node.name}", decorators)
        value = Value("chain", function.chain, function=function)
        if self.cls is not None:
            self.cls.methods[node.name] = function
        self.names[node.name] = value

    def _define(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        name: str,
        decorators: tuple[Value, ...],
    ) -> Function:
        closure = dict(self.names) if self.function is not None else {}
        function = Function(self.module, name, node, self.cls, closure, decorators)
        if self.function is None and not isinstance(node, ast.Lambda):
            self.module.functions[name] = function
        else:
            self.code.nested.append(function)
        return function

    def _class(self, node: ast.ClassDef) -> None:
        bases = tuple(self.value(base).chain for base in node.bases)
        for part in (*(keyword.value for keyword in node.keywords), *node.decorator_list):
            self.value(part)
        cls = Class(self.module, f"{self.prefix}{node.name}", node, bases)
        inner = Reader(
            self.module,
            self.code,
            {},
            prefix=f"{cls.qualname}.",
            function=self.function,
            cls=cls,
        )
        inner.order = self.order
        inner.statements(node.body)
        self.order = inner.order
        cls.attributes.update(inner.names)
        self.module.classes[cls.qualname] = cls
        self.names[node.name] = Value("chain", cls.chain)

    _STATEMENTS: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        ast.Expr: _expression,
        ast.Return: _return,
        ast.Raise: _raise,
        ast.Assign: _assign,
        ast.AnnAssign: _annotated,
        ast.AugAssign: _augmented,
        ast.Delete: _delete,
        ast.If: _if,
        ast.For: _for,
        ast.AsyncFor: _for,
        ast.While: _while,
        ast.With: _with,
        ast.AsyncWith: _with,
        ast.Try: _try,
        getattr(ast, "TryStar", ast.Try): _try,  # `except*`, from Python 3.11 on
        ast.Match: _match,
        ast.Import: _import,
        ast.ImportFrom: _import_from,
        ast.FunctionDef: _function,
        ast.AsyncFunctionDef: _function,
        ast.ClassDef: _class,
    }

    # expressions

    def value(self, node: ast.expr) -> Value:
        handler = self._EXPRESSIONS.get(type(node))
        if handler is not None:
            return handler(self, node)
        self._parts(node)
        return UNKNOWN

    def name(self, name: str) -> Value:
        """What a name is at this point."""
        value = self.names.get(name)
        if value is None and self.cls is not None and self.function is not None:
            value = self.function.closure.get(name)
        if value is None:
            value = self.module.names.get(name)
        if value is None:
            value = self._starred_name(name)
        if value is None:
            builtin = _BUILTINS.get(name)
            if builtin is not None:
                return builtin
            self.code.undefined.add(name)
            return UNKNOWN
        return self._resolved(value)

    def _starred_name(self, name: str) -> Value | None:
        for base in self.module.stars:
            found = self.module.project.defined(base, name)
            if found is not None:
                return found
        return None

    def _resolved(self, value: Value) -> Value:
        """A value whose chain is followed through the project's own modules."""
        if value.chain is None or value.call is not None or value.function is not None:
            return value
        return self.module.project.resolve(value)

    def _name(self, node: ast.Name) -> Value:
        return self.name(node.id)

    def _constant(self, node: ast.Constant) -> Value:
        constant = node.value
        return UNKNOWN if constant is ... else Value("constant", constant=constant)

    def _attribute(self, node: ast.Attribute) -> Value:
        holder = self.value(node.value)
        if holder.chain is None:
            return UNKNOWN
        return self._resolved(Value("chain", f"{holder.chain}.{node.attr}"))

    def _subscript(self, node: ast.Subscript) -> Value:
        holder = self.value(node.value)
        self.value(node.slice)
        if isinstance(node.slice, ast.Slice):
            return Value("chain", holder.chain) if holder.chain else UNKNOWN
        return _element(holder)

    def _call(self, node: ast.Call) -> Value:
        receiver = self.value(node.func.value) if isinstance(node.func, ast.Attribute) else None
        called = self._callee(node.func, receiver)
        if not isinstance(node.func, (ast.Attribute, ast.Name)):
            receiver = called
        args = tuple([self.value(argument) for argument in node.args])
        keywords: Names = {}
        open_keywords = False
        if node.keywords:
            keywords = {k.arg: self.value(k.value) for k in node.keywords if k.arg is not None}
            open_keywords = self._open_keywords(node, keywords)
        call = Call(
            called.chain,
            node,
            args,
            keywords,
            bool(args) and any(argument.kind == "starred" for argument in args),
            open_keywords,
            receiver,
            self.blocks,
            self._next(),
            called.function,
        )
        self.code.calls.append(call)
        if receiver is not None and receiver.kind in ("list", "dict"):
            self._change(node.func, receiver, args)
        chain = None if called.chain is None else self._result(called.chain, call)
        return Value("call", chain, call=call, function=called.function)

    def _callee(self, node: ast.expr, receiver: Value | None) -> Value:
        if receiver is None or not isinstance(node, ast.Attribute):
            return self.value(node)
        if receiver.chain is None:
            return UNKNOWN
        return self._resolved(Value("chain", f"{receiver.chain}.{node.attr}"))

    def _open_keywords(self, node: ast.Call, keywords: Names) -> bool:
        """Take in `**{...}` with literal keys; whether others remain."""
        remain = False
        for keyword in node.keywords:
            if keyword.arg is None:
                named = self.value(keyword.value).named()
                if named is None:
                    remain = True
                else:
                    keywords.update(named)
        return remain

    def _result(self, chain: str, call: Call) -> str | None:
        """The chain of a call's result."""
        if chain in ("typing.cast", "copy.copy", "copy.deepcopy") and call.args:
            if chain != "typing.cast":
                return call.args[0].chain
            kind = call.args[0].chain
            return f"{kind}()" if kind else None
        if chain in ("asgiref.sync.async_to_sync", "asgiref.sync.sync_to_async") and call.args:
            return call.args[0].chain
        if chain == "builtins.super" and self.function is not None and self.function.cls is not None:
            return f"{self.function.cls.chain}()"
        if chain in (
            "builtins.list",
            "builtins.tuple",
            "builtins.sorted",
            "builtins.reversed",
            "builtins.iter",
        ):
            return call.args[0].chain if call.args and call.args[0].chain else f"{chain}()"
        if chain in ("builtins.next", "builtins.min", "builtins.max") and len(call.args) == 1:
            return _element(call.args[0]).chain
        result = self.module.project.resolve(Value("chain", f"{chain}()"))
        return result.chain

    def _await(self, node: ast.Await) -> Value:
        value = self.value(node.value)
        if value.call is not None and value.call.node is node.value:
            value.call.awaited = True
        return value

    def _yield(self, node: ast.Yield | ast.YieldFrom) -> Value:
        self.code.yields = True
        self._parts(node)
        return UNKNOWN

    def _display(self, node: ast.List | ast.Tuple | ast.Set) -> Value:
        items = tuple(self.value(element) for element in node.elts)
        if isinstance(node, ast.Set):
            return Value("set", items=items)
        return Value("list" if isinstance(node, ast.List) else "tuple", items=items)

    def _dict(self, node: ast.Dict) -> Value:
        keys = tuple(None if key is None else self.value(key) for key in node.keys)
        return Value("dict", items=tuple(self.value(value) for value in node.values), keys=keys)

    def _starred(self, node: ast.Starred) -> Value:
        return Value("starred", items=(self.value(node.value),))

    def _binary(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        if left.is_constant and right.is_constant:
            folded = _folded(node.op, left.constant, right.constant)
            if folded is not None:
                return folded
        value = Value("operation", items=(left, right), operator=type(node.op).__name__)
        if isinstance(node.op, ast.BitOr):
            parts = (left, right)
            kept = [entry for entry in self.code.operations if entry[0] not in parts]
            self.code.operations[:] = [*kept, (value, node, self.blocks)]
        return value

    def _unary(self, node: ast.UnaryOp) -> Value:
        operand = self.value(node.operand)
        if isinstance(node.op, ast.USub) and operand.number is not None:
            return Value("constant", constant=-operand.number)
        return Value("operation", items=(operand,), operator=type(node.op).__name__)

    def _alternatives(self, node: ast.BoolOp | ast.IfExp) -> Value:
        if isinstance(node, ast.IfExp):
            self.value(node.test)
            parts = [self.value(node.body), self.value(node.orelse)]
        else:
            parts = [self.value(part) for part in node.values]
            if isinstance(node.op, ast.And):
                return Value("operation", items=tuple(parts), operator="And")
        joined = parts[0]
        for part in parts[1:]:
            joined = _either(joined, part)
        return joined

    def _compare(self, node: ast.Compare) -> Value:
        parts = (node.left, *node.comparators)
        items = tuple(self.value(part) for part in parts)
        return Value("operation", items=items, operator=type(node.ops[0]).__name__)

    def _text(self, node: ast.JoinedStr) -> Value:
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.value(part.value)
        return Value("text", "builtins.str()")

    def _walrus(self, node: ast.NamedExpr) -> Value:
        value = self.value(node.value)
        self._bind(node.target, value, None)
        return value

    def _lambda(self, node: ast.Lambda) -> Value:
        function = self._define(node, f"{self.prefix}<lambda>", ())
        if self.function is None:
            function.closure = self.names
        return Value("lambda", function=function)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
        outer, names = self.blocks, self.names
        self.names = dict(names)
        for generator in node.generators:
            iterated = self.value(generator.iter)
            self._bind(generator.target, _element(iterated), None)
            block = Block(
                "loop", node, chains=(iterated.chain,), test=iterated, group=node, comprehension=True
            )
            self.code.blocks.append(block)
            self.blocks = (*self.blocks, block)
            for condition in generator.ifs:
                self.value(condition)
        if isinstance(node, ast.DictComp):
            key, item = self.value(node.key), self.value(node.value)
            value = Value("dict", items=(item,), keys=(key,), many=True)
        else:
            value = Value(_COMPREHENSIONS[type(node)], items=(self.value(node.elt),), many=True)
        self.blocks, self.names = outer, names
        return value

    _EXPRESSIONS: ClassVar[dict[type, Callable[[Any, Any], Value]]] = {
        ast.Name: _name,
        ast.Constant: _constant,
        ast.Attribute: _attribute,
        ast.Subscript: _subscript,
        ast.Call: _call,
        ast.Await: _await,
        ast.Yield: _yield,
        ast.YieldFrom: _yield,
        ast.List: _display,
        ast.Tuple: _display,
        ast.Set: _display,
        ast.Dict: _dict,
        ast.Starred: _starred,
        ast.BinOp: _binary,
        ast.UnaryOp: _unary,
        ast.BoolOp: _alternatives,
        ast.IfExp: _alternatives,
        ast.Compare: _compare,
        ast.JoinedStr: _text,
        ast.NamedExpr: _walrus,
        ast.Lambda: _lambda,
        ast.ListComp: _comprehension,
        ast.SetComp: _comprehension,
        ast.GeneratorExp: _comprehension,
        ast.DictComp: _comprehension,
    }

    # parameters and annotations

    def bind_parameters(self, function: Function) -> None:
        """Give parameters their first values: a method's class, an annotation's instance, or `?name`."""
        arguments = function.node.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            known = self.instance(argument.annotation) if argument.annotation is not None else None
            self.names[argument.arg] = known or Value("chain", f"?{argument.arg}")
        if arguments.vararg:
            self.names[arguments.vararg.arg] = Value("chain", f"?{arguments.vararg.arg}")
        if arguments.kwarg:
            self.names[arguments.kwarg.arg] = Value("chain", f"?{arguments.kwarg.arg}")
        if (
            function.cls is not None
            and function.parameters
            and not function.decorated_with("builtins.staticmethod")
        ):
            is_class = function.decorated_with("builtins.classmethod")
            own = function.cls.chain if is_class else f"{function.cls.chain}()"
            self.names[function.parameters[0]] = Value("chain", own)

    def instance(self, annotation: ast.expr) -> Value | None:
        """An instance of the class an annotation names; None where it names none."""
        node: ast.expr | None = annotation
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            node = parsed(annotation.value)
        node = _without_none(node)
        if not isinstance(node, (ast.Name, ast.Attribute)):
            return None
        chain = self.value(node).chain
        if chain is None or chain.startswith(_NO_TYPES) or "?" in chain or "(" in chain:
            return None
        return Value("chain", f"{chain}()")


_COMPREHENSIONS: dict[type, Any] = {ast.ListComp: "list", ast.SetComp: "set", ast.GeneratorExp: "generator"}


def parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _without_none(node: ast.expr | None) -> ast.expr | None:
    """`X` of `X | None` and `Optional[X]`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        if isinstance(node.right, ast.Constant) and node.right.value is None:
            return _without_none(node.left)
        if isinstance(node.left, ast.Constant) and node.left.value is None:
            return _without_none(node.right)
        return None
    if isinstance(node, ast.Subscript):
        name = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        return node.slice if name == "Optional" else None
    return node


def _unawaited(node: ast.expr | None) -> ast.expr | None:
    return node.value if isinstance(node, ast.Await) else node


def _leaves(statement: ast.stmt) -> bool:
    """Whether control never gets past a statement."""
    if isinstance(statement, ast.If):
        return bool(statement.orelse) and _leaves(statement.body[-1]) and _leaves(statement.orelse[-1])
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        return _leaves(statement.body[-1])
    return isinstance(statement, _ENDS)


def _element(value: Value) -> Value:
    """An element of a value that is iterated or subscripted."""
    if value.kind in ("list", "tuple", "set", "generator") and value.items:
        first = value.items[0]
        if value.many or all(item.chain == first.chain for item in value.items):
            return Value("chain", first.chain) if first.chain else UNKNOWN
        return UNKNOWN
    return Value("chain", f"{value.chain}[]") if value.chain else UNKNOWN


def _either(left: Value, right: Value) -> Value:
    """What is known of something that is one of two values; None beside something is that thing."""
    if left is right or (right is UNKNOWN and left is UNKNOWN):
        return left
    if left.is_constant and left.constant is None:
        return right
    if right.is_constant and right.constant is None:
        return left
    if left.chain is not None and left.chain == right.chain:
        return Value("chain", left.chain)
    return Value("either", items=(left, right))


def _joined(left: Names, right: Names) -> Names:
    joined = dict(left)
    for name, value in right.items():
        other = left.get(name)
        if other is None:
            joined[name] = value
        elif other is not value:
            joined[name] = _either(other, value)
    return joined


def _folded(op: ast.operator, left: Constant, right: Constant) -> Value | None:
    """Arithmetic with literal numbers, done; None for anything else."""
    function = _ARITHMETIC.get(type(op))
    plain = (int, float)
    if function is None or not isinstance(left, plain) or not isinstance(right, plain):
        return None
    if max(abs(left), abs(right)) > 1e15:
        return None
    try:
        return Value("constant", constant=function(left, right))
    except ArithmeticError:
        return None
