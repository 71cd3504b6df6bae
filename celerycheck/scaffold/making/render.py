"""Turns a template into the text of a module; the only importer of Jinja."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import jinja2

from celerycheck.errors import UsageError
from celerycheck.resources import resource
from celerycheck.scaffold.making.formatter import Format, as_it_is
from celerycheck.scaffold.merging.imports import organised
from celerycheck.scaffold.project import Project


class Templates:
    """The shipped templates; those of the same name in the folder `own` come before them.

    `lay_out` is the project's formatter.
    """

    def __init__(self, own: Path | None = None, lay_out: Format = as_it_is) -> None:
        if own is not None and not own.is_dir():
            raise UsageError(f"{own} is no folder", "--templates takes the folder with your own templates.")
        self._lay_out = lay_out
        folders = [*([own] if own else []), resource("templates/new-task")]
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folders),
            undefined=jinja2.StrictUndefined,
            autoescape=False,  # noqa: S701  # what comes out is Python
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )

    def module(self, name: str, values: Mapping[str, object], project: Project, path: str = "") -> str:
        """The text of the Python module at `path`, laid out, its imports in order. Raises UsageError."""
        text = self.text(name, values)
        try:
            ast.parse(text)
        except SyntaxError as error:
            raise UsageError(
                f"the template {name} makes no valid Python: line {error.lineno}: {error.msg}",
                "Mend the template, or leave --templates out to use the shipped one.",
            ) from None
        return self._lay_out(organised(text, project.first_party, project.line_length), path or name)

    def text(self, name: str, values: Mapping[str, object]) -> str:
        """A template's text. Raises UsageError for a template that is missing, or broken."""
        try:
            return self._environment.get_template(name).render(values)
        except jinja2.TemplateSyntaxError as error:
            where = f"{error.filename or error.name}:{error.lineno}"
            raise UsageError(f"the template {where} is broken: {error.message}") from None
        except jinja2.UndefinedError as error:
            raise UsageError(f"the template {name} uses what there is not: {error.message}") from None
        except jinja2.TemplateNotFound as error:
            raise UsageError(f"there is no template {error.name}") from None
