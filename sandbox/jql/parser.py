"""Parses JQL. Errors are Jira's 400 answers, verbatim where known."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.jql.fields import SORTABLE, searchable
from sandbox.jql.tree import All, Any, Clause, Node, Not, Operand, Order, Query, Text
from sandbox.shapes import JiraError

MAX_ORDER_FIELDS = 7
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<symbol>!=|!~|>=|<=|&&|\|\||[=<>~(),!])
    | (?P<word>[^\s"'=<>~(),!&|]+)
    )""",
    re.VERBOSE,
)
_RELATIVE = re.compile(r"^-?\d+[smhdwMy]$")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int

    @property
    def position(self) -> str:
        """The position at the end of Jira's messages."""
        return f"(line 1, character {self.at + 1})"

    @property
    def keyword(self) -> str:
        return self.text.lower() if self.kind != "quoted" else ""


def parse(text: str) -> Query:
    """Return the query. Raises JiraError 400."""
    return _Parser(text).query()


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise JiraError(
                400,
                f"Error in the JQL Query: The quoted string or character at position {at + 1} has not been completed.",
            )
        kind = match.lastgroup or ""
        tokens.append(_Token(kind, match.group(kind), match.start(kind)))
        at = match.end()
    return tokens


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    def query(self) -> Query:
        condition = None
        if self._peek() is not None and not self._is_order():
            condition = self._either()
        order = self._order() if self._is_order() else ()
        if (surplus := self._peek()) is not None:
            raise self._unexpected(surplus)
        return Query(condition, order)

    def _peek(self, ahead: int = 0) -> _Token | None:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else None

    def _take(self) -> _Token:
        token = self._peek()
        if token is None:
            raise JiraError(400, "Error in the JQL Query: Unexpected end of the query.")
        self._at += 1
        return token

    def _accept(self, *keywords: str) -> str:
        token = self._peek()
        if token is not None and token.keyword in keywords:
            self._at += 1
            return token.keyword
        return ""

    def _expect(self, keyword: str) -> None:
        token = self._take()
        if token.keyword != keyword:
            raise JiraError(
                400,
                f"Error in the JQL Query: Expecting '{keyword}' but got '{token.text}'. {token.position}",
            )

    @staticmethod
    def _unexpected(token: _Token) -> JiraError:
        return JiraError(
            400,
            f"Error in the JQL Query: Expecting either 'OR' or 'AND' but got '{token.text}'. {token.position}",
        )

    def _is_order(self) -> bool:
        first, second = self._peek(), self._peek(1)
        return first is not None and second is not None and (first.keyword, second.keyword) == ("order", "by")

    def _either(self) -> Node:
        parts = [self._both()]
        while self._accept("or", "||"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _both(self) -> Node:
        parts = [self._one()]
        while self._accept("and", "&&"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self) -> Node:
        if self._accept("not", "!"):
            return Not(self._one())
        if self._accept("("):
            inner = self._either()
            self._expect(")")
            return inner
        return self._clause()

    def _clause(self) -> Node:
        name = self._take()
        if name.kind == "symbol" or (name.kind == "word" and name.keyword in {"and", "or", "order", "by", "in", "is"}):
            raise JiraError(
                400,
                f"Error in the JQL Query: Expecting a field name but got '{name.text}'. {name.position}",
            )
        next_token = self._peek()
        if next_token is None or next_token.keyword in {")", "and", "or", "&&", "||", "order"}:
            return Text(_unquoted(name))
        operator = self._operator()
        field = searchable(_unquoted(name).lower())
        if field is None:
            raise JiraError(400, f"Field '{_unquoted(name)}' does not exist or you do not have permission to view it.")
        if not field.allows(operator):
            raise JiraError(400, f"The operator '{operator}' is not supported by the '{field.name}' field.")
        return Clause(field.name, operator, self._operands(operator))

    def _operator(self) -> str:
        token = self._take()
        if token.keyword == "is":
            return "is not" if self._accept("not") else "is"
        if token.keyword == "not":
            self._expect("in")
            return "not in"
        if token.keyword in {"=", "!=", ">=", "<=", ">", "<", "in", "~", "!~"}:
            return token.keyword
        raise JiraError(
            400,
            f"Error in the JQL Query: Expecting operator but got '{token.text}'. The valid operators are "
            f"'=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'. {token.position}",
        )

    def _operands(self, operator: str) -> tuple[Operand, ...]:
        if operator not in {"in", "not in"}:
            operand = self._operand()
            if operator in {"is", "is not"} and not operand.is_empty:
                raise JiraError(400, f"The operator '{operator}' only supports EMPTY and NULL.")
            return (operand,)
        self._expect("(")
        operands = [self._operand()]
        while self._accept(","):
            operands.append(self._operand())
        self._expect(")")
        return tuple(operands)

    def _operand(self) -> Operand:
        token = self._take()
        if token.kind == "symbol":
            raise JiraError(
                400,
                f"Error in the JQL Query: Expecting either a value, list or function but got '{token.text}'. {token.position}",
            )
        if token.keyword in {"empty", "null"}:
            return Operand(token.text, is_empty=True)
        if token.kind == "word" and (next_token := self._peek()) is not None and next_token.text == "(":
            raise JiraError(400, f"Unable to find JQL function '{token.text}()'.")
        return Operand(_unquoted(token))

    def _order(self) -> tuple[Order, ...]:
        self._at += 2
        fields = [self._order_field()]
        while self._accept(","):
            fields.append(self._order_field())
        if len(fields) > MAX_ORDER_FIELDS:
            raise JiraError(400, f"JQL can be ordered by at most {MAX_ORDER_FIELDS} fields.")
        return tuple(fields)

    def _order_field(self) -> Order:
        name = _unquoted(self._take())
        field = SORTABLE.get(name.lower())
        if field is None:
            raise JiraError(400, f"Not able to sort using field '{name}'.")
        return Order(field, is_descending=self._accept("asc", "desc") == "desc")


def _unquoted(token: _Token) -> str:
    if token.kind != "quoted":
        return token.text
    return re.sub(r"\\(.)", r"\1", token.text[1:-1])


def is_relative(text: str) -> bool:
    """Whether a date operand such as `-2d` is relative to now."""
    return _RELATIVE.match(text) is not None
