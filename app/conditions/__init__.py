"""Conditions: a code with parameters stands for every reason, problem and error that is stored, raised or reported.

    Condition(Code.PARTS_UNREAD, parts=3)    stored as {"code": "parts_unread", "parts": 3}

No layer below `web` has sentences: `web.words` makes them, in each language, from the code and its parameters.
"""

from app.conditions.codes import Code
from app.conditions.condition import Condition, Value

__all__ = ["Code", "Condition", "Value"]
