"""Kernel: where this Python runs: a notebook or a script, and whether a browser of the maker's can reach it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

# What the environment has where a notebook runs on somebody else's machine → its name.
ELSEWHERE = {
    "COLAB_RELEASE_TAG": "Google Colab",
    "COLAB_GPU": "Google Colab",
    "COLAB_BACKEND_VERSION": "Google Colab",
    "KAGGLE_KERNEL_RUN_TYPE": "Kaggle",
    "KAGGLE_URL_BASE": "Kaggle",
    "BINDER_SERVICE_HOST": "Binder",
    "SAGEMAKER_INTERNAL_IMAGE_URI": "SageMaker",
    "SM_CURRENT_HOST": "SageMaker",
    "DATABRICKS_RUNTIME_VERSION": "Databricks",
    "DEEPNOTE_PROJECT_ID": "Deepnote",
    "PAPERSPACE_NOTEBOOK_REPO_ID": "Paperspace",
    "LIGHTNING_CLOUD_PROJECT_ID": "Lightning",
    "JUPYTERHUB_SERVICE_PREFIX": "a JupyterHub",
}


@dataclass(frozen=True)
class Kernel:
    """notebook: what a cell ends with is shown as a page. elsewhere: the name of the place where nobody can reach a
    site of this machine; "" where the maker's browser runs beside it."""

    notebook: bool
    elsewhere: str

    @property
    def reachable(self) -> bool:
        """Whether a site that is started here could be opened."""
        return not self.elsewhere


def here(environment: Mapping[str, str] = os.environ) -> Kernel:
    """This process, by its environment and by what it has loaded."""
    elsewhere = next((name for key, name in ELSEWHERE.items() if environment.get(key)), "")
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return Kernel(shell is not None and hasattr(shell, "kernel"), elsewhere)
