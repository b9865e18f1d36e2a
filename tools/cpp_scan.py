"""Reads C++ just well enough for the tidy check: blanks comments and strings, finds functions."""
import re

TOKEN = re.compile(
    r'(?P<comment>//[^\n]*|/\*.*?\*/)'
    r'|(?P<raw>R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)")'
    r'|(?P<string>"(?:\\.|[^"\\\n])*"|(?<![0-9a-zA-Z_])\'(?:\\.|[^\'\\\n])+\')', re.S)
DIRECTIVE = re.compile(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', re.M)
SCOPE = re.compile(r'\b(?:namespace|extern)\b')
TYPE = re.compile(r'\b(?:class|struct|union|enum)\b')
NAME = re.compile(r'([~\w:]+|operator[^\w\s(]+)\s*\(')


def blank(text):
    """The text with comments, strings and directives blanked; lines stay where they are."""
    def spaces(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return DIRECTIVE.sub(spaces, TOKEN.sub(spaces, text))


def comments(text):
    """(line number, text) of every // comment; block comments are left alone."""
    for match in TOKEN.finditer(text):
        if match.group("comment") and match.group(0).startswith("//"):
            yield text.count("\n", 0, match.start()) + 1, match.group(0)


def classify(head):
    """What a `{` opens, from the text before it: scope, type, function or value."""
    if head.endswith(("=", "(", ",", "return", "[")):
        return "value"
    if SCOPE.search(head) and "(" not in head:
        return "scope"
    if "(" in head:
        return "function"
    return "type" if TYPE.search(head) else "value"


def name_of(head):
    """A readable name for the function that starts with this text."""
    match = NAME.search(head)
    if not match:
        return "lambda"
    words = re.findall(r"\w+", head[match.end():])
    if match[1] in ("TEST", "TEST_F", "TEST_P") and len(words) > 1:
        return f"{words[0]}.{words[1]}"
    return match[1]


def functions(text):
    """(name, first line, lines) of every function body outside other functions."""
    clean, stack, start, found = blank(text), [], 0, []
    for match in re.finditer(r"[{};]", clean):
        at = match.start()
        if match[0] == "{":
            head = clean[start:at].strip()
            kind = "block" if "function" in stack or "value" in stack else classify(head)
            if kind == "function":
                begin = start + len(clean[start:at]) - len(clean[start:at].lstrip())
                found.append([name_of(head), clean.count("\n", 0, begin) + 1, None])
            stack.append(kind)
        elif match[0] == "}" and stack and stack.pop() == "function":
            found[-1][2] = clean.count("\n", 0, at) + 2 - found[-1][1]
        if not {"function", "value"} & set(stack) or match[0] == "{":
            start = at + 1
    return [tuple(f) for f in found if f[2] is not None]
