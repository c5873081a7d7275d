"""XGBoost without its scikit-learn wrappers; knows nothing of what is trained.

`import xgboost` imports scikit-learn wherever it is installed, and with it pandas and scipy.stats: about 3 s of CPU at every
start of a server that uses none of them. The learners that need scikit-learn import it themselves.
"""

from __future__ import annotations

import sys
from types import ModuleType


def imported_without_sklearn() -> ModuleType:
    """The xgboost module. What is imported already stays as it is."""
    if "xgboost" in sys.modules or "sklearn" in sys.modules:
        import xgboost

        return xgboost
    # None in sys.modules makes `import sklearn` raise ImportError, which xgboost takes for "not installed".
    sys.modules["sklearn"] = None  # type: ignore[assignment]  # the documented meaning of None here
    try:
        import xgboost
    finally:
        del sys.modules["sklearn"]
    return xgboost


xgb = imported_without_sklearn()
