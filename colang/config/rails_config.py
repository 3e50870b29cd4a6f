"""`RailsConfig`: the settings of a configuration as an object, and the ways to make one. Sections 1 to 3."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field, PrivateAttr

from colang.config import defaults
from colang.config.errors import (
    ColangParsingError,
    ConfigurationError,
    InvalidModelConfigurationError,
    worded,
)
from colang.config.model import (
    CoreConfig,
    Document,
    Instruction,
    KnowledgeBaseConfig,
    MetricsConfig,
    Model,
    Part,
    Rails,
    TaskPrompt,
    TracingConfig,
)
from colang.diagnostics import Diagnostic, Severity
from colang.diagnostics import config as report

if TYPE_CHECKING:
    from colang.project import Project, Version

_log = logging.getLogger("colang.config")


class RailsConfig(Part):
    r"""The settings of a configuration.

    Every attribute is a setting of the same name and may be changed after loading; single assignments are
    validated. `project` has the Colang files that were loaded with them. `user_messages` and `bot_messages`
    are those of the settings; the definitions in Colang files stay in their trees.

    Example:
        >>> config = RailsConfig.from_content("flow main\n  match Ping()\n", "colang_version: 2.x\n")
        >>> config.colang_version, config.rails.output.streaming.chunk_size
        ('2.x', 200)
    """

    model_config = ConfigDict(
        validate_assignment=True,
        extra="ignore",
        protected_namespaces=(),
        arbitrary_types_allowed=True,
    )

    models: list[Model] = Field(default_factory=list[Model])
    user_messages: dict[str, list[str]] = Field(default_factory=dict)
    bot_messages: dict[str, list[str]] = Field(default_factory=dict)
    flows: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    instructions: list[Instruction] | None = Field(default_factory=defaults.instructions)
    docs: list[Document] | None = None
    actions_server_url: str | None = None
    sample_conversation: str | None = defaults.SAMPLE_CONVERSATION
    prompts: list[TaskPrompt] | None = None
    prompting_mode: str | None = "standard"
    config_path: str | None = None
    import_paths: list[str] | None = Field(default_factory=list)
    imported_paths: dict[str, str] | None = Field(default_factory=dict)
    lowest_temperature: float | None = 0.001
    enable_multi_step_generation: bool | None = False
    colang_version: str = "1.0"
    custom_data: dict[str, Any] = Field(default_factory=dict)
    knowledge_base: KnowledgeBaseConfig = Field(default_factory=KnowledgeBaseConfig)
    core: CoreConfig = Field(default_factory=CoreConfig)
    rails: Rails = Field(default_factory=Rails)
    streaming: bool = False
    enable_rails_exceptions: bool | None = False
    passthrough: bool | None = None
    event_source_uid: str = "NeMoGuardrails-Colang-2.x"
    tracing: TracingConfig = Field(default_factory=TracingConfig)
    metrics: MetricsConfig = Field(default_factory=MetricsConfig)
    raw_llm_call_action: str | None = "raw llm call"

    _project: Project | None = PrivateAttr(default=None)
    _diagnostics: tuple[Diagnostic, ...] = PrivateAttr(default=())

    # ------------------------------------------------------------ loading

    @classmethod
    def from_path(cls, config_path: str | os.PathLike[str]) -> RailsConfig:
        """Load a folder, one settings file or one ``.co`` file.

        Imports are also searched in the folders of the environment variable ``COLANGPATH``.

        Raises:
            ConfigurationError: The settings are not valid; `diagnostics` of the exception has all findings.
            ColangParsingError: A Colang file is not valid.
            ValueError: The path does not exist, has a comma, or begins or ends with a blank.
        """
        from colang.project import Project
        from colang.project.loader import search_path_from_environment

        text = os.fspath(config_path)
        if "," in text or text != text.strip():
            raise ValueError(
                f"a configuration path has no commas and no blanks around it: {text!r}"
            )
        project = Project.load(text, import_paths=_existing(search_path_from_environment()))
        return cls._checked(project, text)

    @classmethod
    def from_content(
        cls,
        colang_content: str | None = None,
        yaml_content: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> RailsConfig:
        """Load texts and settings as a dictionary; raises like `from_path`."""
        from colang.project import Project
        from colang.project.loader import search_path_from_environment

        project = Project.from_content(
            colang_content,
            yaml_content,
            config=config,
            import_paths=_existing(search_path_from_environment()),
        )
        return cls._checked(project, None)

    @classmethod
    def parse_object(cls, obj: Mapping[str, Any]) -> RailsConfig:
        """Load settings given as a dictionary; raises like `from_path`."""
        return cls.from_content(config=obj)

    @classmethod
    def _checked(cls, project: Project, path: str | None) -> RailsConfig:
        config = cls.from_project(project)
        config.config_path = path
        missing = list(_missing_keys(config, project))
        if missing:
            raise InvalidModelConfigurationError(worded(missing, project.sources), missing)
        for finding in config.diagnostics:
            if finding.severity is Severity.WARNING:
                _log.warning("%s", worded([finding], project.sources))
        return config

    @classmethod
    def from_project(cls, project: Project) -> RailsConfig:
        """The settings of a project that is loaded already.

        API keys are not looked for in the environment.

        Raises:
            ConfigurationError: The settings are not valid.
            ColangParsingError: A Colang file is not valid.
        """
        from colang.config.requirements import requirements
        from colang.config.validation import validate

        config, problems = validate(project.settings)
        if config is not None:
            problems.extend(requirements(config, project.settings))
        _raise_errors(project, [*project.diagnostics, *problems])
        assert config is not None
        config.colang_version = project.version
        config.imported_paths = dict(project.imported_paths)
        config.config_path = project.root
        documents = [Document(format=d.format, content=d.content) for d in project.documents]
        if documents:
            config.docs = [*(config.docs or ()), *documents]
        config.flows = [*config.flows, *_colang_flows(project)]
        config._project = project
        config._diagnostics = (*project.diagnostics, *problems)
        return config

    # ------------------------------------------------------------ what it came from

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Warnings of loading, in no special order."""
        return self._diagnostics

    @property
    def project(self) -> Project:
        """The project this came from, with rails as these settings have them now.

        A configuration that was made of values only has a project without files.
        """
        from colang.project import Project

        if self._project is None:
            settings = self.model_dump(mode="json", include={"rails", "custom_data"})
            version: Version = "2.x" if self.colang_version == "2.x" else "1.0"
            return Project.from_texts({}, config=settings, version=version)
        return self._project.with_rails(
            {"input": self.rails.input.flows, "output": self.rails.output.flows}
        )

    def adopt(self, first: RailsConfig, second: RailsConfig) -> None:
        """Take over the projects and warnings of two configurations that this one combines."""
        projects = [each._project for each in (first, second) if each._project is not None]
        if projects:
            self._project = projects[0] if len(projects) == 1 else projects[0].joined(projects[1])
        self._diagnostics = (*first.diagnostics, *second.diagnostics)

    # ------------------------------------------------------------ combining (2.2)

    def __add__(self, other: RailsConfig) -> RailsConfig:
        """Combine two configurations; where both have a value, the one of `other` counts.

        Raises:
            ValueError: Models of the same type differ, or the action servers do.
        """
        from colang.config.combining import combine

        return combine(self, other)


def _existing(folders: Sequence[str]) -> list[str]:
    return [folder for folder in folders if os.path.isdir(folder)]


def _colang_flows(project: Project) -> list[dict[str, Any]]:
    """Id and source of the flows in Colang files, in load order, the standard library left out."""
    found: list[dict[str, Any]] = []
    for file in project.files:
        if file.is_library or file.is_generated:
            continue
        for flow in file.tree.flows:
            name: str = getattr(flow, "id", "") or getattr(flow, "name", "")
            source = file.text[flow.span.start : flow.span.end]
            found.append({"id": name, "source_code": source})
    return found


def _missing_keys(config: RailsConfig, project: Project) -> list[Diagnostic]:
    """Models whose key is in an environment variable that is not set."""
    found: list[Diagnostic] = []
    for index, model in enumerate(config.models):
        variable = model.api_key_env_var
        if variable and not os.environ.get(variable):
            place = project.settings.place("models", index, "api_key_env_var")
            found.append(report.missing_key_variable(variable, place.value).at(place.path))
    return found


def _raise_errors(project: Project, found: Sequence[Diagnostic]) -> None:
    errors = [d for d in dict.fromkeys(found) if d.severity is Severity.ERROR]
    if not errors:
        return
    settings = [d for d in errors if d.code.startswith("CO4") and d.code != "CO414"]
    if settings and all(d in settings for d in errors):
        raise ConfigurationError(worded(errors, project.sources), errors)
    raise ColangParsingError(worded(errors, project.sources), errors)
