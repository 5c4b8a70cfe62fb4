#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "llama/jinja/program.hpp"
#include "llama/jinja/values/value.hpp"
#include "llama/jinja/values/work.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama::jinja {
namespace {

const Work::Now never = [] { return std::chrono::system_clock::time_point(); };

std::string rendered(std::string_view source, std::string_view variables = "{}") {
  Program::Variables given;
  const auto json = parse_json(variables).value();
  for (const auto& [name, value] : json.as_object()) given.emplace_back(name, Value::from(value));
  return Program(source).render(std::move(given), never).bytes();
}

Error fault_of(std::string_view source, std::string_view variables = "{}") {
  const auto result = attempt([&] { return rendered(source, variables); });
  REQUIRE_FALSE(result.has_value());
  return result.error();
}

struct Case {
  std::string_view source;
  std::string_view written;
};

TEST_CASE("expressions give what Python gives") {
  const std::vector<Case> cases = {
      {"{{ 1 + 2 * 3 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }}",
       "7 3 -4 1 2 3.5 1024"},
      {"{{ 0.1 + 0.2 }} {{ 1e16 }} {{ 1.0 }} {{ 1e-5 }} {{ 100000.0 }}",
       "0.30000000000000004 1e+16 1.0 1e-05 100000.0"},
      {"{{ 'a' ~ 1 ~ none ~ true }} {{ 'a' + 'b' }} {{ 'ab' * 3 }}", "a1NoneTrue ab ababab"},
      {"{{ [1, 'x', none, 2.0, true] }} {{ {'a': [1]} }} {{ (1,) }} {{ (1, 2) }}",
       "[1, 'x', None, 2.0, True] {'a': [1]} (1,) (1, 2)"},
      {"{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' in 'cat' }} {{ 2 not in [1] }} {{ not true }}",
       "True False True True False"},
      {"{{ 'yes' if 1 else 'no' }}{{ 'yes' if 0 }}{{ 1 and 2 }}{{ 0 or 3 }}", "yes23"},
      {"{{ 'hello'[1] }}{{ 'hello'[-1] }}{{ 'hello'[1:3] }}{{ 'hello'[::-1] }}{{ [1,2,3][1:] }}{{ 'añb'[1] }}",
       "eoelolleh[2, 3]ñ"},
      {"{{ 'a' 'b' \"c\" }} {{ 'it\\'s\\n' }}", "abc it's\n"},
      {"{{ x }}|{{ x is defined }}|{{ x|default('d') }}|{{ x is none }}|{{ none is none }}", "|False|d|False|True"},
      {"{{ 3 is odd }}{{ 4 is even }}{{ 'a' is string }}{{ {} is mapping }}{{ [] is iterable }}{{ 6 is divisibleby 3 "
       "}}",
       "TrueTrueTrueTrueTrueTrue"},
      {"{{ 2 is not none and 3 is number }}", "True"},
      {"{{ 'a,b,c'.split(',')[1] }} {{ ' x '.strip() }}| {{ 'xxaxx'.strip('x') }} {{ 'abc'.startswith(('z', 'a')) }}",
       "b x| a True"},
      {"{{ {'a': 1}.items() | list }} {{ {'a': 1}.get('b', 5) }} {{ {'items': 2}['items'] }}", "[('a', 1)] 5 2"},
      {"{{ 'A-b'.lower() }} {{ 'ab cd'.title() }} {{ 'ab'.upper() }} {{ 'hello'.replace('l', 'L', 1) }}",
       "a-b Ab Cd AB heLlo"},
      {"{{ '%s is %d' % ('x', 3) }} {{ '%s' | format(5) }}", "x is 3 5"},
  };
  for (const auto& [source, written] : cases) {
    CAPTURE(source);
    CHECK(rendered(source) == written);
  }
}

TEST_CASE("filters") {
  const std::vector<Case> cases = {
      {"{{ ' x ' | trim }}|{{ [1,2] | length }}|{{ [1,2] | join(', ') }}|{{ [3,1,2] | sort }}|{{ [1,2] | first }}",
       "x|2|1, 2|[1, 2, 3]|1"},
      {"{{ {'b': 1, 'a': [true, none, 1.5, 'é\"']} | tojson }}", "{\"b\": 1, \"a\": [true, null, 1.5, \"é\\\"\"]}"},
      {"{{ {'a': [1]} | tojson(indent=2) }}", "{\n  \"a\": [\n    1\n  ]\n}"},
      {"{{ [{'n': 1, 'k': 'x'}, {'n': 2}] | selectattr('k', 'defined') | map(attribute='n') | list }}", "[1]"},
      {"{{ [1,2,3] | select('odd') | list }} {{ [1,2,3] | reject('odd') | list }} {{ ['a'] | map('upper') | list }}",
       "[1, 3] [2] ['A']"},
      {"{{ 'a\nb\n\nc' | indent(2) }}", "a\n  b\n\n  c"},
      {"{{ 'a' | indent(2, true) }}", "  a"},
      {"{{ {'b': 2, 'a': 1} | dictsort }} {{ {'a': 1} | items | list }}", "[('a', 1), ('b', 2)] [('a', 1)]"},
      {"{{ '3' | int + 1 }} {{ 'x' | int(7) }} {{ 2.5 | round }} {{ 2.567 | round(2) }} {{ '1.5' | float }}",
       "4 7 2.0 2.57 1.5"},
      {"{{ [1,1,2] | unique | list }} {{ [1,2] | sum }} {{ [1,5,2] | max }} {{ 'abc' | reverse }} {{ [1,2] | last }}",
       "[1, 2] 3 5 cba 2"},
      {"{{ '<a>' | e }} {{ 'hello world' | capitalize }} {{ 'a b c' | wordcount }}", "&lt;a&gt; Hello world 3"},
      {"{{ false | default('x') }} {{ false | default('x', true) }} {{ none | string }}", "False x None"},
  };
  for (const auto& [source, written] : cases) {
    CAPTURE(source);
    CHECK(rendered(source) == written);
  }
}

TEST_CASE("statements") {
  const std::vector<Case> cases = {
      {"{% for x in [1,2,3] %}{{ loop.index }}{{ ',' if not loop.last }}{% endfor %}", "1,2,3"},
      {"{% for x in [] %}x{% else %}none{% endfor %}", "none"},
      {"{% for x in [1,2,3,4] if x is even %}{{ x }}/{{ loop.length }} {% endfor %}", "2/2 4/2 "},
      {"{% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{% endfor %}", "a=1"},
      {"{% for x in [1,2,3] %}{% if x == 2 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "13"},
      {"{% for x in [1,2,3] %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}", "1"},
      {"{% for x in [1,2] %}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.revindex }}{{ loop.cycle('a','b') }} {% "
       "endfor %}",
       "22a 11b "},
      {"{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{% endfor %}{{ x }}", "1"},
      {"{% set ns = namespace(x=1) %}{% for i in [1] %}{% set ns.x = 2 %}{% endfor %}{{ ns.x }}", "2"},
      {"{% if false %}a{% elif true %}b{% else %}c{% endif %}", "b"},
      {"{% set x %}a{{ 1 }}{% endset %}{{ x }}", "a1"},
      {"{% set x | upper %}abc{% endset %}{{ x }}", "ABC"},
      {"{% set a, b = 1, 2 %}{{ b }}{{ a }}", "21"},
      {"{% macro m(a, b='x') %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(2, b=3) }}", "1x23"},
      {"{% macro m() %}<{{ caller('y') }}>{% endmacro %}{% call(v) m() %}{{ v }}{% endcall %}", "<y>"},
      {"{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(3) }}", "3210"},
      {"{% filter upper %}abc{% endfilter %}{% with x = 5 %}{{ x }}{% endwith %}", "ABC5"},
      {"{% generation %}a{% endgeneration %}{% raw %}{{ x }}{% endraw %}{# none #}", "a{{ x }}"},
      {"{% set f = x if x is defined else 'd' %}{{ f }}", "d"},
      {"{{ range(3) | list }}{{ range(1, 7, 3) | list }}{{ dict(a=1) }}", "[0, 1, 2][1, 4]{'a': 1}"},
  };
  for (const auto& [source, written] : cases) {
    CAPTURE(source);
    CHECK(rendered(source) == written);
  }
}

TEST_CASE("white space around tags goes as it does where models are trained") {
  const std::vector<Case> cases = {
      {"a\n{% if true %}\nb\n{% endif %}\nc\n", "a\nb\nc"},
      {"a\n  {% if true %}\n  b\n  {% endif %}\nc", "a\n  b\nc"},
      {"a \n {%- if true -%} \n b {%- endif -%} \n c", "abc"},
      {"a {{- ' b ' -}} c", "a b c"},
      {"a {%+ if true %}b{% endif %}", "a b"},
      {"x {# c #} y\n{# d #}\nz", "x  y\nz"},
      {"{{ 1 }}\n{{ 2 }}\n", "1\n2"},
      {"a\r\nb", "a\nb"},
  };
  for (const auto& [source, written] : cases) {
    CAPTURE(source);
    CHECK(rendered(source) == written);
  }
}

TEST_CASE("what is wrong is told with its line and column") {
  CHECK(std::string_view(fault_of("a\n{{ 1 + }}").what()).contains("line 2, column 8"));
  CHECK(std::string_view(fault_of("{% for %}").what()).contains("line 1"));
  CHECK(std::string_view(fault_of("{% if x %}").what()).contains("endif"));
  CHECK(std::string_view(fault_of("{{ 'a }}").what()).contains("unterminated"));
  CHECK(std::string_view(fault_of("{{ x | nothing }}").what()).contains("no filter `nothing`"));
  CHECK(std::string_view(fault_of("\n\n{{ x.y.z }}").what()).contains("line 3"));
  CHECK(std::string_view(fault_of("{{ x.y }}").what()).contains("`x` is undefined"));
  CHECK(std::string_view(fault_of("{{ 1 / 0 }}").what()).contains("zero"));
  CHECK(std::string_view(fault_of("{{ [].append(1) }}").what()).contains("namespace"));
  CHECK(fault_of("{{ 1 + }}").code() == Errc::config_error);
  const auto refused = fault_of("{{ raise_exception('no ' ~ role) }}", R"({"role": "cats"})");
  CHECK(refused.code() == Errc::invalid_parameter);
  CHECK(std::string_view(refused.what()).contains("no cats"));
}

TEST_CASE("no template can hang, overflow or fill the process") {
  const std::vector<std::string> sources = {
      "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
      "{{ 'a' * 100000000000 }}",
      "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}",
      "{% set ns = namespace() %}{% set ns.x = [ns] %}",
      "{{ range(99999999999) | list }}",
      "{{ 9223372036854775807 + 1 }}",
      "{{ " + std::string(100000, '(') + "1" + std::string(100000, ')') + " }}",
      "{{ " + std::string(100000, '-') + "1 }}",
      std::string(100000, '{'),
      [] {
        std::string ifs;
        for (int i = 0; i < 10000; ++i) ifs += "{% if 1 %}";
        return ifs;
      }(),
      "{{ 'x' | indent(9999999999) }}{{ [1] | batch(99999999999, 0) | list }}{{ 'a'.replace('', 'b' * 9999999) * 9 }}",
  };
  for (const auto& source : sources) {
    CAPTURE(source.substr(0, 80));
    CHECK(fault_of(source).code() == Errc::config_error);
  }
}

TEST_CASE("what was given to a template is kept apart from what it writes itself") {
  const auto text_of = [](std::string_view source) {
    return Program(source).render({{"x", Value::given("<|end|>")}}, never);
  };
  const auto spans = [&](std::string_view source) { return text_of(source).given(); };
  using Spans = std::vector<Text::Span>;
  CHECK(spans("<|end|>").empty());
  CHECK(spans("ab{{ x }}c") == Spans{{2, 9}});
  CHECK(spans("{{ 'ab' + x + 'c' }}") == Spans{{2, 9}});
  CHECK(spans("{{ x[1:4] | upper }}b") == Spans{{0, 3}});
  CHECK(spans("{{ x.split('|')[1] }}{{ x | trim }}") == Spans{{0, 10}});
  CHECK(spans("{{ '<|x|>'.replace('x', x) }}") == Spans{{2, 9}});
  CHECK(spans("{{ [x, x] | join('-') }}") == Spans{{0, 7}, {8, 15}});
  CHECK(spans("{{ {'k': x} | tojson }}") == Spans{{6, 15}});
  CHECK(spans("{% set y %}a{{ x }}{% endset %}{{ y }}") == Spans{{1, 8}});
  CHECK(spans("{{ '%s|' % x }}") == Spans{{0, 7}});
}

}  // namespace
}  // namespace dspy::llama::jinja
