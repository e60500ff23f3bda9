"""The type of an entry: a union of the classes of one folder, told apart by one key.

The key `cipher` names the class of an entry of `encryption.schemes`, `kind` that of an entry of
`encoders`, and `method` that of an entry of `estimators`. A name that ends in .py is a plug-in: the
class is in that file.
"""

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import pydantic
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from leakage.config.settings import AT_KEY, Settings, explained, shown
from leakage.errors import LeakageError
from leakage.plugins import is_file

Base = TypeVar("Base", bound=Settings)


def at_key(key: str, message: str) -> PydanticCustomError:
    """Return an error of a validator that is about a key below the value."""
    return PydanticCustomError(AT_KEY, "{message}", {"key": key, "message": message})


@dataclass(frozen=True)
class Choice(Generic[Base]):
    """The union of the classes that an entry can be of, for use in `Annotated`.

    Attributes:
        key: the key that tells them apart.
        names: returns the names of the folder's modules.
        find: returns the class of a name or of a user's file.
        named: whether an entry without the key is of the class of its own name.
    """

    key: str
    names: Callable[[], list[str]]
    find: Callable[[str], type[Base]]
    named: bool = False

    def classes(self) -> dict[str, type[Base]]:
        """Return the classes of the folder's modules, by name."""
        return {name: self.find(name) for name in self.names()}

    def validate(self, values: object) -> Base:
        """Return an entry as an object of its class.

        Raises:
            PydanticCustomError: the key that tells the classes apart is missing or unknown.
            pydantic.ValidationError: the other keys do not fit that class.
        """
        if not isinstance(values, dict):
            raise ValueError(f"found {shown(values)}; expected keys and values")
        if self.key not in values:
            raise at_key(self.key, f"missing; expected one of {', '.join(self.names())}")
        name = values[self.key]
        if not isinstance(name, str):
            raise at_key(self.key, f"found {shown(name)}; expected a name")
        try:
            found = self.find(name)
        except LeakageError as error:
            raise at_key(self.key, str(error)) from None
        if is_file(name) and typing.get_origin(found.model_fields[self.key].annotation) is Literal:
            raise at_key(
                self.key,
                f"remove the field `{self.key}` of {found.__name__}: only a "
                "class of this package has one",
            )
        try:
            return found.model_validate(values)
        except pydantic.ValidationError as error:
            # Explained here, where the class and so the known keys are at hand.
            raise explained(found, error) from None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: pydantic.GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return the schema that validates by `validate`."""
        return core_schema.no_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: pydantic.GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the JSON schema: that of the class that the key names."""
        members = {
            name: handler(each.__pydantic_core_schema__) for name, each in self.classes().items()
        }
        choices: list[JsonSchemaValue] = [
            {
                "if": {"properties": {self.key: {"const": name}}, "required": [self.key]},
                "then": each,
            }
            for name, each in members.items()
        ]
        plug_in = {"type": "string", "pattern": r"\.py$", "description": "a plug-in"}
        named = {"anyOf": [{"enum": list(members)}, plug_in]}
        return {"type": "object", "properties": {self.key: named}, "allOf": choices}


def by_name(choice: Choice[Base]) -> Callable[[object], object]:
    """Return a validator of a branch of entries, for use before pydantic's own.

    It removes the entries that are null, and gives those without the key their own name.
    """

    def prepared(branch: object) -> object:
        if not isinstance(branch, Mapping):
            return branch
        present = {name: entry for name, entry in branch.items() if entry is not None}
        if not choice.named:
            return present
        return {
            name: {choice.key: name, **entry} if isinstance(entry, Mapping) else entry
            for name, entry in present.items()
        }

    return prepared
