"""The instructions of `Code` in one vocabulary, whichever Python wrote it.

Numbers of instructions, the width of their arguments, how jumps count and how a call lies on the
stack changed from version to version. `instructions` brings them to the words that `machine`
knows. Which version it was follows from the code: every instruction must be known to it, and what
must be empty has to be.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .marshalled import Code


class Instruction(NamedTuple):
    """One step of the machine; jumps name the number of a step."""

    word: str
    value: Any = None


def instructions(code: Code) -> list[Instruction]:
    """The steps of `code`; ValueError for a word that the machine does not have."""
    problem = None
    for version in _VERSIONS[code.layout]:
        if not _may_be(code, version):
            continue
        try:
            return _translated(code, version)
        except _Strange as error:
            problem = problem or error
    raise ValueError(str(problem))


def _may_be(code, version):
    if version == 10:  # only lines of 3.10 add up to all of the code
        return sum(code.lines[::2]) == len(code.instructions)
    if version >= 11:  # RESUME stands near the beginning, and has another number in 3.13
        return (151 in code.instructions[:16:2]) == (version < 13)
    return True


class _Strange(ValueError):
    """The code is not of this version, or uses what the machine does not have."""


_VERSIONS = {"2": (2,), "3.0": (6, 5), "3.8": (10, 9), "3.11": (13, 12, 11)}


def _table(text):
    pairs = (pair.split("=") for pair in text.split())
    return {int(number): name for number, name in pairs}


_BEFORE_13 = _table(
    "1=POP_TOP 9=NOP 10=UNARY_+ 11=UNARY_- 12=UNARY_not 15=UNARY_~ 25=BINARY_SUBSCR "
    "60=STORE_SUBSCR 68=GET_ITER 83=RETURN_VALUE 92=UNPACK_SEQUENCE 93=FOR_ITER 100=LOAD_CONST "
    "102=BUILD_TUPLE 103=BUILD_LIST 104=BUILD_SET 105=BUILD_MAP 106=LOAD_ATTR 107=COMPARE_OP "
    "108=IMPORT_NAME 109=IMPORT_FROM 110=JUMP_FORWARD 116=LOAD_GLOBAL 124=LOAD_FAST "
    "125=STORE_FAST 126=DELETE_FAST 132=MAKE_FUNCTION 133=BUILD_SLICE"
)
_BEFORE_11 = _BEFORE_13 | _table(
    "2=ROT_TWO 3=ROT_THREE 4=DUP_TOP 5=DUP_TOP_TWO 6=ROT_FOUR 16=BINARY_@ 17=BINARY_@ "
    "19=BINARY_** 20=BINARY_* 22=BINARY_% 23=BINARY_+ 24=BINARY_- 26=BINARY_// 27=BINARY_/ "
    "28=BINARY_// 29=BINARY_/ 55=BINARY_+ 56=BINARY_- 57=BINARY_* 59=BINARY_% 64=BINARY_& "
    "65=BINARY_^ 66=BINARY_| 67=BINARY_** 87=NOP 111=JUMP_IF_FALSE_OR_POP "
    "112=JUMP_IF_TRUE_OR_POP 113=JUMP_ABSOLUTE 114=POP_JUMP_IF_FALSE 115=POP_JUMP_IF_TRUE "
    "120=NOP 131=CALL_FUNCTION 135=LOAD_CLOSURE 136=LOAD_DEREF 137=STORE_DEREF "
    "130=RAISE 141=CALL_FUNCTION_KW 144=EXTENDED_ARG 145=LIST_APPEND"
)
_FROM_3 = _BEFORE_11 | _table("147=MAP_ADD 156=BUILD_CONST_KEY_MAP")
_FROM_6 = _FROM_3 | _table("142=CALL_FUNCTION_EX 160=LOAD_METHOD 161=CALL_METHOD")
_FROM_9 = _FROM_6 | _table(
    "82=LIST_TO_TUPLE 99=ROT_N 117=IS_OP 118=CONTAINS_OP 162=LIST_EXTEND 164=DICT_MERGE "
    "165=DICT_UPDATE"
)
_FROM_11 = _BEFORE_13 | _table(
    "0=CACHE 2=PUSH_NULL 119=RAISE 130=RAISE 82=LIST_TO_TUPLE 99=SWAP 117=IS_OP 118=CONTAINS_OP "
    "120=COPY 122=BINARY_OP 135=MAKE_CELL 136=LOAD_CLOSURE 137=LOAD_DEREF 138=STORE_DEREF "
    "140=JUMP_BACKWARD 142=CALL_FUNCTION_EX 144=EXTENDED_ARG 145=LIST_APPEND 147=MAP_ADD "
    "149=COPY_FREE_VARS 151=RESUME 156=BUILD_CONST_KEY_MAP 162=LIST_EXTEND 164=DICT_MERGE "
    "165=DICT_UPDATE 171=CALL 172=KW_NAMES"
)
_STARRED = _table("134=MAKE_CLOSURE 140=CALL_VAR 141=CALL_KEYS 142=CALL_BOTH")
_TABLES = {
    2: _BEFORE_11
    | _table("5=ROT_FOUR 21=BINARY_div 58=BINARY_div 54=STORE_MAP 94=LIST_APPEND 145=EXTENDED_ARG")
    | _STARRED
    | _table("30=SLICE_0 31=SLICE_1 32=SLICE_2 33=SLICE_3"),
    5: _FROM_3 | _STARRED,
    6: _FROM_6,
    9: _FROM_9,
    10: _FROM_9,
    11: _FROM_11
    | _table(
        "111=JUMP_IF_FALSE_OR_POP 112=JUMP_IF_TRUE_OR_POP 114=POP_JUMP_IF_FALSE "
        "115=POP_JUMP_IF_TRUE 128=POP_JUMP_IF_NOT_NONE 129=POP_JUMP_IF_NONE 160=LOAD_METHOD "
        "166=PRECALL 175=POP_JUMP_BACK_IF_FALSE 176=POP_JUMP_BACK_IF_TRUE"
    ),
    12: _FROM_11
    | _table(
        "4=END_FOR 26=BINARY_SLICE 114=POP_JUMP_IF_FALSE 115=POP_JUMP_IF_TRUE 121=RETURN_CONST "
        "127=LOAD_FAST 128=POP_JUMP_IF_NOT_NONE 129=POP_JUMP_IF_NONE 143=LOAD_FAST_AND_CLEAR "
        "173=CALL_INTRINSIC_1"
    ),
    13: _table(
        "0=CACHE 4=BINARY_SLICE 5=BINARY_SUBSCR 11=END_FOR 19=GET_ITER 26=MAKE_FUNCTION 30=NOP "
        "32=POP_TOP 34=PUSH_NULL 36=RETURN_VALUE 39=STORE_SUBSCR 40=TO_BOOL 41=UNARY_~ 42=UNARY_- "
        "43=UNARY_not 45=BINARY_OP 46=BUILD_CONST_KEY_MAP 47=BUILD_LIST 48=BUILD_MAP 49=BUILD_SET "
        "50=BUILD_SLICE 52=BUILD_TUPLE 53=CALL 54=CALL_FUNCTION_EX 55=CALL_INTRINSIC_1 57=CALL_KW "
        "58=COMPARE_OP 59=CONTAINS_OP 61=COPY 62=COPY_FREE_VARS 65=DELETE_FAST 68=DICT_MERGE "
        "69=DICT_UPDATE 71=EXTENDED_ARG 72=FOR_ITER 74=IMPORT_FROM 75=IMPORT_NAME 76=IS_OP "
        "77=JUMP_BACKWARD 79=JUMP_FORWARD 80=LIST_APPEND 81=LIST_EXTEND 82=LOAD_ATTR 83=LOAD_CONST "
        "84=LOAD_DEREF 85=LOAD_FAST 86=LOAD_FAST_AND_CLEAR 87=LOAD_FAST 88=LOAD_FAST_LOAD_FAST "
        "91=LOAD_GLOBAL 94=MAKE_CELL 95=MAP_ADD 97=POP_JUMP_IF_FALSE 98=POP_JUMP_IF_NONE "
        "99=POP_JUMP_IF_NOT_NONE 100=POP_JUMP_IF_TRUE 101=RAISE 102=RAISE 103=RETURN_CONST "
        "106=SET_FUNCTION_ATTRIBUTE 109=STORE_DEREF 110=STORE_FAST 111=STORE_FAST_LOAD_FAST "
        "112=STORE_FAST_STORE_FAST 115=SWAP 117=UNPACK_SEQUENCE 149=RESUME"
    ),
}
_CACHES = {  # empty places after an instruction
    11: "BINARY_SUBSCR=4 STORE_SUBSCR=1 UNPACK_SEQUENCE=1 LOAD_ATTR=4 COMPARE_OP=2 LOAD_GLOBAL=5 "
    "BINARY_OP=1 LOAD_METHOD=10 PRECALL=1 CALL=4",
    12: "BINARY_SUBSCR=1 STORE_SUBSCR=1 UNPACK_SEQUENCE=1 FOR_ITER=1 LOAD_ATTR=9 COMPARE_OP=1 "
    "LOAD_GLOBAL=4 BINARY_OP=1 CALL=3",
    13: "BINARY_SUBSCR=1 STORE_SUBSCR=1 UNPACK_SEQUENCE=1 FOR_ITER=1 LOAD_ATTR=9 COMPARE_OP=1 "
    "LOAD_GLOBAL=4 BINARY_OP=1 CALL=3 CONTAINS_OP=1 TO_BOOL=3 JUMP_BACKWARD=1 POP_JUMP_IF_TRUE=1 "
    "POP_JUMP_IF_FALSE=1 POP_JUMP_IF_NONE=1 POP_JUMP_IF_NOT_NONE=1",
}
_EMPTY = {
    version: {name: int(n) for name, n in (pair.split("=") for pair in text.split())}
    for version, text in _CACHES.items()
}
_OPERATORS = "+ & // << @ * % | ** >> - / ^".split()
_COMPARED = "< <= == != > >=".split()
_COMPARED_BEFORE_9 = [*_COMPARED, "in", "not in", "is", "is not"]
_AS_THEY_ARE = {
    "POP_TOP": "pop",
    "BINARY_SUBSCR": "item",
    "STORE_SUBSCR": "store item",
    "GET_ITER": "iter",
    "RETURN_VALUE": "return",
    "UNPACK_SEQUENCE": "unpack",
    "BUILD_TUPLE": "tuple",
    "BUILD_LIST": "list",
    "BUILD_SET": "set",
    "BUILD_CONST_KEY_MAP": "map by keys",
    "BUILD_SLICE": "slice",
    "BINARY_SLICE": "item of slice",
    "PUSH_NULL": "null",
    "CALL": "call",
    "CALL_METHOD": "call",
    "CALL_KW": "call with names",
    "LIST_APPEND": "append",
    "MAP_ADD": "add to map",
    "LIST_EXTEND": "extend",
    "DICT_MERGE": "update",
    "DICT_UPDATE": "update",
    "LIST_TO_TUPLE": "as tuple",
    "COPY": "copy",
    "SWAP": "swap",
    "TO_BOOL": "as bool",
    "SET_FUNCTION_ATTRIBUTE": "function part",
    "STORE_MAP": "store in map",
}
_ENDS = {12: ("END_FOR",), 13: ("END_FOR", "POP_TOP")}  # what a loop that is over goes past
_ROTATED = {"ROT_TWO": 2, "ROT_THREE": 3, "ROT_FOUR": 4}
_COPIED = {"DUP_TOP": 1, "DUP_TOP_TWO": 2}
_NOTHING = {"NOP", "RESUME", "PRECALL", "MAKE_CELL", "COPY_FREE_VARS", "CACHE", "END_FOR"}


def _translated(code, version):
    units = list(_units(code.instructions, version))
    starts = {start: number for number, (start, *_) in enumerate(units)}
    found = []
    for _, name, argument, after in units:
        try:
            made = _instruction(code, version, name, argument, after)
        except IndexError:
            raise _Strange(f"{name} has an impossible argument") from None
        if made.word in ("jump", "jump if", "jump or pop", "jump if none", "next"):
            *how, target = made.value
            if target not in starts:
                raise _Strange(f"{name} leads nowhere")
            target = starts[target]
            while made.word == "next" and units[target][1] in _ENDS.get(version, ()):
                target += 1
            made = Instruction(made.word, (*how, target))
        found.append(made)
    if not found or not any(one.word == "return" for one in found):
        raise _Strange("the code returns nothing")
    return found


def _units(raw, version) -> Iterator[tuple[int, str, int, int]]:
    """Where each instruction starts, its name and argument, and where the next one starts."""
    table, at, carried, begun = _TABLES[version], 0, 0, None
    while at < len(raw):
        start, number = at, raw[at]
        name = table.get(number)
        if name is None:
            raise _Strange(f"instruction {number} is not one that is computed here")
        wide = version < 6 and number >= 90
        size = 3 if wide else 1 if version < 6 else 2
        if at + size > len(raw):
            raise _Strange("the code ends within an instruction")
        argument = raw[at + 1] | (raw[at + 2] << 8 if wide else 0) if size > 1 else 0
        argument |= carried
        at += size
        empty = 2 * _EMPTY.get(version, {}).get(name, 0)
        if any(raw[at : at + empty : 2]) or at + empty > len(raw):
            raise _Strange(f"{name} is followed by what should be empty")
        at += empty
        begun = start if begun is None else begun
        if name == "EXTENDED_ARG":
            carried = argument << (16 if wide else 8)
            continue
        yield begun, name, argument, at
        carried, begun = 0, None


def _instruction(code, version, name, argument, after):
    if name in _AS_THEY_ARE:
        return Instruction(_AS_THEY_ARE[name], argument)
    if name in _ROTATED or name == "ROT_N":
        return Instruction("rotate", _ROTATED.get(name, argument))
    if name in _COPIED:
        return Instruction("copy top", _COPIED[name])
    if name in _NOTHING:
        return Instruction("nothing")
    head, _, rest = name.partition("_")
    if head == "UNARY":
        return Instruction("unary", rest)
    if name == "BINARY_OP":
        return Instruction("binary", _OPERATORS[argument % len(_OPERATORS)])
    if head == "BINARY":
        return Instruction("binary", rest)
    if head == "SLICE":  # Python 2: bit 0 says that there is a start, bit 1 a stop
        return Instruction("old slice", int(rest))
    for translate in (_jump, _load, _call, _other):
        made = translate(code, version, name, argument, after)
        if made is not None:
            return made
    raise _Strange(f"{name} is not computed here")


def _jump(code, version, name, argument, after):
    unit = 2 if version >= 10 else 1
    if "JUMP" not in name and name != "FOR_ITER":
        return None
    relative = version >= 11 or name in ("JUMP_FORWARD", "FOR_ITER")
    back = name == "JUMP_BACKWARD" or "_BACK_" in name
    target = after + (-1 if back else 1) * unit * argument if relative else unit * argument
    if name == "FOR_ITER":
        return Instruction("next", (target,))
    if "NONE" in name:
        return Instruction("jump if none", ("NOT" not in name, target))
    if name.endswith("OR_POP"):
        return Instruction("jump or pop", ("TRUE" in name, target))
    if "_IF_" in name:
        return Instruction("jump if", ("TRUE" in name, target))
    return Instruction("jump", (target,))


def _load(code, version, name, argument, after):
    fast = (*code.locals, *(n for n in (*code.cells, *code.free) if n not in code.locals))
    cells = fast if version >= 11 else (*code.cells, *code.free)
    pair = name in ("LOAD_FAST_LOAD_FAST", "STORE_FAST_LOAD_FAST", "STORE_FAST_STORE_FAST")
    if pair:
        first, second = name.replace("_FAST", "").lower().split("_")
        return Instruction(f"{first} {second}", (fast[argument >> 4], fast[argument & 15]))
    if name == "LOAD_FAST" and version == 13 and fast[argument] in (*code.cells, *code.free):
        return Instruction("cell", fast[argument])
    if name in ("LOAD_FAST", "LOAD_FAST_AND_CLEAR", "STORE_FAST", "DELETE_FAST"):
        word = {"LOAD_FAST": "load", "STORE_FAST": "store", "DELETE_FAST": "delete"}
        return Instruction(word.get(name, "load and clear"), fast[argument])
    if name in ("LOAD_DEREF", "STORE_DEREF"):
        return Instruction(name.split("_")[0].lower(), cells[argument])
    if name == "LOAD_CLOSURE":
        return Instruction("cell", cells[argument])
    if name == "LOAD_CONST":
        return Instruction("constant", code.constants[argument])
    if name == "RETURN_CONST":
        return Instruction("return constant", code.constants[argument])
    if name == "LOAD_GLOBAL":
        null = ("", "null first", "null last")[
            0 if version < 11 or not argument & 1 else 1 + (version >= 13)
        ]
        return Instruction("global", (code.names[argument >> (version >= 11)], null))
    if name == "LOAD_METHOD" or name == "LOAD_ATTR" and version >= 12 and argument & 1:
        where = argument >> 1 if name == "LOAD_ATTR" else argument
        return Instruction("method", (code.names[where], version >= 13))
    if name == "LOAD_ATTR":
        return Instruction("attribute", code.names[argument >> (version >= 12)])
    if name in ("IMPORT_NAME", "IMPORT_FROM"):
        return Instruction(name.lower().replace("_", " "), code.names[argument])
    return None


def _call(code, version, name, argument, after):
    if name == "CALL_FUNCTION" and version < 6:
        return Instruction("call with pairs", (argument & 255, argument >> 8, False, False))
    if name in ("CALL_VAR", "CALL_KEYS", "CALL_BOTH"):
        starred = (name != "CALL_KEYS", name != "CALL_VAR")
        return Instruction("call with pairs", (argument & 255, argument >> 8, *starred))
    if name == "CALL_FUNCTION":
        return Instruction("call plain", argument)
    if name == "CALL_FUNCTION_KW" and version >= 6:
        return Instruction("call plain with names", argument)
    if name == "CALL_FUNCTION_EX":
        return Instruction("call with all", (bool(argument & 1), version >= 11))
    if name == "KW_NAMES":
        return Instruction("names of call", code.constants[argument])
    return None


def _other(code, version, name, argument, after):
    if name == "COMPARE_OP" and version >= 12:
        return Instruction("compare", _COMPARED[argument >> (5 if version == 13 else 4)])
    if name == "COMPARE_OP":
        return Instruction("compare", _COMPARED_BEFORE_9[argument])
    if name in ("IS_OP", "CONTAINS_OP"):
        word = "is" if name == "IS_OP" else "in"
        negated = {"is": "is not", "in": "not in"}[word]
        return Instruction("compare", negated if argument else word)
    if name == "BUILD_MAP":
        return Instruction("map", argument if version >= 5 else 0)
    if name == "CALL_INTRINSIC_1" and argument == 6:
        return Instruction("as tuple")
    if name in ("MAKE_FUNCTION", "MAKE_CLOSURE"):
        return Instruction("function", (argument, version, name == "MAKE_CLOSURE"))
    if name == "RAISE":
        return Instruction("raise")
    return None
