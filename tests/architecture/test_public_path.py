"""What integrators import stays where it is: the golden list changes only on purpose, and every name is documented."""

import inspect
from importlib import import_module
from pathlib import Path

from adapters import errors
from dropwright import supplier
from tests.docs.reading import read

GOLDEN = Path(__file__).with_name("public_names.golden.txt")
MODULES = (
    "dropwright.supplier",
    "dropwright.testing.contract",
    "dropwright.testing.desk",
    "dropwright.testing.simulated",
    "dropwright.testing.simulator",
    "dropwright.testing.stage",
)


def public_names() -> list[str]:
    return [f"{module}.{name}" for module in MODULES for name in sorted(_names(module))]


def _names(name: str) -> list[str]:
    module = import_module(name)
    own = [key for key, value in vars(module).items() if getattr(value, "__module__", "") == name]
    return getattr(module, "__all__", [key for key in own if not key.startswith("_")])


def test_the_public_path_is_what_it_was() -> None:
    assert public_names() == GOLDEN.read_text("utf-8").splitlines(), (
        f"integrators import these names: to remove one breaks them. To add one, write it into {GOLDEN.name} too"
    )


def test_every_public_name_is_there_and_says_what_it_is_for() -> None:
    found = {name: getattr(import_module(name.rpartition(".")[0]), name.rpartition(".")[2]) for name in public_names()}
    spoken = {name: value for name, value in found.items() if inspect.isclass(value) or inspect.isfunction(value)}
    assert [name for name, value in spoken.items() if not inspect.getdoc(value)] == []


def test_every_public_name_is_in_the_integrators_guide() -> None:
    guide = read("docs/adapters.md")
    assert [name for name in public_names() if f"`{name.rpartition('.')[2]}`" not in guide] == []


def test_every_failure_that_an_adapter_may_raise_comes_in_by_the_public_door() -> None:
    failures = {name for name, value in vars(errors).items() if getattr(value, "__module__", "") == errors.__name__}
    assert failures <= set(supplier.__all__)
