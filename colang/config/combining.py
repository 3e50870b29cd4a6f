"""Adding configuration objects: `config1 + config2`. Section 2.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colang.config.plain import as_dict, as_list

if TYPE_CHECKING:
    from colang.config.rails_config import RailsConfig


def combine(first: RailsConfig, second: RailsConfig) -> RailsConfig:
    """Mappings are merged, lists joined without duplicates (the second's first), values from the second.

    Values that were not set explicitly give way to those that were. The projects are joined, too: the
    files of both belong to the result.

    Raises:
        ValueError: Models of the same type differ in engine or name, or the action servers differ.
    """
    known = {model.type: model for model in first.models}
    for model in second.models:
        same = known.get(model.type)
        if same and (same.engine, same.model) != (model.engine, model.model):
            raise ValueError(
                f"both configurations have a model of type `{model.type}`, and they differ: "
                f"{same.engine}/{same.model} and {model.engine}/{model.model}"
            )
    if first.actions_server_url != second.actions_server_url:
        raise ValueError("the configurations have different values for `actions_server_url`")
    if first.colang_version != second.colang_version:
        raise ValueError("the configurations are for different versions of Colang")
    data = _merged(first.model_dump(exclude_unset=True), second.model_dump(exclude_unset=True))
    paths = [path for path in (first.config_path, second.config_path) if path]
    data["config_path"] = ",".join(paths) or None
    result = type(first).model_validate(data)
    result.adopt(first, second)
    return result


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    result = dict(first)
    for key, value in second.items():
        before = result.get(key)
        sections, lists = (as_dict(before), as_dict(value)), (as_list(before), as_list(value))
        if sections[0] is not None and sections[1] is not None:
            result[key] = _merged(sections[0], sections[1])
        elif lists[0] is not None and lists[1] is not None:
            result[key] = lists[1] + [item for item in lists[0] if item not in lists[1]]
        elif value is not None or key not in result:
            result[key] = value
    return result
