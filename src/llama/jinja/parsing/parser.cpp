#include "llama/jinja/parsing/parser.hpp"

#include "llama/jinja/parsing/cursor.hpp"
#include "llama/jinja/parsing/expression_parser.hpp"
#include "llama/jinja/parsing/lexer.hpp"
#include "llama/jinja/values/fault.hpp"

#include <algorithm>
#include <format>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <utility>

namespace dspy::llama::jinja {
namespace {

using Kind = Statement::Kind;

class Parser {
 public:
  explicit Parser(std::string_view source) : cursor_(tokens_of(source)) {}

  Block run() {
    auto out = block({});
    if (!cursor_.now().is(Token::Kind::end)) cursor_.refuse("the end of the template");
    return out;
  }

 private:
  using Ends = std::initializer_list<std::string_view>;

  /// Statements up to a tag that begins with one of `ends`; that tag's `{%` is taken.
  Block block(Ends ends) {
    const Cursor::Deeper deeper(cursor_);
    Block out;
    for (;;) {
      const auto& token = cursor_.now();
      switch (token.kind) {
        case Token::Kind::data: out.push_back(data(cursor_.take())); break;
        case Token::Kind::print_begin: out.push_back(print()); break;
        case Token::Kind::tag_begin: {
          const auto place = cursor_.take().place;
          if (std::ranges::any_of(ends, [&](std::string_view end) { return cursor_.now().is_name(end); })) return out;
          out.push_back(tag(place));
          break;
        }
        default:
          if (ends.size() > 0) cursor_.refuse(std::format("`{{% {} %}}`", *(ends.end() - 1)));
          return out;
      }
    }
  }

  /// The same, and the tag at the end, which is the only one possible.
  Block body(std::string_view end) {
    auto out = block({end});
    cursor_.take();
    end_tag();
    return out;
  }

  /// The same for what is called from elsewhere: `break` in it cannot leave the loop it is written in.
  Block callable_body(std::string_view end) {
    const auto loops = std::exchange(loops_, 0);
    auto out = body(end);
    loops_ = loops;
    return out;
  }

  void end_tag() { cursor_.expect(Token::Kind::tag_end, "`%}`"); }

  static std::unique_ptr<Statement> make(Kind kind, Place place) {
    auto out = std::make_unique<Statement>();
    out->kind = kind;
    out->place = place;
    return out;
  }

  static std::unique_ptr<Statement> data(const Token& token) {
    auto out = make(Kind::data, token.place);
    out->text = token.text;
    return out;
  }

  std::unique_ptr<Statement> print() {
    auto out = make(Kind::print, cursor_.take().place);
    out->expression = parse_tuple(cursor_);
    cursor_.expect(Token::Kind::print_end, "`}}`");
    return out;
  }

  std::unique_ptr<Statement> tag(Place place) {
    const auto name = cursor_.expect_name("a statement");
    if (name == "if") return condition(place);
    if (name == "for") return loop(place);
    if (name == "set") return set(place);
    if (name == "macro") return macro(place);
    if (name == "call") return call(place);
    if (name == "filter") return filter(place);
    if (name == "with") return with(place);
    if (name == "generation") return part(place);
    if (name == "break" || name == "continue") {
      if (loops_ == 0) throw fault(place, std::format("`{}` is outside a loop", name));
      end_tag();
      return make(name == "break" ? Kind::leave : Kind::next, place);
    }
    if (name == "do") {
      auto out = make(Kind::run, place);
      out->expression = parse_tuple(cursor_);
      end_tag();
      return out;
    }
    throw fault(place, std::format("there is no statement `{}`", name));
  }

  std::unique_ptr<Statement> condition(Place place) {
    auto out = make(Kind::condition, place);
    out->expression = parse_tuple(cursor_, false);
    end_tag();
    out->body = block({"elif", "else", "endif"});
    const auto end = cursor_.take();
    if (end.text == "elif") {
      const Cursor::Deeper deeper(cursor_);
      out->otherwise.push_back(condition(end.place));
      return out;
    }
    end_tag();
    if (end.text == "else") out->otherwise = body("endif");
    return out;
  }

  std::unique_ptr<Statement> loop(Place place) {
    auto out = make(Kind::loop, place);
    out->targets = parse_targets(cursor_, false);
    if (!cursor_.take_name("in")) cursor_.refuse("`in`");
    out->expression = parse_tuple(cursor_, false);
    if (cursor_.take_name("if")) out->filter = parse_expression(cursor_);
    if (cursor_.now().is_name("recursive")) throw fault(place, "recursive loops are not known here");
    end_tag();
    ++loops_;
    const auto begin = cursor_.position();
    out->body = block({"else", "endfor"});
    out->uses_loop = cursor_.mentions("loop", begin);
    --loops_;
    const auto end = cursor_.take();
    end_tag();
    if (end.text == "else") out->otherwise = body("endfor");
    return out;
  }

  std::unique_ptr<Statement> set(Place place) {
    auto out = make(Kind::set, place);
    out->targets = parse_targets(cursor_, true);
    if (cursor_.take_sign("=")) {
      out->expression = parse_tuple(cursor_);
      end_tag();
      return out;
    }
    if (out->targets.size() > 1) cursor_.refuse("`=`");
    out->kind = Kind::set_block;
    if (cursor_.take_sign("|")) out->filter = parse_filters(cursor_, nullptr, true);
    end_tag();
    out->body = body("endset");
    return out;
  }

  void parameters(Statement& out) {
    if (!cursor_.take_sign("(")) return;
    while (!cursor_.take_sign(")")) {
      if (!out.parameters.empty()) cursor_.expect_sign(",");
      auto& each = out.parameters.emplace_back();
      each.name = cursor_.expect_name("a parameter's name");
      if (cursor_.take_sign("="))
        each.preset = parse_expression(cursor_);
      else if (out.parameters.size() > 1 && out.parameters[out.parameters.size() - 2].preset)
        cursor_.refuse("`=`, as for the parameter before it");
    }
  }

  std::unique_ptr<Statement> macro(Place place) {
    auto out = make(Kind::macro, place);
    out->text = cursor_.expect_name("the macro's name");
    parameters(*out);
    end_tag();
    out->body = callable_body("endmacro");
    return out;
  }

  std::unique_ptr<Statement> call(Place place) {
    auto out = make(Kind::call, place);
    parameters(*out);
    out->expression = parse_expression(cursor_);
    if (out->expression->kind != Expression::Kind::call) throw fault(place, "`call` needs the call of a macro");
    end_tag();
    out->body = callable_body("endcall");
    return out;
  }

  std::unique_ptr<Statement> filter(Place place) {
    auto out = make(Kind::filter, place);
    out->filter = parse_filters(cursor_, nullptr, true);
    if (!out->filter) cursor_.refuse("a filter's name");
    end_tag();
    out->body = body("endfilter");
    return out;
  }

  std::unique_ptr<Statement> with(Place place) {
    auto out = make(Kind::with, place);
    while (!cursor_.now().is(Token::Kind::tag_end)) {
      if (!out->targets.empty()) cursor_.expect_sign(",");
      auto targets = parse_targets(cursor_, false);
      if (targets.size() != 1) cursor_.refuse("`=`");
      out->targets.push_back(std::move(targets.front()));
      cursor_.expect_sign("=");
      out->values.push_back(parse_expression(cursor_));
    }
    end_tag();
    out->body = body("endwith");
    return out;
  }

  std::unique_ptr<Statement> part(Place place) {
    auto out = make(Kind::part, place);
    end_tag();
    out->body = body("endgeneration");
    return out;
  }

  Cursor cursor_;
  int loops_ = 0;
};

}  // namespace

Block parse(std::string_view source) {
  return Parser(source).run();
}

}  // namespace dspy::llama::jinja
