"""asyncio client for the Microsoft Partner Center REST API: typed, paged, retried, exact.

``PartnerCenterClient`` is where to begin; :mod:`partnercenter_async.errors` draws the tree of errors.

PYTEST_DONT_REWRITE: for the plugin's sake pytest would rewrite the package, and warn where it is imported already.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from partnercenter_async._public import *  # noqa: F403 - its __all__ is this package's


class _Package(ModuleType):
    """Imports the public names when one of them is first asked for.

    pytest imports the package in every run of every project that has it installed, for the sake of its plugin; so
    without a name it costs next to nothing.
    """

    def __getattr__(self, name: str) -> object:
        if name == "__all__" or not name.startswith("__"):
            public = importlib.import_module("partnercenter_async._public")
            for each in ("__all__", *public.__all__):
                self.__dict__.setdefault(each, getattr(public, each))  # what a test has put in place stays
        if name not in self.__dict__:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return self.__dict__[name]

    def __setattr__(self, name: str, value: object) -> None:
        if name != "fan_out" or not isinstance(value, ModuleType):  # the name is the function's, not the module's
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        self.__getattr__("__all__")
        return sorted(self.__dict__)


sys.modules[__name__].__class__ = _Package
