#include "dspy/signature/json_schema.hpp"

#include "dspy/base/error.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <format>

using namespace dspy;

namespace {

/// Without the line that says which JSON Schema it is.
std::string schema_of(std::string_view notation) {
  auto schema = to_json_schema(Type::parse(notation)).schema;
  CHECK(schema.at("$schema") == "https://json-schema.org/draft/2020-12/schema");
  schema.stable_erase("$schema");
  return to_text(schema);
}

/// Each gap as `path keyword`, with `!` where the schema would be refused.
std::vector<std::string> names_of(const std::vector<SchemaGap>& gaps) {
  std::vector<std::string> out;
  for (const auto& gap : gaps) out.push_back(std::format("{} {}{}", gap.path, gap.keyword, gap.refused ? "!" : ""));
  return out;
}

std::string message_of(std::string_view schema) {
  const auto result = attempt([&] { return parse_json_schema(schema); });
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::signature_error);
  return result.error().what();
}

constexpr std::array providers = {SchemaDialect::openai, SchemaDialect::anthropic, SchemaDialect::gemini,
                                  SchemaDialect::llama};

}  // namespace

TEST_CASE("Every kind of type has a schema") {
  struct Case {
    std::string_view type;
    std::string_view schema;
  };
  const Case cases[] = {
      {"str", R"({"type":"string"})"},
      {"int", R"({"type":"integer"})"},
      {"float", R"({"type":"number"})"},
      {"bool", R"({"type":"boolean"})"},
      {"None", R"({"type":"null"})"},
      {"Any", R"({})"},
      {"Literal['a', 'b']", R"({"type":"string","enum":["a","b"]})"},
      {"Literal['a', 3, True]", R"({"type":["string","integer","boolean"],"enum":["a",3,true]})"},
      {"list[int]", R"({"type":"array","items":{"type":"integer"}})"},
      {"set[str]", R"({"type":"array","items":{"type":"string"},"uniqueItems":true})"},
      {"tuple[int, str]",
       R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":false,"minItems":2,"maxItems":2})"},
      {"tuple[()]", R"({"type":"array","items":false,"minItems":0,"maxItems":0})"},
      {"dict[str, float]", R"({"type":"object","additionalProperties":{"type":"number"}})"},
      {"dict[str, Any]", R"({"type":"object"})"},
      {"dict[Literal['a', 1], Any]", R"({"type":"object","propertyNames":{"enum":["a","1"]}})"},
      {"dict[int, Any]", R"({"type":"object","propertyNames":{"pattern":"^(0|-?[1-9][0-9]*)$"}})"},
      {"Optional[int]", R"({"anyOf":[{"type":"integer"},{"type":"null"}]})"},
      {"int | str", R"({"anyOf":[{"type":"integer"},{"type":"string"}]})"},
      {"int | str | None", R"({"anyOf":[{"type":"integer"},{"type":"string"},{"type":"null"}]})"},
      {"date", R"({"type":"string","format":"date"})"},
      {"datetime", R"({"type":"string","format":"date-time"})"},
      {"time", R"({"type":"string","format":"time"})"},
      {"timedelta", R"({"type":"string","format":"duration"})"},
      {"bytes", R"({"type":"string","contentEncoding":"base64"})"},
      {"Code['python']", R"({"type":"string"})"},
      {"Annotated[int, Field(gt=0, le=10, multiple_of=2)]",
       R"({"type":"integer","exclusiveMinimum":0,"maximum":10,"multipleOf":2})"},
      {"Annotated[float, Field(ge=0.5, lt=1)]", R"({"type":"number","minimum":0.5,"exclusiveMaximum":1})"},
      {"Annotated[str, Field(min_length=1, max_length=9)]", R"({"type":"string","minLength":1,"maxLength":9})"},
      {"Annotated[list[int], Field(min_length=1, max_length=9)]",
       R"({"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":9})"},
      {"Annotated[dict[str, Any], Field(min_length=1)]", R"({"type":"object","minProperties":1})"},
      {"Annotated[float, Field(one_of=[0.5, 1.5])]", R"({"type":"number","enum":[0.5,1.5]})"},
      {"Person{name: str, age: Optional[int]}",
       R"({"type":"object","properties":{"name":{"type":"string"},"age":{"anyOf":[{"type":"integer"},{"type":"null"}]}},)"
       R"("required":["name"],"additionalProperties":false,"title":"Person"})"},
      {"{a: Annotated[int, Field(default=3, desc='How many.')], **: bool}",
       R"({"type":"object","properties":{"a":{"type":"integer","description":"How many.","default":3}},)"
       R"("additionalProperties":{"type":"boolean"}})"},
      {"Node{value: int, next: Optional[Node]}",
       R"({"$ref":"#/$defs/Node","$defs":{"Node":{"type":"object","properties":{"value":{"type":"integer"},)"
       R"("next":{"anyOf":[{"$ref":"#/$defs/Node"},{"type":"null"}]}},"required":["value"],"additionalProperties":false}}})"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.type);
    CHECK(schema_of(each.type) == each.schema);
  }
}

TEST_CASE("A type comes back from its schema") {
  for (const std::string_view notation : {
           "str",
           "Annotated[int, Field(gt=0, le=10, multiple_of=2)]",
           "Annotated[list[Annotated[str, Field(max_length=3)]], Field(min_length=1)]",
           "set[int]",
           "tuple[int, Optional[str]]",
           "tuple[()]",
           "dict[Literal['a', 'b'], float]",
           "dict[int, Annotated[str, Field(min_length=1)]]",
           "Optional[Union[int, list[str]]]",
           "Annotated[Literal['low', 'high'], Field(title='Priority', labels=['Low', 'Urgent'])]",
           "Union[date, int, None]",
           "datetime",
           "time",
           "timedelta",
           "bytes",
           "Any",
           "Order{id: int, lines: list[Line{price: Annotated[float, Field(ge=0)], note: Optional[str]}]}",
           "P{a: Annotated[int, Field(desc='How many.', label='Count')] = 3, 'b c': bool, **: str}",
           "Node{value: int, next: Optional[Node], all: dict[str, Node]}",
           "A{b: list[B{a: Optional[A], b: Optional[B]}]}",
       }) {
    CAPTURE(notation);
    const auto type = Type::parse(notation);
    const auto imported = from_json_schema(to_json_schema(type).schema);
    CHECK(to_notation(imported.type) == to_notation(type));
    CHECK(names_of(imported.gaps) == std::vector<std::string>());
  }
}

TEST_CASE("Two recursive objects of one name keep apart") {
  const auto type = Type::parse("tuple[N{a: int, n: Optional[N]}, N{b: str, n: Optional[N]}]");
  const auto schema = to_json_schema(type).schema;

  CHECK(schema.at("$defs").at("N").at("properties").at("n").at("anyOf").at(0).at("$ref") == "#/$defs/N");
  CHECK(schema.at("$defs").at("N_2").at("properties").at("n").at("anyOf").at(0).at("$ref") == "#/$defs/N_2");
  CHECK(fit(from_json_schema(schema).type, *parse_json(R"([{"a": 1}, {"b": "x", "n": {"b": "y"}}])")).has_value());
  CHECK_FALSE(fit(from_json_schema(schema).type, *parse_json(R"([{"a": 1}, {"b": "x", "n": {"a": 1}}])")).has_value());
}

TEST_CASE("A signature's outputs are one closed object, its inputs another") {
  const auto signature = Signature::parse("question, n: int -> answer: Optional[float], tags: list[str]");

  CHECK(to_text(to_json_schema(signature, SchemaDialect::llama).schema) ==
        R"({"type":"object","properties":{"answer":{"anyOf":[{"type":"number"},{"type":"null"}]},)"
        R"("tags":{"type":"array","items":{"type":"string"}}},"required":["tags"],"additionalProperties":false})");
  CHECK(to_json_schema(signature, SchemaDialect::json_schema, Direction::input).schema.at("required") ==
        JsonArray{"question", "n"});
}

TEST_CASE("What no schema can say is told in every dialect") {
  auto signature =
      Signature::parse("a -> n: int, x: Annotated[float, Field(allow_inf_nan=True)], picture: Image, raw: bytes");
  signature.outputs[0].validators = {{"is_prime", [](const Json&) { return std::nullopt; }}};
  signature.outputs[3].type = with_limits(signature.outputs[3].type, {.max_length = 10});

  for (const auto dialect : {SchemaDialect::json_schema, SchemaDialect::gemini}) {
    const auto names = names_of(to_json_schema(signature, dialect).gaps);
    for (const auto* name : {"n is_prime", "x allow_inf_nan", "picture Image", "raw max_length"}) {
      CAPTURE(name);
      CHECK(std::ranges::contains(names, name));
    }
  }
}

TEST_CASE("Each dialect tells what it cannot say") {
  struct Case {
    std::string_view type;
    std::vector<std::string> openai = {};
    std::vector<std::string> anthropic = {};
    std::vector<std::string> gemini = {};
    std::vector<std::string> llama = {};
  };
  const Case cases[] = {
      {"str | int"},
      {"list[Literal['a', 'b']]"},
      {"Annotated[str, Field(min_length=2)]", {"v minLength"}, {"v minLength"}, {"v minLength"}, {}},
      {"Annotated[str, Field(max_length=2)]", {"v maxLength"}, {"v maxLength"}, {"v maxLength"}, {}},
      {"Annotated[str, Field(max_length=1999)]", {"v maxLength"}, {"v maxLength"}, {"v maxLength"}, {}},
      {"Annotated[str, Field(max_length=2000)]", {"v maxLength"}, {"v maxLength"}, {"v maxLength"}, {"v maxLength"}},
      {"Annotated[list[str], Field(min_length=5000)]", {}, {"v minItems"}, {}, {"v minItems"}},
      {"Annotated[str, Field(pattern='^[a-z]+$', min_length=5)]",
       {"v minLength"},
       {"v minLength"},
       {"v minLength", "v pattern"},
       {"v minLength"}},
      {"Annotated[str, Field(pattern='[a-z]', min_length=5)]",  // what is not sent replaces nothing
       {"v minLength"},
       {"v minLength"},
       {"v minLength", "v pattern"},
       {"v pattern"}},
      {"P{größe: int, **: int}",
       {"v additionalProperties!"},
       {"v additionalProperties!"},
       {},
       {"v additionalProperties!"}},
      {"Annotated[int, Field(ge=1, le=5)]", {}, {"v minimum", "v maximum"}, {}, {}},
      {"Annotated[float, Field(ge=1)]", {}, {"v minimum"}, {}, {"v minimum"}},
      {"Annotated[int, Field(gt=1)]", {}, {"v exclusiveMinimum"}, {}, {}},
      {"Annotated[float, Field(gt=1)]", {}, {"v exclusiveMinimum"}, {"v exclusiveMinimum"}, {"v exclusiveMinimum"}},
      {"Annotated[int, Field(multiple_of=3)]", {}, {"v multipleOf"}, {"v multipleOf"}, {"v multipleOf"}},
      {"Annotated[list[int], Field(min_length=1)]"},
      {"Annotated[list[int], Field(min_length=2)]", {}, {"v minItems"}, {}, {}},
      {"Annotated[list[int], Field(max_length=2)]", {}, {"v maxItems"}, {}, {}},
      {"set[int]", {"v uniqueItems"}, {"v uniqueItems"}, {"v uniqueItems"}, {"v uniqueItems"}},
      {"tuple[int, int]", {}, {"v minItems", "v maxItems"}, {}, {}},
      {"tuple[int, str]", {"v prefixItems"}, {"v prefixItems", "v minItems", "v maxItems"}, {}, {"v prefixItems"}},
      {"dict[str, int]", {"v additionalProperties!"}, {"v additionalProperties!"}, {}, {}},
      {"dict[int, int]",
       {"v propertyNames", "v additionalProperties!"},
       {"v propertyNames", "v additionalProperties!"},
       {"v propertyNames"},
       {"v propertyNames"}},
      {"Any", {"v type!"}, {"v type!"}, {}, {}},
      {"P{a: int, **: int}", {"v additionalProperties!"}, {"v additionalProperties!"}, {}, {}},
      {"P{a: Annotated[int, Field(default=3)]}", {"v.a default"}, {}, {"v.a default"}, {}},
      {"N{n: Optional[N]}", {}, {"v $ref!", "N.n $ref!"}, {"v $ref!"}, {}},
      {"N{all: list[N]}", {}, {"v $ref!", "N.all[] $ref!"}, {"v $ref!", "N.all[] $ref!"}, {}},
      {"time", {}, {}, {}, {}},
      {"timedelta", {}, {}, {}, {"v format"}},
      {"bytes", {"v contentEncoding"}, {"v contentEncoding"}, {"v contentEncoding"}, {"v contentEncoding"}},
      {"Literal[True]", {}, {}, {"v enum"}, {}},
      {"Annotated[Literal['a'], Field(labels=['A'])]", {"v x-labels"}, {"v x-labels"}, {"v x-labels"}, {"v x-labels"}},
  };
  for (const auto& each : cases) {
    const auto signature = Signature::parse(std::format("q -> v: {}", each.type));
    const std::vector<std::string>* wanted[] = {&each.openai, &each.anthropic, &each.gemini, &each.llama};
    for (std::size_t i = 0; i < providers.size(); ++i) {
      CAPTURE(each.type);
      CAPTURE(to_string(providers[i]));
      const auto exported = to_json_schema(signature, providers[i]);
      CAPTURE(to_text(exported.schema));
      CHECK(names_of(exported.gaps) == *wanted[i]);
      CHECK(exported.is_accepted() == std::ranges::none_of(*wanted[i], [](auto& name) { return name.ends_with('!'); }));
    }
  }
}

TEST_CASE("llama.cpp is sent the patterns that its grammar has as they are meant") {
  const std::string_view fine[] = {
      "^[a-z]+$",      "^(a|bc)*$", "^a{2,3}b?$",    "^(?:x[0-9])+$", "^[A-Z]{2}-[0-9]{1,1000}$",
      "^größe [ä-ü]$", "^a\\.b$",   "^[\\[\\]-]+x$", "^[.*+]$",       "^$",
  };
  const std::pair<std::string_view, std::string_view> others[] = {
      {"a", "from `^` to `$`"},
      {"^a", "from `^` to `$`"},
      {"^a\\$", "from `^` to `$`"},
      {"^a|b$", "into a group"},
      {"^\\d+$", "knows no `\\d` in patterns"},
      {"^[\\w]$", "knows no `\\w` in a class"},
      {"^a\\.+$", "put it into a class"},
      {"^.{3}$", "be a quotation mark"},
      {"^[^a]$", "be a quotation mark"},
      {"^[ -~]$", "without its backslash"},
      {"^[A-z]$", "without its backslash"},
      {"^a\"b$", "without its backslash"},
      {"^a\\\\b$", "cannot write"},
      {"^(a$)$", "only at the ends"},
      {"^a+?$", "no lazy repetitions"},
      {"^a{2}?$", "no lazy repetitions"},
  };
  const auto gaps_of = [](std::string_view pattern) {
    return to_json_schema(Type::string({.pattern = Pattern(std::string(pattern))}), SchemaDialect::llama).gaps;
  };
  for (const auto pattern : fine) {
    CAPTURE(pattern);
    CHECK(gaps_of(pattern).empty());
  }
  for (const auto& [pattern, why] : others) {
    CAPTURE(pattern);
    const auto gaps = gaps_of(pattern);
    REQUIRE(gaps.size() == 1);
    CHECK(gaps[0].keyword == "pattern");
    CAPTURE(gaps[0].message);
    CHECK(gaps[0].message.contains(why));
  }
}

TEST_CASE("What a dialect writes in another way means the same") {
  struct Case {
    std::string_view type;
    SchemaDialect dialect;
    std::string_view value;
  };
  const Case cases[] = {
      {"Annotated[int, Field(gt=1, lt=9)]", SchemaDialect::gemini, R"({"type":"integer","minimum":2,"maximum":8})"},
      {"tuple[int, int]", SchemaDialect::openai,
       R"({"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":2})"},
      {"tuple[int, str]", SchemaDialect::openai,
       R"({"type":"array","items":{"anyOf":[{"type":"integer"},{"type":"string"}]},"minItems":2,"maxItems":2})"},
      {"dict[str, int]", SchemaDialect::llama, R"({"type":"object","additionalProperties":{"type":"integer"}})"},
      {"dict[str, Any]", SchemaDialect::llama, R"({"type":"object","additionalProperties":true})"},
      {"P{a: int, b: Optional[str]}", SchemaDialect::openai,
       R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"anyOf":[{"type":"string"},{"type":"null"}]}},)"
       R"("required":["a","b"],"additionalProperties":false,"title":"P"})"},
      {"P{b: int, a: str}", SchemaDialect::gemini,
       R"({"type":"object","properties":{"b":{"type":"integer"},"a":{"type":"string"}},"required":["b","a"],)"
       R"("additionalProperties":false,"title":"P","propertyOrdering":["b","a"]})"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.type);
    const auto signature = Signature::parse(std::format("q -> v: {}", each.type));
    CHECK(to_text(to_json_schema(signature, each.dialect).schema.at("properties").at("v")) == each.value);
  }
}

TEST_CASE("Nothing stands beside a reference where a dialect forbids it") {
  auto signature = Signature::parse("q -> v: N{n: Optional[N]}");
  signature.outputs[0].description = "A chain.";

  CHECK(to_text(to_json_schema(signature, SchemaDialect::openai).schema.at("properties").at("v")) ==
        R"({"description":"A chain.","anyOf":[{"$ref":"#/$defs/N"}]})");
  CHECK(to_text(to_json_schema(signature).schema.at("properties").at("v")) ==
        R"({"$ref":"#/$defs/N","description":"A chain."})");
}

TEST_CASE("OpenAI's root is an object, of a recursive type too") {
  const auto text = to_json_schema(Type::string(), SchemaDialect::openai);
  CHECK(names_of(text.gaps) == std::vector<std::string>{" type!"});
  CHECK(text.gaps[0].message == "OpenAI's strict mode wants an object at the root; put the value into a field");

  const auto node = to_json_schema(Type::parse("Node{next: Optional[Node]}"), SchemaDialect::openai);
  CHECK(node.is_accepted());
  CHECK(node.schema.at("type") == "object");
  CHECK(node.schema.at("$defs").at("Node").at("type") == "object");
}

TEST_CASE("Schemas that are too large for a provider are told before they are sent") {
  std::string deep = "int";
  for (int i = 0; i < 12; ++i) deep = "P{a: " + deep + "}";
  std::string many = "q -> a0: Optional[int]";
  for (int i = 1; i < 30; ++i) many += std::format(", a{}: Optional[int]", i);
  std::string words = "q -> a: Literal['w'";
  for (int i = 0; i < 1200; ++i) words += std::format(", 'w{}'", i);

  CHECK(to_json_schema(Signature::parse("q -> v: " + deep), SchemaDialect::openai).gaps[0].message ==
        "OpenAI's strict mode takes up to 10 levels, and this has 13; ask for less at once");
  CHECK(names_of(to_json_schema(Signature::parse(many), SchemaDialect::anthropic).gaps) ==
        std::vector<std::string>{" size!", " size!"});
  CHECK(names_of(to_json_schema(Signature::parse(words + "]"), SchemaDialect::openai).gaps) ==
        std::vector<std::string>{" size!"});
  CHECK(to_json_schema(Signature::parse(many), SchemaDialect::gemini).is_accepted());
}

TEST_CASE("Dialects have names") {
  for (const auto dialect : providers) CHECK(schema_dialect(to_string(dialect)) == dialect);
  CHECK(schema_dialect("json_schema") == SchemaDialect::json_schema);
  const auto wrong = attempt([] { schema_dialect("open-ai"); });
  CHECK(std::string_view(wrong.error().what()) ==
        "there is no dialect `open-ai` of JSON Schema; use `json_schema`, `openai`, `anthropic`, `gemini` or `llama`");
}

TEST_CASE("A schema's fault has its pointer and its byte") {
  CHECK(message_of(R"({"type": "object", "properties": {"age": {"not": {"type": "null"}}}})") ==
        "the schema at `#/properties/age/not`, byte 49: a type cannot say `not`; say what is allowed instead");
  const auto fault = attempt([] { parse_json_schema(R"({"properties": {"a": {"type": "int"}}})"); });
  CHECK(fault.error().info().position == 30);
  CHECK(message_of("{\"type\": ") == "the schema is not JSON at byte 9: incomplete JSON");
  CHECK(message_of(R"({"type": "string", "type": "null"})").contains("at byte 19: the member \"type\" is duplicated"));
  CHECK(message_of(std::string(1000, '[')).contains("too deep"));
}

TEST_CASE("Unsupported keywords are left out and told where that is allowed") {
  const auto schema =
      *parse_json(R"({"type": "array", "contains": {"const": 1}, "items": {"type": "integer", "not": {}}})");

  const auto imported = from_json_schema(schema, {.allow_unsupported = true});

  CHECK(to_notation(imported.type) == "list[int]");
  CHECK(names_of(imported.gaps) == std::vector<std::string>{"/contains contains", "/items/not not"});
  CHECK(imported.gaps[0].message == "left out: a type cannot say `contains`; check it with a validator");
  // What is wrong stays wrong.
  CHECK_FALSE(attempt([] { return from_json_schema(*parse_json(R"({"type": 3})"), {.allow_unsupported = true}); }));
}

TEST_CASE("Names, labels, descriptions and defaults of members are read") {
  const auto imported = parse_json_schema(R"({"title": "Support ticket", "type": "object", "properties": {
      "key_facts": {"title": "Key Facts", "type": "array", "items": {"type": "string"}, "description": "Briefly."},
      "user": {"title": "Who asks", "type": "string", "default": "nobody"},
      "place": {"$ref": "#/$defs/Place[int]"}},
    "required": ["key_facts", "place"], "additionalProperties": false,
    "$defs": {"Place[int]": {"description": "Where.", "type": "object", "properties": {}, "additionalProperties": false}}})");

  CHECK(to_notation(imported.type) ==
        "SupportTicket{key_facts: Annotated[list[str], Field(desc='Briefly.')], "
        "user: Annotated[str, Field(label='Who asks')] = 'nobody', "
        "place: Annotated[PlaceInt{}, Field(desc='Where.')]}");
  CHECK(names_of(imported.gaps) == std::vector<std::string>());
}

TEST_CASE("A schema that grows without measure is refused") {
  std::string text = R"({"$ref": "#/$defs/d0", "$defs": {"end": {"type": "integer"})";
  for (int i = 0; i < 40; ++i) {
    const auto next = i == 39 ? std::string("end") : std::format("d{}", i + 1);
    text += std::format(R"(, "d{0}": {{"type": "array", "prefixItems": [{{"allOf": [{{"$ref": "#/$defs/{1}"}}]}}, )"
                        R"({{"allOf": [{{"$ref": "#/$defs/{1}"}}]}}], "minItems": 2, "items": false}})",
                        i, next);
  }
  CHECK(message_of(text + "}}").contains("has more than 100000 parts"));
}
