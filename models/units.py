"""Units of UCUM, the Unified Code for Units of Measure (ucum.org, §§2-12).

The atoms are those that measurements of people use; the whole standard has some 300.
"""

import re
from typing import Final

PREFIXES: Final = frozenset(["da", *"YZEPTGMkhdcmunpfazy"])
METRIC: Final = frozenset([
    "m", "s", "g", "rad", "K", "C", "cd", "mol", "sr", "Hz", "N", "Pa", "J", "W", "A", "V", "F", "Ohm", "S",
    "Cel", "T", "lm", "lx", "Bq", "Gy", "Sv", "l", "L", "t", "bar", "u", "eV", "cal", "B", "eq", "osm", "kat",
    "U", "[iU]", "[IU]", "m[Hg]", "m[H2O]",
])  # fmt: skip
PLAIN: Final = frozenset([
    "10*", "10^", "%", "[ppth]", "[ppm]", "[ppb]", "[pi]", "[pH]", "deg", "min", "h", "d", "wk", "mo", "a",
    "[degF]", "[lb_av]", "[oz_av]", "[in_i]", "[ft_i]", "[mi_i]", "[diop]", "[MET]", "[Cal]", "[arb'U]",
])  # fmt: skip
_TOKEN: Final = re.compile(
    r"(?P<term>\()|(?P<end>\))|(?P<operator>[./])"
    r"|(?P<note>\{[!-z|~]*\})"
    r"|(?P<atom>10[*^]|(?:[A-Za-z%']|\[[A-Za-z0-9_']+\])+)(?P<power>[+-]?\d+)?(?:\{[!-z|~]*\})?"
    r"|(?P<factor>\d+)(?:\{[!-z|~]*\})?"
)


def is_unit(text: str) -> bool:
    """Whether a text is a unit of UCUM (case sensitive), such as mm[Hg], /min, mg/dL or {score}."""
    depth, position, operand = 0, 0, False  # operand: an operand stands last, an operator may follow
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            return False
        if token["operator"]:
            if not operand and (token[0] == "." or not (position == 0 or text[position - 1] == "(")):
                return False
            operand = False
        elif token["end"]:
            if not operand or depth == 0:
                return False
            depth -= 1
        elif operand or (token["atom"] and not _is_atom(token["atom"])):
            return False
        elif token["term"]:
            depth += 1
        else:
            operand = True
        position = token.end()
    return operand and depth == 0


def _is_atom(text: str) -> bool:
    """An atom, or a metric atom with a prefix."""
    if text in METRIC or text in PLAIN:
        return True
    return any(text[:n] in PREFIXES and text[n:] in METRIC for n in (1, 2))
