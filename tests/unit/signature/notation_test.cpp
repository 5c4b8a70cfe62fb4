#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/signature.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace dspy;

TEST_CASE("Signature::parse reads the arrow notation") {
  struct Case {
    std::string notation;
    std::string canonical;
  };
  const std::vector<Case> cases = {
      {"question -> answer", "question: str -> answer: str"},
      {"question->answer", "question: str -> answer: str"},
      {"question -> answer: float", "question: str -> answer: float"},
      {"a, b -> c: float", "a: str, b: str -> c: float"},
      {"  text :list[ str ]->label ", "text: list[str] -> label: str"},
      {"a:int,b:bool->c:float,d:str", "a: int, b: bool -> c: float, d: str"},
      {"a\n  : int,\n b\t-> \r\n c\n", "a: int, b: str -> c: str"},
      {"-> answer", "-> answer: str"},
      {" -> a, b", "-> a: str, b: str"},
      {"a, -> b,", "a: str -> b: str"},
      {"a -> b: list[int,],", "a: str -> b: list[int]"},
      {"a -> b: list", "a: str -> b: list[Any]"},
      {"a -> b: dict", "a: str -> b: dict[str, Any]"},
      {"a -> b: List[int], c: Dict[str, float]", "a: str -> b: list[int], c: dict[str, float]"},
      {"a -> b: typing.Optional[typing.List[int]]", "a: str -> b: Optional[list[int]]"},
      {"a -> b: dict[str, list[dict[int, bool]]]", "a: str -> b: dict[str, list[dict[int, bool]]]"},
      {"a -> b: dict[Literal['x', 'y'], int]", "a: str -> b: dict[Literal['x', 'y'], int]"},
      {"a -> b: Optional[int]", "a: str -> b: Optional[int]"},
      {"a -> b: int | None", "a: str -> b: Optional[int]"},
      {"a -> b: None|int", "a: str -> b: Optional[int]"},
      {"a -> b: Union[list[int], None]", "a: str -> b: Optional[list[int]]"},
      {"a -> b: Union[int]", "a: str -> b: int"},
      {"a -> b: Optional[Optional[int]] | None", "a: str -> b: Optional[int]"},
      {"a -> b: list[int | None]", "a: str -> b: list[Optional[int]]"},
      {"a: str | None -> b", "a: Optional[str] -> b: str"},
      {"a -> b: Literal['low', \"high\", 3, -4, +5, True, False]",
       "a: str -> b: Literal['low', 'high', 3, -4, 5, True, False]"},
      {"a -> b: Literal['x', 'x', 1, 1, True]", "a: str -> b: Literal['x', 1, True]"},
      {"a -> b: Literal['x', None]", "a: str -> b: Optional[Literal['x']]"},
      {"a -> b: Literal['a->b', 'c,d', ']', ':']", "a: str -> b: Literal['a->b', 'c,d', ']', ':']"},
      {"a -> b: Literal['it\\'s', \"it's\", 'say \"x\"']", "a: str -> b: Literal[\"it's\", 'say \"x\"']"},
      {"a -> b: Literal['both \\' and \"']", "a: str -> b: Literal['both \\' and \"']"},
      {"a -> b: Literal['\\\\', '\\n', '\\t', '\\r', '\\x41', '\\u20ac', '\\U0001F600', '']",
       "a: str -> b: Literal['\\\\', '\\n', '\\x09', '\\x0d', 'A', '€', '😀', '']"},
      {"_a1, B -> __", "_a1: str, B: str -> __: str"},
      {"str -> int: int", "str: str -> int: int"},
      {"a -> b: None", "a: str -> b: None"},
      {"a -> b: int | str", "a: str -> b: Union[int, str]"},
      {"a -> b: Union[int, str | None, Union[int, float]]", "a: str -> b: Optional[Union[int, str, float]]"},
      {"a -> b: list[int | str] | None", "a: str -> b: Optional[list[Union[int, str]]]"},
      {"a: Any -> b: set[str], c: frozenset", "a: Any -> b: set[str], c: set[Any]"},
      {"a -> b: tuple[int, str], c: tuple[int, ...], d: tuple[()], e: tuple",
       "a: str -> b: tuple[int, str], c: list[int], d: tuple[()], e: list[Any]"},
      {"a: datetime.date, b: datetime.datetime, c: timedelta, d: bytes -> e: date",
       "a: date, b: datetime, c: timedelta, d: bytes -> e: date"},
      {"opens: time, closes: datetime.time -> time: time | None", "opens: time, closes: time -> time: Optional[time]"},
      {"a: dspy.Image, b: list[dspy.Audio], c: dspy.History -> d: dspy.Code[\"python\"], e: Code, f: dspy.ToolCalls",
       "a: Image, b: list[Audio], c: History -> d: Code['python'], e: Code, f: ToolCalls"},
      {"a: File, b: Document -> c: Reasoning, d: Citations, e: Tool",
       "a: File, b: Document -> c: Reasoning, d: Citations, e: Tool"},
      {"a -> b: Annotated[int, Field(ge=0, lt=10)]", "a: str -> b: Annotated[int, Field(ge=0, lt=10)]"},
      {"a -> b: Annotated[Optional[float], 'a remark', pydantic.Field(gt=0.5, allow_inf_nan=True), "
       "Field(multiple_of=.25)]",
       "a: str -> b: Optional[Annotated[float, Field(gt=0.5, multiple_of=0.25, allow_inf_nan=True)]]"},
      {"a -> b: list[Annotated[str, Field(min_length=1, max_length=9)]]",
       "a: str -> b: list[Annotated[str, Field(min_length=1, max_length=9)]]"},
      {"a -> b: Annotated[int | list[int], Field(min_length=2)]",
       "a: str -> b: Union[int, Annotated[list[int], Field(min_length=2)]]"},
      {"a -> b: Annotated[str, Field(one_of=['x', 'y'])]", "a: str -> b: Literal['x', 'y']"},
      {"a -> b: Annotated[float, Field(one_of=[0.5, 1.0])]", "a: str -> b: Annotated[float, Field(one_of=[0.5, 1.0])]"},
      {"a -> b: Annotated[Literal['x', 'y'], Field(title='Size', labels=['Ex', 'Why'])]",
       "a: str -> b: Annotated[Literal['x', 'y'], Field(title='Size', labels=['Ex', 'Why'])]"},
      {"a -> b: {name, age: int}", "a: str -> b: {name: str, age: int}"},
      {"a -> b: Person{name: str, 'e-mail': Optional[str], **: Any,}",
       "a: str -> b: Person{name: str, 'e-mail': Optional[str], **: Any}"},
      {"a: Person{name: str} -> b: list[Person], c: Person",
       "a: Person{name: str} -> b: list[Person{name: str}], c: Person{name: str}"},
      {"a -> b: Node{value: int, next: Node | None, all: list[Node]}",
       "a: str -> b: Node{value: int, next: Optional[Node], all: list[Node]}"},
      {"a -> b: P{x: Annotated[float, Field(desc='Left.', label='X axis', default=0.5, ge=0)]}",
       "a: str -> b: P{x: Annotated[float, Field(ge=0, desc='Left.', label='X axis')] = 0.5}"},
      {"x: str | (int | float) | None -> y", "x: Optional[Union[str, int, float]] -> y: str"},
      {"x: ((int)) -> y: list[(str | None)]", "x: int -> y: list[Optional[str]]"},
      {"a: int = 3, b='x' -> c: Optional[int]=None, d: list[str] = ['->', \"'\"]",
       "a: int = 3, b: str = 'x' -> c: Optional[int] = None, d: list[str] = ['->', \"'\"]"},
      {"q -> lines: list[Line{sku: str, qty: int = 1, tags: dict[str, int] = {}, at: date | None = None}]",
       "q: str -> lines: list[Line{sku: str, qty: int = 1, tags: dict[str, int] = {}, at: Optional[date] = None}]"},
      {"q -> n: Annotated[int, Field(default=5, ge=0)]", "q: str -> n: Annotated[int, Field(ge=0)] = 5"},
      {"a -> b: bool=True, c: float = -1.5e3", "a: str -> b: bool = True, c: float = -1500.0"},
      {"问题, naïve -> 答案: Größe{größe: int}, мир2", "问题: str, naïve: str -> 答案: Größe{größe: int}, мир2: str"},
      {"f -> g: Literal[ 'a' , 'b' , ]", "f: str -> g: Literal['a', 'b']"},
  };
  for (const auto& [notation, canonical] : cases) {
    CAPTURE(notation);
    const auto signature = Signature::parse(notation);
    CHECK(to_notation(signature) == canonical);
    CHECK(Signature::parse(canonical) == signature);
    CHECK_NOTHROW(validate(signature));
  }
}

TEST_CASE("Signature::parse says what is wrong, where, and what to do") {
  struct Case {
    std::string notation;
    std::size_t position;
    std::string_view what;
    std::string_view remedy;
  };
  const std::vector<Case> cases = {
      {"q -> a: Annotated[str, Field(pattern='a(b')]", 39, "the pattern has a `(` that is not closed", "add a `)`"},
      {"q -> a: Annotated[str, Field(pattern=r'\\d\\q')]", 41, R"(the pattern has an escape `\q` that is not known)",
       ""},
      {"q -> a: Annotated[str, Field(pattern='\\\\d\\\\q')]", 41, R"(the pattern has an escape `\q` that is not known)",
       ""},
      {"q -> a: Annotated[str, Field(pattern='\\u00e4*?*')]", 46, "the pattern repeats a repetition", ""},
      {"", 0, "the arrow `->` is missing", "question -> answer"},
      {"question", 8, "the arrow `->` is missing", "write inputs, `->` and outputs"},
      {"question answer", 9, "the arrow `->` is missing", "write inputs"},
      {"what is 2+2?", 5, "the arrow `->` is missing", "write inputs"},
      {"question => answer", 9, "`=>` is not an arrow", "write `->`"},
      {"question → answer", 9, "`→` is not an arrow", "write `->`"},
      {"a: Literal['->']", 16, "the arrow `->` is missing", "write inputs"},
      {"a -> b -> c", 7, "there is a second `->`", "the one arrow"},
      {"a -> -> c", 5, "there is a second `->`", "the one arrow"},
      {"question ->", 11, "no output field follows", "name at least one"},
      {"question ->  ", 13, "no output field follows", "name at least one"},
      {"->", 2, "no output field follows", "name at least one"},
      {", -> a", 0, "a field name is missing before the `,`", "take the comma away"},
      {"a,, b -> c", 2, "a field name is missing before the `,`", "take the comma away"},
      {"a -> , b", 5, "a field name is missing before the `,`", "take the comma away"},
      {"a, b, a -> c", 6, "the name `a` is already taken", "a name of its own"},
      {"a -> b, b", 8, "the name `b` is already taken", "a name of its own"},
      {"question -> question", 12, "the name `question` is already taken", "a name of its own"},
      {"1st -> b", 0, "`1st` is not a field name", "do not start with a digit"},
      {"a -> my-field: int", 5, "`my-field` is not a field name", "use letters, digits and `_`"},
      {"a -> μm①", 5, "`μm①` is not a field name", "NFKC form"},
      {"µm -> b", 0, "`µm` is not a field name", "NFKC form"},
      {"a -> ́b", 5, "`́b` is not a field name", "do not start with a digit"},
      {"what? -> b", 0, "`what?` is not a field name", "use letters, digits and `_`"},
      {"a -> : int", 5, "`:` is not a field name", "use letters, digits and `_`"},
      {"[a] -> b", 0, "`[` is not a field name", "use letters, digits and `_`"},
      {"question -> answer: flaot", 20, "`flaot` is not a type", "did you mean `float`?"},
      {"question -> answer: Float", 20, "`Float` is not a type", "did you mean `float`?"},
      {"question -> answer: string", 20, "`string` is not a type", "did you mean `str`?"},
      {"a: integer -> b", 3, "`integer` is not a type", "did you mean `int`?"},
      {"a: std.vector[int] -> b", 3, "`std.vector` is not a type", "did you mean `list[T]`?"},
      {"a -> b: lits[int]", 8, "`lits` is not a type", "did you mean `list`?"},
      {"a -> b: Tensor", 8, "`Tensor` is not a type", "write str, int, float, bool, list[T]"},
      {"a -> b: list[Foo]", 13, "`Foo` is not a type", "write str"},
      {"a -> b: 3", 8, "`3` is not a type", "write str"},
      {"a -> b: 'yes'", 8, "a quoted text is not a type", "Literal['yes', 'no']"},
      {"a: -> b", 3, "a type is missing", "write str"},
      {"a -> b:", 7, "a type is missing", "write str"},
      {"a: , b -> c", 3, "a type is missing", "write str"},
      {"a -> b: list[]", 13, "a type is missing", "write str"},
      {"a -> b: int |", 13, "a type is missing", "write str"},
      {"a -> b: Optional", 8, "`Optional` needs its types in brackets", "Optional[str]"},
      {"a -> b: Literal", 8, "`Literal` needs its types in brackets", "Literal['yes', 'no']"},
      {"a -> b: list[int", 12, "the `[` is not closed", "add a `]`"},
      {"a: list[int -> b", 7, "the `[` is not closed", "add a `]`"},
      {"a -> b: dict[str, list[int]", 12, "the `[` is not closed", "add a `]`"},
      {"a -> b: list[int]]", 17, "`]` does not belong", "take it away"},
      {"a -> b: list[int, str]", 18, "too many types", "add a `]` before"},
      {"a -> b: dict[str]", 16, "the type of the dict's values is missing", "dict[K, V]"},
      {"a -> b: dict[str, int, int]", 23, "too many types", "add a `]` before"},
      {"a -> b: dict[float, int]", 13, "`float` cannot be the type of a dict's keys", "use `str`"},
      {"a -> b: list[int str]", 17, "`str` does not belong", "close the bracket"},
      {"a -> b: str[int]", 11, "`[` does not belong", "only list, set, tuple, dict"},
      {"a -> b: Literal[]", 15, "`Literal[]` has no choices", "Literal['yes', 'no']"},
      {"a -> b: Literal[None]", 15, "`None` is the only choice", "name others"},
      {"a -> b: Literal['x', low]", 21, "`low` is not a choice", "put words into quotes"},
      {"a -> b: Literal[1.5]", 16, "the choice `1.5` is not an integer", "put it into quotes"},
      {"a -> b: Literal[12x]", 16, "the choice `12x` is not an integer", "put it into quotes"},
      {"a -> b: Literal[-]", 16, "the choice `-` is not an integer", "put it into quotes"},
      {"a -> b: Literal[99999999999999999999]", 16, "is beyond 64 bits", "put it into quotes"},
      {"a -> b: Literal['x", 16, "the text that starts with ' is not closed", "add a ' after it"},
      {"a -> b: Literal[\"x\n\"]", 16, "the text that starts with \" is not closed", "add a \" after it"},
      {"a -> b: Literal['x\\", 16, "is not closed", "add a ' after it"},
      {"a -> b: Literal['x'", 15, "the `[` is not closed", "add a `]`"},
      {"a -> b: Literal[", 16, "a choice is missing", "close the `Literal`"},
      {"a -> b: Literal['x' 'y']", 20, "`'y'` does not belong", "put a comma"},
      {"a -> b: Literal['\\q']", 17, "the backslash starts no escape", "write a backslash as"},
      {"a -> b: Literal['\\x4']", 17, "the backslash starts no escape", "write a backslash as"},
      {"a -> b: Literal['\\ud800']", 17, "the backslash starts no escape", "write a backslash as"},
      {"a -> b: int c", 12, "`c` does not belong", "put a comma between fields"},
      {"a b -> c", 2, "`b` does not belong", "put a comma between fields"},
      {"a: list[int = 3] -> b", 12, "`=` does not belong", "behind the whole type"},
      {"a: int = -> b", 7, "a default is missing after the `=`", "a: int = 3"},
      {"a -> b: P{x: int =, y: int}", 17, "a default is missing after the `=`", "a: int = 3"},
      {"a -> b: Annotated[int, Field(default=3)] = 3", 41, "the default of `b` is given twice", "give it once"},
      {"a: int = high -> b", 9, "`high` is not a value", "put text into quotes"},
      {"a -> b: int = 'x'", 8, "a default that is a string, not an integer", ""},
      {"a -> b = 3", 7, "a default that is an integer, not a string", ""},
      {"a -> b: P{x: Annotated[int, Field(ge=2)] = 1}", 8, "a default that is 1, below the minimum 2", ""},
      {"a -> b: (int", 8, "the `(` is not closed", "add a `)`"},
      {"a -> b: (int, str)", 12, "`,` does not belong", ""},
      {"a -> b: () | int", 8, "the parentheses are empty", "write a type"},
      {"a -> b: int)", 11, "`)` does not belong", ""},
      {"a ->> b", 4, "`>` is not a field name", "use letters, digits and `_`"},
      {"a -> b; c", 5, "`b;` is not a field name", "use letters, digits and `_`"},
      {"a | None -> b", 2, "`|` does not belong", "write a type before it"},
      {"a -> b: int \xFF", 12, "is not UTF-8", "save the text as UTF-8"},
  };
  for (const auto& [notation, position, what, remedy] : cases) {
    CAPTURE(notation);
    try {
      const auto signature = Signature::parse(notation);
      FAIL_CHECK("was read as " << to_notation(signature));
    } catch (const Error& error) {
      const std::string_view message = error.what();
      CAPTURE(message);
      CHECK(error.code() == Errc::signature_error);
      CHECK(error.info().position == position);
      CHECK(message.contains(what));
      CHECK(message.contains(remedy));
      CHECK(message.contains("byte " + std::to_string(position)));
      CHECK_FALSE(text::invalid_utf8(message));
    }
  }
}

TEST_CASE("The whole message reads as one sentence") {
  CHECK_THROWS_WITH_AS(Signature::parse("question -> answer: flaot"),
                       "`flaot` is not a type at byte 20 of the signature; did you mean `float`?", Error);
  CHECK_THROWS_WITH_AS(
      Signature::parse("a -> a"),
      "the name `a` is already taken at byte 5 of the signature; give each input and output a name of its own", Error);
}

TEST_CASE("A name that means another type inside an object of that name is written out there") {
  for (const auto* const text : {"q -> x: B{c: A{d}, e: A{f: A{d}}}", "q -> x: A{d}, y: A{f: A{d}}",
                                 "q -> x: B{c: A{d}, e: list[A{f: Optional[A{d}], g: C{h: A{d}}}]}"}) {
    CAPTURE(text);
    const auto signature = Signature::parse(text);
    CHECK(Signature::parse(to_notation(signature)) == signature);
  }
}

TEST_CASE("A type of the notation is distinguished from an object of the same name") {
  const auto record = [](const char* name, Type type) {
    return Type::object(name, {make_field("x", std::move(type))});
  };
  const auto whole = [](std::vector<Field> outputs) {
    return Signature{.inputs = {make_field("q", Type::string())}, .outputs = std::move(outputs)};
  };
  const std::vector<Type> plain = {Type::string(),
                                   Type::integer(),
                                   Type::list(Type::string()),
                                   Type::any(),
                                   Type::optional(Type::boolean()),
                                   Type::dict(Type::string(), Type::number()),
                                   Type::literal({"a", "b"}),
                                   Type{.kind = Type::Kind::datetime},
                                   Type{.kind = Type::Kind::time},
                                   Type{.kind = Type::Kind::document}};
  for (const auto* const name :
       {"str", "int", "list", "Any", "Optional", "bool", "dict", "Literal", "datetime", "time", "Document"}) {
    for (const auto& type : plain) {
      CAPTURE(name);
      const auto inside = whole({make_field("a", record(name, type))});
      CAPTURE(to_notation(inside));
      CHECK(Signature::parse(to_notation(inside)) == inside);
      const auto beside = whole({make_field("a", record(name, Type::string())), make_field("b", type)});
      CHECK(Signature::parse(to_notation(beside)) == beside);
    }
  }
  CHECK(to_notation(record("str", Type::string())) == "str{x: builtins.str}");
  CHECK(to_notation(record("time", Type{.kind = Type::Kind::time})) == "time{x: datetime.time}");
  CHECK(to_notation(record("Text", Type::string())) == "Text{x: str}");
}

TEST_CASE("Types nest to a depth of 64 and no deeper") {
  const auto nested = [](int depth) {
    std::string text = "a -> b: ";
    for (int i = 1; i < depth; ++i) text += "list[";
    return text + "int" + std::string(static_cast<std::size_t>(depth - 1), ']');
  };

  CHECK(to_notation(Signature::parse(nested(64))) == "a: str -> " + nested(64).substr(5));
  CHECK_THROWS_WITH_AS(Signature::parse(nested(65)),
                       "types are nested deeper than 64 at byte 328 of the signature; use a flatter type", Error);
  std::string endless = "a -> b: ";
  for (int i = 0; i < 100'000; ++i) endless += "Optional[";
  CHECK_THROWS_AS(Signature::parse(endless), Error);
}

TEST_CASE("A signature may have a thousand fields and no more") {
  const auto many = [](int count) {
    std::string text = "a0";
    for (int i = 1; i + 1 < count; ++i) text += ", a" + std::to_string(i);
    return text + " -> b";
  };

  CHECK(Signature::parse(many(1000)).inputs.size() == 999);
  CHECK_THROWS_WITH_AS(Signature::parse(many(1001)), doctest::Contains("more than 1000 fields"), Error);
}

TEST_CASE("Long words are cut in messages, between characters") {
  std::string word;
  for (int i = 0; i < 1000; ++i) word += "€";
  try {
    Signature::parse("a -> " + word);
    FAIL("was read");
  } catch (const Error& error) {
    CHECK(std::string_view(error.what()).size() < 200);
    CHECK_FALSE(text::invalid_utf8(error.what()));
    CHECK(error.info().raw == "a -> " + word);
  }
}
