"""The built-in prompts: our own texts, as data. `v1.yaml` and `v2.yaml` belong to the dialects, `checks.yaml` to both."""
