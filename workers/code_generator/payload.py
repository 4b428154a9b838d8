"""What may a code generation task ask for?

Closed and bounded: an unknown field, a check that is not Python or a prompt the size of a book is refused before
anything is paid for.
"""

from __future__ import annotations

import ast
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

MAX_PROMPT, MAX_CHECK, MAX_CHECKS = 16_000, 2_000, 50


def _is_python(text: str) -> str:
    try:
        ast.parse(text.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
        raise ValueError(f"is not Python: {exc}") from exc
    return text.strip()


def _is_expression(text: str) -> str:
    try:
        ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
        raise ValueError(f"is not a Python expression: {exc}") from exc
    return text.strip()


Statement = Annotated[str, Field(min_length=1, max_length=MAX_CHECK), AfterValidator(_is_python)]
Expression = Annotated[str, Field(min_length=1, max_length=MAX_CHECK), AfterValidator(_is_expression)]


class CallCheck(BaseModel):
    """An expression and what it must give: a value, or an exception."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    call: Expression = Field(examples=["add(2, 3)"])
    expect: JsonValue = Field(
        None, description="the value; lists stand for tuples too, floats may differ in the last digits"
    )
    raises: str = Field(
        "", pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$", description="name of the exception it must raise instead"
    )

    @model_validator(mode="after")
    def _says_what_to_expect(self) -> CallCheck:
        if self.raises and "expect" in self.model_fields_set:
            raise ValueError("give either 'expect' or 'raises', not both")
        if not self.raises and "expect" not in self.model_fields_set:
            raise ValueError("give 'expect' (a value, null included) or 'raises' (an exception's name)")
        return self


class CodeGeneration(BaseModel):
    """Payload of the task type `code_generation`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str = Field(
        min_length=1, max_length=MAX_PROMPT, examples=["Write a function add(a, b) that returns their sum."]
    )
    language: Literal["python"] = "python"
    checks: tuple[Statement | CallCheck, ...] = Field((), max_length=MAX_CHECKS, examples=[["assert add(2, 3) == 5"]])
    model: str | None = Field(
        None, min_length=1, max_length=200, description="model to use, or auto; none: the configured one"
    )
    max_attempts: int = Field(3, ge=1, le=5)
    temperature: float = Field(0.0, ge=0, le=2, description="of the first attempt; later ones are a little warmer")
    max_tokens: int = Field(400, ge=16, le=16_384, description="tokens of one answer")
    seed: int | None = Field(None, ge=0, lt=2**31, description="makes the answers repeatable where the model can")
    complexity: float = Field(0.3, ge=0, le=1, description="what the dispatcher and the cost estimate take it for")
