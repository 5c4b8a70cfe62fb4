#include "dspy/base/error.hpp"
#include "llama/mask/grammars/gbnf.hpp"
#include "support/mask/accepts.hpp"

#include <doctest/doctest.h>

#include <format>
#include <string>
#include <vector>

using namespace dspy;
using namespace dspy::llama::mask;
using dspy::test::accepts;

TEST_CASE("a grammar of llama.cpp's examples holds its texts") {
  // Arithmetic, with what real grammars have in them: comments, groups over lines, white space rules.
  const auto grammar = compile_gbnf(R"gbnf(
# expressions, one a line
root  ::= (expr "=" ws term "\n")+
expr  ::= term ([-+*/] term)*
term  ::= ident | num | ( "(" ws   # over two lines
          expr ")" ws )
ident ::= [a-z] [a-z0-9_]* ws
num   ::= [0-9]{1,15} ("." [0-9]+)? ws
ws    ::= [ \t\n]*
)gbnf");

  CHECK(accepts(grammar, "a+1=2\n"));
  CHECK(accepts(grammar, "(a*(b -1.5)) = x1\n7=7\n"));
  CHECK_FALSE(accepts(grammar, "a+=2\n"));
  CHECK_FALSE(accepts(grammar, "(a=2\n"));
}

TEST_CASE("recursion nests as deep as it is written") {
  const auto grammar = compile_gbnf(R"(root ::= "[" (root ("," root)*)? "]")");

  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(accepts(grammar, nested(5000)));
  CHECK_FALSE(accepts(grammar, nested(5000) + "]"));
  CHECK(accepts(grammar, "[[],[[],[]]]"));
}

TEST_CASE("what many alternatives share is followed once, not once for each of them") {
  // After each letter there are twice as many ways to have read the text.
  const auto grammar = compile_gbnf(R"(root ::= . (("a"? root){49}){50}?)");
  constexpr std::size_t letters = 120;

  Automaton automaton(grammar.pool, grammar.start);
  auto at = automaton.start();
  for (std::size_t i = 0; i < letters; ++i) at = automaton.next(at, 'a');

  CHECK(automaton.goes_on(at));
  CHECK(automaton.accepts(automaton.next(automaton.start(), 'a')));
  CHECK(automaton.goes_on(automaton.without_far_bounds(at, 20)));
}

TEST_CASE("the shortest text of thousands of rules, each of which needs the next, is found") {
  constexpr std::size_t rules = 5000;
  std::string text = "root ::= \"a\" r1\n";
  for (std::size_t i = 1; i < rules; ++i) text += std::format("r{} ::= \"a\" r{}\n", i, i + 1);
  text += std::format("r{} ::= \"b\"\n", rules);
  const auto grammar = compile_gbnf(text);

  Automaton automaton(grammar.pool, grammar.start);

  CHECK(automaton.least_bytes(automaton.start()) == rules + 1);
  CHECK(automaton.shortest(automaton.start()) == std::string(rules, 'a') + "b");
}

TEST_CASE("escapes, negated sets and characters beyond ASCII are understood") {
  const auto grammar = compile_gbnf(R"(root ::= "\"\x41\u00e9\U0001F600\\" [^\]\n]? .)");

  CHECK(accepts(grammar, "\"A\xC3\xA9\xF0\x9F\x98\x80\\x\n"));
  CHECK(accepts(grammar, "\"A\xC3\xA9\xF0\x9F\x98\x80\\\xE2\x82\xAC"));
  CHECK_FALSE(accepts(grammar, "\"A\xC3\xA9\xF0\x9F\x98\x80\\]]"));
}

TEST_CASE("a grammar that cannot be used is refused with what is wrong and where") {
  struct Case {
    std::string grammar;
    std::string message;
    std::size_t position;
  };
  const std::vector<Case> cases = {
      {"", "there is no rule `root`; name the start rule `root`", 0},
      {"root ::= thing", "there is no rule `thing`", 9},
      {"root ::= root \"a\" | \"b\"",
       "the rule `root` is left-recursive; make it right-recursive, as in `list ::= item list?`", 0},
      {"root ::= a\na ::= \"\"? b\nb ::= a \"x\" | \"y\"",
       "the rule `a` is left-recursive; make it right-recursive, as in `list ::= item list?`", 9},
      {"root ::= \"a\" root", "the rule `root` never ends", 0},
      {"root ::= \"a", "the literal has no end", 9},
      {"root ::= [a", "`[` is not closed", 9},
      {"root ::= []", "no character is in this set", 9},
      {"root ::= (\"a\"", "`(` is not closed", 9},
      {"root ::= \"a\" )", "expected the end of the line", 13},
      {"root = \"a\"", "expected `::=` after `root`", 5},
      {"root ::= \"a\"\nroot ::= \"b\"", "the rule `root` is defined twice", 13},
      {"root ::= \"\\q\"", "`\\q` is not an escape", 10},
      {"root ::= \"a\"{2,1}", "expected `{n}`, `{n,}`, `{,m}` or `{n,m}` with n up to m", 12},
      {"root ::= <think>", "tokens cannot be named in a mask's grammar; write their text", 9},
      {"root ::= \"\xFF\"", "is not UTF-8", 10},
      {"root ::= " + std::string(300, '(') + "\"a\"" + std::string(300, ')'), "groups are nested too deeply", 209},
  };
  for (const auto& [grammar, message, position] : cases) {
    CAPTURE(grammar);
    Pool pool;
    const auto expr = parse_gbnf(pool, grammar);
    REQUIRE_FALSE(expr.has_value());
    CHECK(expr.error().message == message);
    CHECK(expr.error().position == position);
  }
  CHECK_THROWS_WITH_AS(compile_gbnf("root ::= thing"), "the grammar cannot be used: there is no rule `thing` (byte 9)",
                       Error);
}
