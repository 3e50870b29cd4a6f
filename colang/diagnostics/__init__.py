"""Diagnostics: what there is to tell an author, as plain values.

One module of this package for each family of codes (``syntax`` CO1xx, ``names`` CO2xx, ...), one factory
function for each code: call sites hand over what they have and the factory words it.
"""

from colang.diagnostics.model import Diagnostic, Edit, Fix, Label, Severity

__all__ = ["Diagnostic", "Edit", "Fix", "Label", "Severity"]
