"""Embeddings as the settings ask for them: engines, the sentence model of the extra, and what happens without it."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Any, ClassVar

import pytest

import colang
from colang.cli import main
from colang_interpreter import Bot, LLMRails, RailsConfig
from colang_interpreter.errors import MissingPackageError
from colang_interpreter.llm.index import IndexItem, NgramIndex
from colang_interpreter.llm.indexes import Indexes
from colang_interpreter.llm.sentences import WordLlamaEncoder

HAS_EXTRA = importlib.util.find_spec("wordllama") is not None
needs_extra = pytest.mark.skipif(
    not HAS_EXTRA, reason="the extra `embeddings` (wordllama) is not installed"
)

SETTINGS = """
colang_version: "{version}"
models:
  - {{type: embeddings, engine: {engine}, model: {model}}}
rails:
  dialog:
    user_messages: {{embeddings_only: true, embeddings_only_similarity_threshold: 0.35}}
"""
V1 = """
define user ask price
  "how much does it cost"
define user ask job
  "are you hiring"
define bot tell price
  "Ten."
define bot tell job
  "We are."
define flow
  user ask price
  bot tell price
define flow
  user ask job
  bot tell job
"""
V2 = """
import core
import llm

flow user asked price
  user said "how much does it cost"

flow user asked job
  user said "are you hiring"

flow main
  activate llm continuation
  activate prices
  activate jobs
  wait indefinitely

flow prices
  user asked price
  bot say "Ten."

flow jobs
  user asked job
  bot say "We are."
"""
DIALECTS = [("1.0", V1), ("2.x", V2)]


def settings(version: str, engine: str, model: str = "l2_supercat_256") -> str:
    return SETTINGS.format(version=version, engine=engine, model=model)


def status_of(*words: str) -> object:
    with pytest.raises(SystemExit) as ended:
        main(words)
    return ended.value.code


class Thing:
    """An encoder that only knows what a text is about."""

    engine_name = "Things"
    made: ClassVar[list[tuple[Any, dict[str, Any]]]] = []

    def __init__(self, model: str | None, **parameters: Any) -> None:
        self.made.append((model, parameters))

    def encode(self, texts: list[str]) -> list[list[int]]:
        words = [{"cost", "pay", "price"}, {"hiring", "employment", "job"}]
        return [[len(about & set(text.split())) for about in words] for text in texts]


def ask(config: RailsConfig, *texts: str) -> list[str]:
    with LLMRails(config) as app:
        app.register_embedding_provider(Thing)
        return [str(app.generate(prompt=text)) for text in texts]


@pytest.mark.parametrize(("version", "flows"), DIALECTS)
def test_an_engine_that_is_registered(version: str, flows: str) -> None:
    Thing.made.clear()
    config = RailsConfig.from_content(flows, settings(version, "things", "m"))
    assert ask(config, "what must i pay", "some employment") == ["Ten.", "We are."]
    assert Thing.made == [("m", {})]  # once, for all indexes and calls


def test_an_engine_of_the_search_provider_goes_before_the_models() -> None:
    Thing.made.clear()
    own = {"embedding_engine": "Things", "embedding_model": "x", "embedding_params": {"size": 2}}
    config = RailsConfig.from_content(
        config={
            "models": [{"type": "embeddings", "engine": "Other", "model": "y"}],
            "core": {"embedding_search_provider": {"parameters": own}},
        }
    )
    indexes = Indexes(config)
    indexes.register_engine(Thing, "Things")
    assert isinstance(indexes.documents([]), NgramIndex)
    hits = asyncio.run(indexes.messages([IndexItem("a job", 1)]).search("the job"))
    assert [hit.score for hit in hits] == [1.0]
    assert Thing.made == [("x", {"size": 2})]


def test_an_engine_needs_a_name() -> None:
    with (
        pytest.raises(ValueError, match="engine_name"),
        LLMRails(RailsConfig.from_content(V1)) as app,
    ):
        app.register_embedding_provider(lambda model: Thing(model))


def test_config_py_registers_with_every_command(tmp_path: Path, capfd: Any) -> None:
    """`init(app)` gets an application with all the registering methods, also on the command line."""
    (tmp_path / "main.co").write_text(V1, encoding="utf-8")
    (tmp_path / "config.yml").write_text(settings("1.0", "Things"), encoding="utf-8")
    (tmp_path / "config.py").write_text(
        "class Things:\n"
        "    engine_name = 'Things'\n"
        "    def __init__(self, model):\n"
        "        pass\n"
        "    def encode(self, texts):\n"
        "        return [['cost' in text or 'pay' in text, 'hiring' in text] for text in texts]\n"
        "def init(app):\n"
        "    app.register_filter(str.upper, 'loud').register_embedding_provider(Things)\n",
        encoding="utf-8",
    )
    (tmp_path / "scenario.yaml").write_text(
        "title: prices\nfrom_version: '1.0'\nconversations:\n"
        "  - turns:\n      - user: must i pay\n        bot: [Ten.]\n",
        encoding="utf-8",
    )
    status = status_of("test", str(tmp_path))
    captured = capfd.readouterr()
    assert status == 0, captured.out + captured.err
    (tmp_path / "scenario.yaml").unlink()
    assert colang.check(colang.Project.load(tmp_path)) == []


# ---------------------------------------------------------------- engines that are not there


def test_an_engine_that_is_not_built_in_is_told() -> None:
    text = settings("1.0", "FastEmbed", "all-MiniLM-L6-v2")
    (finding,) = colang.check(colang.Project.from_content(V1, text))
    assert finding.code == "CO424" and finding.severity.name == "WARNING"
    assert text[finding.span.start : finding.span.end] == "FastEmbed"
    assert "letters" in finding.message and "WordLlama" in str(finding.help)
    with LLMRails(RailsConfig.from_content(V1, text)) as app:
        assert app.generate(prompt="how much does it cost") == "Ten."


def test_a_cache_of_vectors_has_no_effect() -> None:
    text = "models: []\ncore: {embedding_search_provider: {cache: {enabled: true}}}\n"
    (finding,) = colang.check(colang.Project.from_content(V1, text))
    assert finding.code == "CO419"


@pytest.mark.parametrize(("version", "flows"), DIALECTS)
def test_without_the_extra_nothing_starts(
    version: str, flows: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: Any
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "wordllama" else find(name)
    )
    text = settings(version, "WordLlama")
    config = RailsConfig.from_content(flows, text)
    with pytest.raises(MissingPackageError, match=r"pip install 'colang-toolchain\[embeddings\]'"):
        LLMRails(config)
    (tmp_path / "main.co").write_text(flows, encoding="utf-8")
    (tmp_path / "config.yml").write_text(text, encoding="utf-8")
    assert colang.check(colang.Project.load(tmp_path)) == []
    status = status_of("chat", str(tmp_path))
    assert status == 2 and "pip install" in capfd.readouterr().err


def test_a_model_that_the_engine_does_not_have() -> None:
    with pytest.raises(ValueError, match="carries the model `l2_supercat_256`, not `all-MiniLM"):
        Bot(
            colang_program(settings("1.0", "WordLlama", "all-MiniLM-L6-v2")),
        )


def colang_program(text: str) -> Any:
    from colang_interpreter import compile

    return compile(colang.Project.from_content(V1, text))


# ---------------------------------------------------------------- the sentence model itself

MEANT = [
    ("do you charge a lot of money", "Ten."),
    ("what would i have to pay", "Ten."),
    ("i am looking for employment", "We are."),
]


@needs_extra
@pytest.mark.parametrize(("version", "flows"), DIALECTS)
def test_what_means_the_same_is_found(version: str, flows: str) -> None:
    config = RailsConfig.from_content(flows, settings(version, "WordLlama"))
    with LLMRails(config) as app:
        assert [app.generate(prompt=text) for text, _ in MEANT] == [answer for _, answer in MEANT]


@needs_extra
def test_the_same_text_gives_the_same_vector() -> None:
    texts = ["one text", "", "?", "another, longer text with \N{SNOWMAN}"]
    together = WordLlamaEncoder().encode(texts)
    apart = [WordLlamaEncoder("l2_supercat_256").encode([text])[0] for text in texts]
    assert [len(vector) for vector in together] == [256] * 4
    assert together[1] == [0.0] * 256
    for one, other in zip(together, apart, strict=True):
        assert one == pytest.approx(other, abs=1e-6)


@needs_extra
def test_texts_without_length_and_texts_without_end_are_searched() -> None:
    indexes = Indexes(
        RailsConfig.from_content(
            config={
                "models": [
                    {"type": "embeddings", "engine": "WordLlama", "model": "l2_supercat_256"}
                ]
            }
        )
    )
    index = indexes.messages([IndexItem("", 0), IndexItem("hello there", 1)])
    assert asyncio.run(index.search("hi", 1))[0].meta == 1
    assert len(asyncio.run(index.search("", 2))) == 2
    assert asyncio.run(index.search("hello there " * 100_000, 1))[0].meta == 1
