"""B4: no format that can run code is ever read or written, and nothing falls back to one."""

import pytest

from tests.standard.source import calls, dotted, imports, modules

FORBIDDEN_MODULES = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "multiprocessing",
    "tarfile",
    "yaml",
}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "torch.load", "torch.save", "numpy.load", "np.load", "__import__"}
FORBIDDEN_NAMES = {"extractall", "unpack_archive"}
FORBIDDEN_KEYWORDS = {"allow_pickle", "weights_only"}
TREES = list(modules())


@pytest.mark.parametrize(("path", "tree"), TREES, ids=[path for path, _ in TREES])
def test_b4_no_module_reads_what_can_run(path, tree):
    roots = {name.split(".")[0] for name in imports(tree)}
    assert not roots & FORBIDDEN_MODULES
    for call in calls(tree):
        name = dotted(call.func)
        assert name not in FORBIDDEN_CALLS, f"{path}:{call.lineno} calls {name}"
        assert name.split(".")[-1] not in FORBIDDEN_NAMES, f"{path}:{call.lineno} calls {name}"
        assert not {keyword.arg for keyword in call.keywords} & FORBIDDEN_KEYWORDS, f"{path}:{call.lineno}"


def test_b4_the_lint_itself_finds_a_pickle():
    import ast

    tree = ast.parse("def f():\n    import pickle\n    torch.load('x', weights_only=True)\n")
    assert "pickle" in set(imports(tree))
    assert "torch.load" in {dotted(call.func) for call in calls(tree)}
