"""Flows and messages every Colang 1.0 application has: texts, compiled like those of a configuration."""
